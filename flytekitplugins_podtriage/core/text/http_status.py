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

from flytekitplugins_podtriage.core.text.tokens import Words

_BEFORE = frozenset(
    "status statuscode code http urlref registry returned received got response error errorcode answered with"
    " httpstatus respcode".split()
)
"""Words of which one stands right before a status."""

_SPELT = {
    "400": " 400 bad request ",
    "401": " 401 unauthorized ",
    "402": " 402 payment required ",
    "403": " 403 forbidden ",
    "404": " 404 not found ",
    "407": " 407 proxy authentication required ",
    "408": " 408 request time",
    "413": " 413 request entity",
    "429": " 429 too many requests ",
    "451": " 451 unavailable for",
    "500": " 500 internal server",
    "501": " 501 not implemented ",
    "502": " 502 bad gateway ",
    "503": " 503 service unavailable ",
    "504": " 504 gateway time",
}
_NOT_FRAMES = frozenset({("exit", "code"), ("api", "error")})
"""A process's exit code; ``API error (500)``, and below ``(HTTP code 500) server error``: the daemon's own answer to
its client whenever a pull fails (go-dockerclient, dockerode), never the registry's."""
_STATUSES = frozenset(str(number) for number in range(400, 600))
_PROTOCOL = frozenset({"1", "0", "2", "3"})


def http_status(words: Words) -> int | None:
    """Return the status (400 to 599) that the words report, or None."""
    found = _STATUSES.intersection(words.listed)
    if not found:
        return None
    listed = words.listed
    first = len(listed)
    for word in found:
        place = -1
        spelt = _SPELT.get(word)
        if spelt is not None and (start := words.line.find(spelt)) >= 0:
            first = min(first, words.line.count(" ", 0, start))
        try:
            # list.index finds the next one several times faster than a loop over all words would.
            while (place := listed.index(word, place + 1)) < first:
                if _is_framed(listed, place):
                    first = place
        except ValueError:
            continue
    return int(listed[first]) if first < len(listed) else None


def _is_framed(listed: list[str], place: int) -> bool:
    """Whether the number at a place stands where a status does."""
    before = listed[place - 1] if place else ""
    earlier = listed[place - 2] if place > 1 else ""
    if before in _BEFORE:
        if (earlier, before) in _NOT_FRAMES:
            return False
        return not (before == "code" and listed[place + 1 : place + 3] == ["server", "error"])
    # "HTTP/1.1 429", "HTTP/2 429"
    return before in _PROTOCOL and earlier in ("http", "1")
