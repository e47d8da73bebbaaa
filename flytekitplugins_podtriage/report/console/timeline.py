"""The story of a pod on a console: in words, and as a line of time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rich.text import Text

from flytekitplugins_podtriage.report.console.symbols import TONES, Glyphs
from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.text.humanize import clock, from_now

_MOST_MARKS = 16
_FIRST_MARKS = 3
"""How many marks stand before those that are left out."""
_GAP = 3
_SYNC = timedelta(seconds=2)
_WIDEST, _NARROWEST = 100, 30
_FAR = 6
"""How many times the story so far a charge may be away and still be drawn."""


def in_words(told: Explanation, glyphs: Glyphs, width: int) -> Iterator[Text]:
    """Yield the story in words, line by line: ``14:01:52 scheduled   14:02:11 429 ...``."""
    row = Text()
    for entry in _with_zone(_entries(told, glyphs)):
        if row.cell_len and row.cell_len + _GAP + entry.cell_len > width:
            yield row
            row = Text()
        row = row + Text(" " * _GAP) + entry if row.cell_len else entry
    if row.cell_len:
        yield row


def _entries(told: Explanation, glyphs: Glyphs) -> Iterator[Text]:
    left_out = len(told.story) - _MOST_MARKS if len(told.story) > _MOST_MARKS + 1 else 0
    for place, mark in enumerate(told.story):
        if left_out > 0 and _FIRST_MARKS <= place < _FIRST_MARKS + left_out:
            if place == _FIRST_MARKS:
                yield Text(f"({left_out} more)", style="dim")
            continue
        times = f" ({glyphs.times}{mark.count})" if mark.count > 1 else ""
        entry = Text()
        entry.append(f"{clock(mark.at, told.now)} ", style="dim")
        entry.append(mark.label + times, style=TONES[mark.tone])
        yield entry
    if told.next_try is not None:
        when = from_now(told.next_try, told.now) if told.next_try > told.now + _SYNC else "any moment"
        yield Text(f"next try {when}", style="cyan")


def _with_zone(entries: Iterator[Text]) -> Iterator[Text]:
    """Yield the entries; the last of them, which no line break parts from it, says what the times are."""
    last: Text | None = None
    for entry in entries:
        if last is not None:
            yield last
        last = entry
    if last is not None:
        yield last.append("   UTC", style="dim not bold")


def as_line(told: Explanation, glyphs: Glyphs, width: int) -> Iterator[Text]:
    """Yield the story as a line of time, with the present and the charges to come, and what its signs mean."""
    dues = [bill for bill in told.bills if bill.charge.at is not None and bill.charge.at > told.now]
    begin = told.story[0].at
    span_so_far = max((told.now - begin).total_seconds(), 1.0)
    # A charge that is very far off would press everything else to the left.
    dues = [
        bill
        for bill in dues
        if bill.charge.at is not None and (bill.charge.at - begin).total_seconds() < _FAR * span_so_far
    ]
    ends = [told.now, *(bill.charge.at for bill in dues if bill.charge.at is not None)]
    last_story = told.story[-1].at
    end = max(ends) if told.bills and not told.failing else max(last_story, begin)
    span = (end - begin).total_seconds()
    size = min(width, _WIDEST) - 1
    if span < 1 or size < _NARROWEST:
        return
    cells: list[tuple[str, str]] = [(glyphs.rail, "dim")] * (size + 1)

    def put(seconds: float, sign: str, style: str) -> None:
        cells[max(0, min(size, round(seconds / span * size)))] = (sign, style)

    if begin <= told.now <= end:
        put((told.now - begin).total_seconds(), glyphs.now, "bold")
    for mark in told.story:
        if begin <= mark.at <= end:
            put((mark.at - begin).total_seconds(), glyphs.of(mark.tone), TONES[mark.tone])
    for bill in dues:
        if bill.charge.at is not None:
            put((bill.charge.at - begin).total_seconds(), glyphs.charge, "bold red" if bill.wrong else "bold")
    text = Text()
    for sign, style in cells:
        text.append(sign, style=style)
    yield text
    if dues:
        legend = Text()
        legend.append(f"{glyphs.now} now   {glyphs.charge} ", style="dim")
        legend.append("charged if nothing changes: ", style="dim")
        legend.append(
            ", ".join(f"{bill.label} {clock(bill.charge.at, told.now)}" for bill in dues if bill.charge.at), "dim"
        )
        yield legend
