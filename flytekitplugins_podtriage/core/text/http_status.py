"""The HTTP status that a message reports.

A number alone may be part of a tag, a port or a size. It is a status in the contexts that the clients' code prints:

* containerd core/remotes: ``unexpected status from HEAD request to URL: 429 ...``, ``unexpected status code URL: 429``,
  ``failed with status code [manifests v1]: 429``, ``unexpected status: 403 Forbidden``;
* containers/image: ``StatusCode: 429, "..."``, ``received unexpected HTTP status: 503 ...``,
  ``invalid status code from registry 429 (Too Many Requests)``;
* distribution's client: ``error parsing HTTP 429 response body``; ORAS: ``response status code 429``;
* anything that spells the number with its own reason phrase (RFC 9110 section 15): ``429 Too Many Requests``.

The first one counts: it is followed by the body of the response, which may quote another.
"""

from __future__ import annotations

from flytekitplugins_podtriage.core.text.tokens import Tokens

_BEFORE = frozenset(
    "status statuscode code http urlref registry returned received got response error errorcode answered with"
    " httpstatus respcode".split()
)
"""Words right before a status."""

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
_NOT_STATUS = frozenset({("exit", "code"), ("api", "error")})
"""A process's exit code; ``API error (500)``, and below ``(HTTP code 500) server error``: the daemon's own answer to
its client whenever a pull fails (go-dockerclient, dockerode), never the registry's."""
_STATUSES = frozenset(str(number) for number in range(400, 600))
_PROTOCOL = frozenset({"1", "0", "2", "3"})


def http_status(tokens: Tokens) -> int | None:
    """Return the status (400 to 599) that the words report, or None."""
    words = tokens.words
    numbers = _STATUSES.intersection(words)
    if not numbers:
        return None
    if len(numbers) == 1:
        (number,) = numbers
        if number in _SPELT and _SPELT[number] in tokens.line:
            return int(number)  # most messages: which of its occurrences is the first does not matter
    first = len(words)
    for number in numbers:
        spelt = _SPELT.get(number)
        if spelt is not None and (start := tokens.line.find(spelt)) >= 0:
            first = min(first, tokens.line.count(" ", 0, start))
        position = -1
        try:
            # list.index finds the next one several times faster than a loop over all words.
            while (position := words.index(number, position + 1)) < first:
                if _is_status(words, position):
                    first = position
        except ValueError:
            continue
    return int(words[first]) if first < len(words) else None


def _is_status(words: list[str], position: int) -> bool:
    """Whether the words before the number at a position make it a status."""
    before = words[position - 1] if position else ""
    earlier = words[position - 2] if position > 1 else ""
    if before in _BEFORE:
        if (earlier, before) in _NOT_STATUS:
            return False
        return not (before == "code" and words[position + 1 : position + 3] == ["server", "error"])
    # "HTTP/1.1 429", "HTTP/2 429"
    return before in _PROTOCOL and earlier in ("http", "1")
