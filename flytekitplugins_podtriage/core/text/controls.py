"""Removing what controls a terminal or a page from a text."""

from __future__ import annotations

import re
from typing import Final

_ANSI: Final = re.compile(r"\x1b\[[0-9;?]{0,32}[A-Za-z]")
# C0 and C1 controls (ECMA-48) except tab and line feed, and the characters that reorder text (Unicode UAX 9).
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def without_controls(text: str) -> str:
    r"""Return a text without terminal sequences, and with a space for each other control character.

    >>> without_controls("\x1b[31mred\x1b[0m\x07")
    'red '
    """
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    return text if text.isprintable() else _CONTROLS.sub(" ", _ANSI.sub("", text))
