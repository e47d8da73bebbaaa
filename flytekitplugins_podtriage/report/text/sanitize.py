"""Making text from outside fit to be shown: secrets masked, and nothing left in it that steers a terminal or a page."""

from __future__ import annotations

import re

from flytekitplugins_podtriage.core.text.redact import mask

# C0 and C1 controls (ECMA-48) but for tab and line feed, and the marks that reorder text on screen (Unicode, UAX 9).
_ANSI = re.compile(r"\x1b\[[0-9;?]{0,32}[A-Za-z]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def shown(text: str) -> str:
    """Return a text as it may be shown: secrets masked, terminal sequences and other controls taken out."""
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    if not text.isprintable():
        text = _CONTROLS.sub(" ", _ANSI.sub("", text))
    return mask(text)


def line(text: str, limit: int = 300) -> str:
    r"""Return a text as one line fit to be shown, of at most ``limit`` characters; the middle of a longer one goes.

    >>> line("a  b\nc", 80)
    'a b c'
    """
    if len(text) > 16 * limit:
        text = f"{text[: 8 * limit]} {text[-8 * limit :]}"
    text = " ".join(shown(text).split())
    if len(text) <= limit:
        return text
    head = (limit - 5) * 3 // 5
    return f"{text[:head]} ... {text[len(text) - (limit - 5 - head) :]}"
