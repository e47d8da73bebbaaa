"""Undoing what transport has done to a text: encodings, typographic characters, markup of chats and tables.

Each step runs only where its own sign stands in the text, so that ordinary messages pass through unchanged.
"""

from __future__ import annotations

import html
import re
from typing import Final

_ANSI: Final = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")
_LINE_END: Final = re.compile(r"\r\n?")
_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_SLACK: Final = re.compile(r"<(?:https?://|mailto:)[^<>|\s]{1,2048}\|([^<>|\n]{1,2048})>|<(https?://[^<>|\s]{1,2048})>")
"""A link as Slack's message format writes it: ``<URL|label>`` or ``<URL>``."""
_ENTITY: Final = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{2,5}|#x[0-9A-Fa-f]{2,4});")
_TYPOGRAPHY: Final = {
    ord("\u201c"): '"',
    ord("\u201d"): '"',
    ord("\u201e"): '"',
    ord("\u00ab"): '"',
    ord("\u00bb"): '"',
    ord("\u2018"): "'",
    ord("\u2019"): "'",
    ord("\u2013"): "-",
    ord("\u2014"): "-",
    ord("\u2026"): "...",
    ord("\u00a0"): " ",
    ord("\u2007"): " ",
    ord("\u202f"): " ",
    ord("\u200b"): None,
    ord("\u200c"): None,
    ord("\u200d"): None,
    ord("\u2060"): None,
    ord("\ufeff"): None,
}
"""Quotation marks, dashes and spaces that word processors and chats put in place of the ASCII ones."""


def normalize(text: str) -> str:
    """Return a text as the program printed it that it was copied from.

    >>> normalize("Failed%20to%20pull%20image%20%22a%2Fb%22")
    'Failed to pull image "a/b"'
    """
    if "\x00" in text:
        text = "".join(text.split("\x00"))  # UTF-16 that was decoded as an 8-bit encoding
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if "\r" in text:
        text = _LINE_END.sub("\n", text)
    if "&" in text and ";" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match[0]), text)
    if not text.isascii():
        text = text.translate(_TYPOGRAPHY)
    if "%" in text and ("%20" in text or "%22" in text):
        text = _PERCENT.sub(_decode_percent, text)
    if "<" in text and ("<http" in text or "<mailto:" in text):
        text = _SLACK.sub(lambda match: match[1] or match[2], text)
    return text


def decode(data: bytes) -> str:
    """Return the text of a file or of standard input, in whichever Unicode encoding it is.

    Windows' shells write UTF-16 with a byte order mark; without one, NUL in every other byte is the sign of it. Bytes
    that are no valid UTF-8 become replacement characters: an odd byte must not keep the rest from being read.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    head = data[:256]
    if len(head) > 3 and head[1::2].count(0) > len(head) // 4:
        return data.decode("utf-16-le", "replace")
    if len(head) > 3 and head[::2].count(0) > len(head) // 4:
        return data.decode("utf-16-be", "replace")
    return data.decode("utf-8-sig", "replace")


def _decode_percent(match: re.Match[str]) -> str:
    data = bytes(int(pair, 16) for pair in match[0].split("%")[1:])
    text = data.decode("utf-8", "replace")
    # Line feeds and other controls stay encoded: a URL in an ordinary text holds them on purpose.
    return text if text.isprintable() or text in ("\n", "\t") else match[0]
