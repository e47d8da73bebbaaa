"""An explanation on a console: header, cause, evidence, the pod's own story, who pays, and what helps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.core.model import Evidence
from flytekitplugins_podtriage.report.explanation import Bill, Explanation, Mark, fault
from flytekitplugins_podtriage.report.glyphs import KINDS, TONES, Glyphs
from flytekitplugins_podtriage.report.moments import clock, from_now
from flytekitplugins_podtriage.report.shown import line

_MOST_MARKS = 16
_MOST_QUOTES = 3
_SYNC = timedelta(seconds=2)


class ExplanationView:
    """Renders one explanation."""

    def __init__(self, told: Explanation) -> None:
        self.told = told

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the parts from top to bottom."""
        told, glyphs = self.told, Glyphs(options.ascii_only)
        yield _ends(*_header(told), width=options.max_width)
        yield Text()
        yield from _cause(told, options.max_width)
        if told.story:
            yield Text()
            yield Padding(_story(told, glyphs), (0, 2))
            yield from _picture(told, glyphs, options.max_width)
        if told.bills:
            yield Text()
            yield Padding(_bills(told), (0, 0, 0, 2))
        if told.verdict.remedy and not told.well:
            yield Text()
            yield Padding(_hanging("What helps: ", line(told.verdict.remedy, 600)), (0, 2))
        if told.notes:
            yield Text()
            for note in told.notes:
                yield Padding(Text(f"{glyphs.bullet} {note}", style="dim"), (0, 2))


def separator(options: ConsoleOptions) -> Rule:
    """Return what stands between two explanations."""
    return Rule(style="dim", characters="-" if options.ascii_only else "\u2500")


def _header(told: Explanation) -> tuple[Text, Text]:
    left = Text(told.name, style="bold")
    if told.namespace:
        left.append(f"  {told.namespace}", style="dim")
    if told.execution:
        left.append(f"  attempt {told.attempt} of {told.attempts}", style="")
    return left, Text(told.standing, style="bold red" if told.failing else "bold" if told.calm else "bold yellow")


def _ends(left: Text, right: Text, width: int) -> Text | Table:
    """Put two texts at the two ends of a line; below each other where the line is too short."""
    if left.cell_len + right.cell_len + 2 <= width:
        return left + Text(" " * (width - left.cell_len - right.cell_len)) + right
    return left + Text("\n  ") + right


def _cause(told: Explanation, width: int) -> Iterator[Text | Padding | Table]:
    verdict = told.verdict
    said = Text(told.cause[:1].upper() + told.cause[1:], style="bold")
    if verdict.kind is None and verdict.category is None:
        yield Padding(said, (0, 2))
        return
    whose = fault(verdict.kind, told.unknown)
    label = Text(whose, style=KINDS[whose])
    if verdict.category is not None and verdict.category.value != whose:
        label.append(f"   {line(verdict.category.value, 64)}", style="")
    yield Padding(_ends(said, label, width - 4), (0, 2))
    for item in verdict.evidence[:_MOST_QUOTES]:
        yield Padding(_quote(item, told), (0, 2))
    more = len(verdict.evidence) - _MOST_QUOTES
    if more > 0:
        yield Padding(Text(f"and {more} more (--json shows all)", style="dim"), (0, 2))


def _quote(item: Evidence, told: Explanation) -> Text:
    text = Text(f'"{line(item.text, 400)}"', style="italic")
    where = item.source
    if item.container and item.container != told.name:
        where += f" of {line(item.container, 64)}"
    if item.at is not None:
        where += f", {clock(item.at, told.now)}"
    return text.append(f"  {where}", style="dim not italic")


def _story(told: Explanation, glyphs: Glyphs) -> Text:
    """The story in words: ``14:01:52 scheduled   14:02:11 429 ...``."""
    marks: Sequence[Mark] = told.story
    left_out = len(marks) - _MOST_MARKS
    text = Text()
    for place, mark in enumerate(marks):
        if left_out > 0 and 3 <= place < 3 + left_out:
            if place == 3:
                text.append(f"({left_out} more)   ", style="dim")
            continue
        text.append(f"{clock(mark.at, told.now)}\u00a0", style="dim")
        times = f"\u00a0({glyphs.times}{mark.count})" if mark.count > 1 else ""
        text.append(mark.label.replace(" ", "\u00a0") + times, style=TONES[mark.tone])
        text.append("   ")
    if told.next_try is not None:
        when = from_now(told.next_try, told.now) if told.next_try > told.now + _SYNC else "any moment"
        text.append(f"next\u00a0try\u00a0{when}".replace(" ", "\u00a0"), style="cyan")
    elif text.plain:
        text.append("UTC", style="dim")
    return text


def _picture(told: Explanation, glyphs: Glyphs, width: int) -> Iterator[Padding]:
    """The story as a line of time, with the present and the charges to come."""
    dues = [bill for bill in told.bills if bill.charge.at is not None and bill.charge.at > told.now]
    begin = told.story[0].at
    span_so_far = max((told.now - begin).total_seconds(), 1.0)
    # A charge that is very far off would press everything else to the left.
    dues = [
        bill
        for bill in dues
        if bill.charge.at is not None and (bill.charge.at - begin).total_seconds() < 6 * span_so_far
    ]
    ends = [told.now, *(bill.charge.at for bill in dues if bill.charge.at is not None)]
    last_story = told.story[-1].at
    end = max(ends) if told.bills and not told.failing else max(last_story, begin)
    span = (end - begin).total_seconds()
    size = min(width - 4, 100) - 1
    if span < 1 or size < 30:
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
    yield Padding(text, (0, 2))
    if dues:
        legend = Text()
        legend.append(f"{glyphs.now} now   {glyphs.charge} ", style="dim")
        legend.append("charged if nothing changes: ", style="dim")
        legend.append(
            ", ".join(f"{bill.label} {clock(bill.charge.at, told.now)}" for bill in dues if bill.charge.at), "dim"
        )
        yield Padding(legend, (0, 2))


def _bills(told: Explanation) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("who pays" if told.over else "who pays if nothing changes", no_wrap=True)
    table.add_column("when", no_wrap=True)
    table.add_column("budget", no_wrap=True)
    table.add_column("and then", overflow="fold")
    for bill in told.bills:
        table.add_row(
            bill.label,
            Text(told.when(bill), style="" if bill.charge.kind is not None else "dim"),
            _budget(bill),
            Text(line(bill.then, 400)),
        )
    return table


def _budget(bill: Bill) -> Text:
    if bill.charge.kind is None:
        return Text(bill.budget, style="dim")
    return Text(bill.budget, style="bold red" if bill.wrong else "")


def _hanging(head: str, text: str) -> Table:
    """A paragraph with a head, whose later lines are indented as the first."""
    table = Table(box=None, show_header=False, padding=0, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(head, style="bold green"), Text(text))
    return table


class Explanations:
    """Renders several explanations: those of pods that are well in a line, if others are not."""

    def __init__(self, told: Sequence[Explanation]) -> None:
        self.told = told

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield them one below the other."""
        unwell = [one for one in self.told if not one.calm]
        if len(self.told) == 1:
            unwell = list(self.told)
        for place, one in enumerate(unwell):
            if place:
                yield Text()
                yield separator(options)
            yield ExplanationView(one)
        well = len(self.told) - len(unwell)
        if well:
            if unwell:
                yield Text()
            yield Text(f"{well} {'pods are' if well > 1 else 'pod is'} well: nothing has failed there", style="green")
