"""A registry's JSON error body inside a message, spelled out as words that rules read.

The body decides by its code: ``{"errors":[{"code":"MANIFEST_UNKNOWN","message":"tag '429' is unknown"}]}`` says that
the manifest is unknown, whatever the message quotes. Bodies come whole or cut off, compact or spaced, escaped once or
twice, with ``detail`` (OCI distribution specification 1.1, "Error codes"; distribution's errcode package; Harbor and
Artifactory add codes of their own).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_QUOTE: Final = r"\\{0,3}[\"']"
_CODE: Final = re.compile(rf"{_QUOTE}code{_QUOTE}\s{{0,3}}:\s{{0,3}}{_QUOTE}([A-Za-z][A-Za-z_ -]{{2,60}}){_QUOTE}")
_MESSAGE: Final = re.compile(
    rf"{_QUOTE}message{_QUOTE}\s{{0,3}}:\s{{0,3}}(?:\\{{1,3}}\"([^\"\\]*)|\"((?:[^\"\\]|\\.)*)|'([^']*))"
)
_BEGINS: Final = re.compile(rf"\{{\s{{0,3}}{_QUOTE}(?:errors?|code|message){_QUOTE}\s{{0,3}}:")
_ENDS: Final = re.compile(r"\}(?:\s{0,3}[\]}])+|\}\s{0,3}$")
_DECISIVE: Final = frozenset(
    {
        "manifest unknown",
        "name unknown",
        "blob unknown",
        "manifest blob unknown",
        "blob upload unknown",
        "name invalid",
        "manifest invalid",
        "digest invalid",
        "tag invalid",
        "unsupported",
        "toomanyrequests",
        "too many requests",
    }
)
"""Codes that say all: what their message quotes (a tag, a name) is no cause. ``DENIED``, ``UNAUTHORIZED``, ``UNKNOWN``
and ``UNAVAILABLE`` are not among them: registries dress rate limits and outages as denials, and say so in the message.
"""


def spell_out_error_bodies(text: str) -> str:
    """Return a text with each registry error body replaced by its codes and what its messages add.

    >>> spell_out_error_bodies('429: {"errors":[{"code":"TOOMANYREQUESTS","message":"allowed: 44000/minute"}]}')
    '429: toomanyrequests'
    """
    if "{" not in text or ('code"' not in text and "code'" not in text and "code\\" not in text):
        return text
    begins = _BEGINS.search(text)
    code = _CODE.search(text)
    if begins is None or code is None:
        return text
    end = _ENDS.search(text, code.end())
    body = text[begins.start() : end.end() if end else len(text)]
    after = text[end.end() :] if end else ""
    words = list(_words(body))
    if not words:
        return text
    return f"{text[: begins.start()]}{', '.join(words)}{after}"


def _words(body: str) -> Iterator[str]:
    """Yield what each code of a body says, with the message after it; with the first one if none follows."""
    messages = list(_MESSAGE.finditer(body))
    following = 0
    for code in _CODE.finditer(body):
        while following < len(messages) and messages[following].start() < code.end():
            following += 1
        spelled = " ".join(re.split("[ _-]", code[1].strip().lower()))
        message = next(iter((*messages[following : following + 1], *messages[:1])), None)
        content = message[message.lastindex or 0] if message is not None else ""
        yield spelled if spelled in _DECISIVE or not content else f"{spelled}: {content}"
