"""The HTTP status that a message reports, found by the words that stand around the number.

A number alone is nothing: it may be part of a tag, a port or a size. It is a status where one of the frames holds it
that the clients' own code prints:

* containerd core/remotes: ``unexpected status from HEAD request to URL: 429 ...``, ``unexpected status code URL: 429``,
  ``failed with status code [manifests v1]: 429``, ``unexpected status: 403 Forbidden``;
* containers/image: ``StatusCode: 429, "..."``, ``received unexpected HTTP status: 503 ...``,
  ``invalid status code from registry 429 (Too Many Requests)``;
* distribution's client: ``error parsing HTTP 429 response body``; ORAS: ``response status code 429``;
* anything that spells the number with its own reason phrase (RFC 9110 section 15): ``429 Too Many Requests``.

The first one counts: what follows it is the body of the answer, which may quote another.
"""

from __future__ import annotations

_BEFORE = frozenset(
    "status statuscode code http urlref registry returned received got response error errorcode answered with"
    " httpstatus respcode".split()
)
"""Words of which one stands right before a status."""

_PHRASES = {
    "400": ("bad", "request"),
    "401": ("unauthorized",),
    "402": ("payment", "required"),
    "403": ("forbidden",),
    "404": ("not", "found"),
    "407": ("proxy", "authentication", "required"),
    "408": ("request", "time"),
    "413": ("request", "entity"),
    "429": ("too", "many", "requests"),
    "451": ("unavailable", "for"),
    "500": ("internal", "server"),
    "501": ("not", "implemented"),
    "502": ("bad", "gateway"),
    "503": ("service", "unavailable"),
    "504": ("gateway", "time"),
}
_NOT_FRAMES = frozenset({("exit", "code"), ("api", "error")})
"""A process's exit code; ``API error (500)``, and below ``(HTTP code 500) server error``: the daemon's own answer to
its client whenever a pull fails (go-dockerclient, dockerode), never the registry's."""
_STATUSES = frozenset(str(number) for number in range(400, 600))
_PROTOCOL = frozenset({"1", "0", "2", "3"})


def http_status(words: list[str], distinct: frozenset[str]) -> int | None:
    """Return the status (400 to 599) that the words report, or None.

    Args:
        words: the words in their order.
        distinct: the same words, each once.
    """
    if distinct.isdisjoint(_STATUSES):
        return None
    for index, word in enumerate(words):
        if word not in _STATUSES:
            continue
        before = words[index - 1] if index else ""
        if before in _BEFORE:
            if index > 1 and (words[index - 2], before) in _NOT_FRAMES:
                continue
            if before == "code" and words[index + 1 : index + 3] == ["server", "error"]:
                continue
            return int(word)
        spelt = _PHRASES.get(word)
        if spelt is not None:
            following = words[index + 1 : index + 1 + len(spelt)]
            if len(following) == len(spelt) and all(a.startswith(b) for a, b in zip(following, spelt, strict=True)):
                return int(word)
        # "HTTP/1.1 429", "HTTP/2 429"
        if before in _PROTOCOL and index > 1 and words[index - 2] in ("http", "1"):
            return int(word)
    return None
