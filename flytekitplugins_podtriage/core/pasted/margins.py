"""Undoing what a display has put around a text, and the lines that it broke.

Markdown quotes and fences, line numbers, the frames of boxes: each is removed only where every line has it. A terminal
breaks a long line at its width, in the middle of a word; a mail or a comment breaks it between words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_FENCE: Final = re.compile(r"^\s*(?:```|~~~)[\w+-]{0,20}\s*$")
_FENCES: Final = frozenset({"```", "~~~"})
_QUOTE: Final = re.compile(r"^\s{0,8}(?:> ?){1,8}")
_FRAME: Final = re.compile(r"^\s*[\u2502\u2503\u2551|]{1,2} ?")
_SIDES: Final = "\u2502\u2503\u2551|"
_BORDER: Final = re.compile(r"^\s*[\u2500-\u257f+=-]{3,}\s*$")
_NUMBER: Final = re.compile(r"^\s{0,8}(\d{1,6})(?:[:.)|\u2502]| {1,2}[|\u2502])? ?(?=\s*\S|$)")
_BEGINS: Final = re.compile(
    r"\s{2,}|$|[A-Z][\w ./()-]{0,40}:(?:\s|$)|(?:Normal|Warning)\s|\[?\d{4}-\d|[IWEF]\d{4} "
    r"|[A-Z][a-z]{2} [ \d]\d |[{}]|- "
    r"|(?:[a-z0-9][a-z0-9-]{0,62}\s{1,40})?(?:\d{1,6}[smhdy][\dsmhdy]{0,12}|<unknown>)\s{1,40}"
    r"(?:Normal|Warning|\d{1,6}[smhd][\dsmhd]{0,12}\s{1,40}\d{1,9})\s"
    r"|(?:[a-z0-9][a-z0-9-]{0,62}\s{1,40})?[a-z0-9][a-z0-9./-]{0,252}\s{1,40}\d{1,3}/\d{1,3}\s"
)
"""What begins a line of its own: a key, a row of events or of pods, a time, an indented line."""
_WIDTHS: Final = range(60, 400)
_COMMON_WIDTHS: Final = frozenset({72, 78, 79, 80, 100, 120, 132, 160, 200})
_FEW: Final = 8
"""Lines among which one begins with the side of a box, if they are in one."""
_MOST_WORDS: Final = 50
"""Lines of one sentence that was broken between words."""


def without_margins(lines: Sequence[str]) -> list[str]:
    """Return the lines without what a display put at both sides of each of them."""
    lines = [line.rstrip() for line in lines if not (line.lstrip()[:3] in _FENCES and _FENCE.match(line))]
    written = [line for line in lines if line]
    if written and all(map(_QUOTE.match, written)):
        lines = [_QUOTE.sub("", line, count=1) for line in lines]
    if len(written) > 1:
        lines = _without_frame(lines)
        lines = _without_numbers(lines)
    return lines


def _without_frame(lines: Sequence[str]) -> list[str]:
    """Remove the sides of a box: of every line but those of its border and one that the selection began in."""
    if not any(line.lstrip()[:1] in _SIDES for line in lines[:_FEW] if line):
        return list(lines)
    inner = [line for line in lines if line and not _BORDER.match(line)]
    sided = sum(1 for line in inner if _FRAME.match(line))
    if len(inner) < 2 or sided < max(len(inner) - 1, 2):
        return list(lines)
    if any(line.count("|") > 2 for line in inner):
        return list(lines)  # a table
    return [_FRAME.sub("", line, count=1).rstrip(_SIDES).rstrip() for line in lines if not _BORDER.match(line)]


def _without_numbers(lines: Sequence[str]) -> list[str]:
    """Remove line numbers: of every written line, each one more than the last."""
    first = next((line for line in lines if line), "")
    if not first.lstrip()[:1].isdigit():
        return list(lines)
    matches = [_NUMBER.match(line) for line in lines if line]
    numbers = [int(match[1]) for match in matches if match is not None]
    if len(numbers) < 3 or len(numbers) < len(matches):
        return list(lines)
    if any(after <= before or after > before + 3 for before, after in pairwise(numbers)):
        return list(lines)
    return [_NUMBER.sub("", line, count=1) for line in lines]


def without_hard_breaks(lines: Sequence[str]) -> list[str]:
    """Join the lines that a terminal broke at its width: those that are all of one length, the greatest of all."""
    width = max(map(len, lines), default=0)
    full = [
        len(line) == width and not line.endswith(("|", "\u2502")) and not _BEGINS.match(following)
        for line, following in pairwise(lines)
    ]
    broken = sum(full)
    if width not in _WIDTHS or not broken or (broken == 1 and not _is_broken_once(lines, full.index(True), width)):
        return list(lines)
    joined: list[list[str]] = []
    goes_on = False
    for line, is_full in zip(lines, [*full, False], strict=True):
        if goes_on and line.strip():
            joined[-1].append(line)
        else:
            joined.append([line])
        goes_on = is_full
    return ["".join(parts) for parts in joined]


def _is_broken_once(lines: Sequence[str], number: int, width: int) -> bool:
    """Whether the one longest line was broken by a terminal: at a common width, and where a line of its own begins.

    One that goes on with the line before it belongs to a sentence which somebody broke between words.
    """
    begins = number == 0 or not lines[number - 1].strip() or _BEGINS.match(lines[number]) is not None
    return width in _COMMON_WIDTHS and begins


def joined_text(text: str) -> str:
    """Return a text without margins, and with each sentence that was broken between words on one line.

    A line that begins with a small letter, a bracket or a quotation mark, or that follows one which ends in the middle
    of a sentence, goes on with the one before it.
    """
    joined: list[list[str]] = []
    for line in without_hard_breaks(without_margins(text.split("\n"))):
        stripped = line.strip()
        if joined and stripped and joined[-1] and len(joined[-1]) < _MOST_WORDS and _goes_on(joined[-1][-1], stripped):
            joined[-1].append(stripped)
        elif stripped:
            joined.append([stripped])
        else:
            joined.append([])
    return "\n".join(" ".join(parts) for parts in joined)


def _goes_on(before: str, line: str) -> bool:
    if line.startswith(("at ", "- ", "* ")):
        return False  # a stack frame, an item of a list
    return line[0].islower() or line[0] in "\"'([{" or not before.endswith((".", "!", "?", ";", "}"))
