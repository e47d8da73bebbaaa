"""The timeline of a pod on a console: as text, and drawn to scale on one line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.text import Text

from flytekitplugins_podtriage.report.console.symbols import TONE_STYLES, Symbols
from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.text.humanize import format_clock, format_relative

_MAX_ENTRIES = 16
_FIRST_ENTRIES = 3
"""How many entries stand before those that are left out."""
_GAP = 3
_SYNC_PERIOD = timedelta(seconds=2)
_MAX_WIDTH, _MIN_WIDTH = 100, 30
_MAX_STRETCH = 6
"""A charge further off than so many times the timeline so far is not drawn: it would squeeze the rest."""


def timeline_text(explanation: Explanation, symbols: Symbols, width: int) -> Iterator[Text]:
    """Yield the timeline as lines of text: ``14:01:52 scheduled   14:02:11 429 ...``."""
    *entries, last = _entries(explanation, symbols)
    row = Text()
    for entry in (*entries, last + Text("   UTC", style="dim not bold")):  # no line break before the time zone
        if row.cell_len and row.cell_len + _GAP + entry.cell_len > width:
            yield row
            row = Text()
        row = row + Text(" " * _GAP) + entry if row.cell_len else entry
    yield row


def _entries(explanation: Explanation, symbols: Symbols) -> Iterator[Text]:
    count = len(explanation.timeline)
    omitted = count - _MAX_ENTRIES if count > _MAX_ENTRIES + 1 else 0
    for index, entry in enumerate(explanation.timeline):
        if _FIRST_ENTRIES <= index < _FIRST_ENTRIES + omitted:
            if index == _FIRST_ENTRIES:
                yield Text(f"({omitted} more)", style="dim")
            continue
        text = Text(f"{format_clock(entry.at, explanation.now)} ", style="dim")
        yield text + Text(entry.counted_label(symbols.times), style=TONE_STYLES[entry.tone])
    if explanation.next_try is not None:
        is_ahead = explanation.next_try > explanation.now + _SYNC_PERIOD
        when = format_relative(explanation.next_try, explanation.now) if is_ahead else "any moment"
        yield Text(f"next try {when}", style="cyan")


def timeline_bar(explanation: Explanation, symbols: Symbols, width: int) -> Iterator[Text]:
    """Yield the timeline drawn to scale, with the present and the charges to come, and a legend."""
    timeline, now = explanation.timeline, explanation.now
    begin = timeline[0].at
    horizon = begin + _MAX_STRETCH * max(now - begin, timedelta(seconds=1))
    due = [
        (charge, charge.charge.at)
        for charge in explanation.charges
        if charge.charge.at is not None and now < charge.charge.at < horizon
    ]
    if explanation.charges and not explanation.failing:
        end = max([now, *(at for _, at in due)])
    else:
        end = max(timeline[-1].at, begin)
    seconds = (end - begin).total_seconds()
    last_cell = min(width, _MAX_WIDTH) - 1
    if seconds < 1 or last_cell < _MIN_WIDTH:
        return
    cells = [(symbols.line, "dim")] * (last_cell + 1)

    def cell_of(at: datetime) -> int:
        return max(0, min(last_cell, round((at - begin).total_seconds() / seconds * last_cell)))

    if begin <= now <= end:
        cells[cell_of(now)] = (symbols.now, "bold")
    for entry in timeline:
        if begin <= entry.at <= end:
            cells[cell_of(entry.at)] = (symbols.of_tone(entry.tone), TONE_STYLES[entry.tone])
    for charge, at in due:
        cells[cell_of(at)] = (symbols.charge, "bold red" if charge.wrong else "bold")
    yield Text.assemble(*cells)
    if due:
        charges = ", ".join(f"{charge.backend} {format_clock(at, now)}" for charge, at in due)
        yield Text(f"{symbols.now} now   {symbols.charge} charged if nothing changes: {charges}", style="dim")
