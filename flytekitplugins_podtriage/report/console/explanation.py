"""An explanation on a console: header, cause, evidence, the pod's own story, who pays, and what helps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.core.model import Evidence
from flytekitplugins_podtriage.report.console.symbols import KINDS, Glyphs, hanging
from flytekitplugins_podtriage.report.console.timeline import as_line, in_words
from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.text.humanize import clock
from flytekitplugins_podtriage.report.text.rule_text import fault
from flytekitplugins_podtriage.report.text.sanitize import line
from flytekitplugins_podtriage.report.who_pays import Bill

_MOST_QUOTES = 3
_WIDE = 100
"""From this width on there is room for a head of the table in one line."""


class ExplanationView:
    """Renders one explanation."""

    def __init__(self, told: Explanation) -> None:
        self.told = told

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the parts from top to bottom."""
        told, glyphs = self.told, Glyphs(options.ascii_only)
        yield _ends(*_header(told), width=options.max_width)
        yield Text()
        yield from _cause(told, console, options.max_width)
        if told.story:
            yield Text()
            for part in (*in_words(told, glyphs, options.max_width - 4), *as_line(told, glyphs, options.max_width - 4)):
                yield Padding(part, (0, 2))
        if told.bills:
            yield Text()
            yield Padding(_bills(told, options.max_width), (0, 0, 0, 2))
        if told.verdict.remedy and not told.well:
            yield Text()
            remedy = Text(line(told.verdict.remedy, 600))
            yield Padding(hanging(Text("What helps: ", style="bold green"), remedy), (0, 2))
        if told.notes:
            yield Text()
            for note in told.notes:
                yield Padding(hanging(Text(f"{glyphs.bullet} ", "dim"), Text(note, "dim")), (0, 2))


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


def _cause(told: Explanation, console: Console, width: int) -> Iterator[Text | Padding | Table]:
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
        yield Padding(_quote(item, told, console, width - 4), (0, 2))
    more = len(verdict.evidence) - _MOST_QUOTES
    if more > 0:
        yield Padding(Text(f"and {more} more (--json shows all)", style="dim"), (0, 2))


def _quote(item: Evidence, told: Explanation, console: Console, width: int) -> Text:
    """Return what was said, and where and when: in its last line, or below it if there is no room."""
    rows = Text(f'"{line(item.text, 400)}"', style="italic").wrap(console, max(width, 1))
    where = item.source
    if item.container and item.container != told.name:
        where += f" of {line(item.container, 64)}"
    if item.at is not None:
        where += f", {clock(item.at, told.now)}"
    beside = rows[-1].cell_len + 2 + cell_len(where) <= width
    return Text("\n").join(rows).append(f"{'' if beside else chr(10)}  {where}", style="dim not italic")


def _bills(told: Explanation, width: int) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    between = " " if width >= _WIDE else "\n"
    table.add_column("who pays" if told.over else f"who pays if{between}nothing changes", no_wrap=True)
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
