"""An explanation on a console: header, cause, evidence, timeline, who pays, and the fix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from flytekitplugins_podtriage.core.model import Evidence
from flytekitplugins_podtriage.report.console.symbols import FAULT_STYLES, NARROW, Symbols, fix, hanging, plain_table
from flytekitplugins_podtriage.report.console.timeline import timeline_bar, timeline_text
from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.text.rule_text import fault_label
from flytekitplugins_podtriage.report.text.sanitize import one_line
from flytekitplugins_podtriage.report.who_pays import BackendCharge

_MAX_QUOTES = 3
_WIDE = 100
"""From this width on heads and budgets have room on one line."""
_MAX_JUSTIFIED = 120
"""What is put at the right end of a line is not put further away."""


@attrs.frozen
class ExplanationView:
    """Renders one explanation."""

    explanation: Explanation

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        explanation, symbols, width = self.explanation, Symbols.of(options), options.max_width
        yield _justify(*_header(explanation), width=min(width, _MAX_JUSTIFIED))
        yield Text()
        yield from _cause(explanation, console, width)
        if explanation.timeline:
            yield Text()
            for render in (timeline_text, timeline_bar):
                for part in render(explanation, symbols, width - 4):
                    yield Padding(part, (0, 2))
        if explanation.charges:
            yield Text()
            charges = _charge_list(explanation) if width < NARROW else _charge_table(explanation, width)
            yield Padding(charges, (0, 0, 0, 2))
        if explanation.verdict.remedy and not explanation.healthy:
            yield Text()
            yield Padding(fix(one_line(explanation.verdict.remedy, 600)), (0, 2))
        if explanation.notes:
            yield Text()
            for note in explanation.notes:
                yield Padding(hanging(Text(f"{symbols.bullet} ", "dim"), Text(note, "dim")), (0, 2))


def _header(explanation: Explanation) -> tuple[Text, Text]:
    left = Text(explanation.name, style="bold")
    if explanation.namespace:
        left.append(f"  {explanation.namespace}", style="dim")
    if explanation.execution:
        left.append(f"  attempt {explanation.attempt} of {explanation.attempts}", style="")
    style = "bold red" if explanation.failing else "bold" if explanation.all_clear else "bold yellow"
    return left, Text(explanation.state_with_age, style=style)


def _justify(left: Text, right: Text, width: int) -> Text:
    """Put two texts at the two ends of a line; below each other if it is too short."""
    gap = width - left.cell_len - right.cell_len
    return left + Text(" " * gap if gap >= 2 else "\n  ") + right


def _cause(explanation: Explanation, console: Console, width: int) -> Iterator[RenderableType]:
    verdict = explanation.verdict
    cause = Text(explanation.cause[:1].upper() + explanation.cause[1:], style="bold")
    if verdict.kind is None and verdict.category is None:
        yield Padding(cause, (0, 2))
        return
    fault = fault_label(verdict.kind, explanation.cause_unknown)
    label = Text(fault, style=FAULT_STYLES[fault])
    if verdict.category is not None and verdict.category.value != fault:
        label.append(f"   {one_line(verdict.category.value, 64)}", style="")
    yield Padding(_justify(cause, label, min(width, _MAX_JUSTIFIED) - 4), (0, 2))
    for item in verdict.evidence[:_MAX_QUOTES]:
        yield Padding(_quote(item, explanation, console, width - 4), (0, 2))
    more = len(verdict.evidence) - _MAX_QUOTES
    if more > 0:
        yield Padding(Text(f"and {more} more (--json shows all)", style="dim"), (0, 2))


def _quote(item: Evidence, explanation: Explanation, console: Console, width: int) -> Text:
    """Return a quotation and its source: on the last line, or below it if there is no room."""
    rows = Text(f'"{one_line(item.text, 400)}"', style="italic").wrap(console, max(width, 1))
    source = explanation.source_of(item)
    fits = rows[-1].cell_len + 2 + cell_len(source) <= width
    return Text("\n").join(rows).append(f"{'' if fits else chr(10)}  {source}", style="dim not italic")


def _charge_table(explanation: Explanation, width: int) -> RenderableType:
    table = plain_table()
    is_wide = width >= _WIDE
    who_pays = explanation.who_pays if is_wide else explanation.who_pays.replace(" if ", " if\n")
    for head in (who_pays, "when", "charged to"):
        table.add_column(head, no_wrap=True)
    table.add_column("and then", overflow="fold")
    for charge in explanation.charges:
        charged_to = charge.charged_to if is_wide else charge.charged_to.replace(", ", ",\n")
        table.add_row(
            charge.backend,
            Text(explanation.charge_time(charge), style="" if charge.is_charged else "dim"),
            Text(charged_to, style=_charge_style(charge)),
            Text(one_line(charge.consequence, 400)),
        )
    return table


def _charge_list(explanation: Explanation) -> RenderableType:
    """The charges below each other, on a console too narrow for a table."""
    parts: list[RenderableType] = [Text(explanation.who_pays, style="bold")]
    for charge in explanation.charges:
        parts.append(Text(f"{charge.backend}: {explanation.charge_time(charge)}"))
        parts.append(hanging(Text("  "), Text(charge.charged_to, style=_charge_style(charge))))
        parts.append(hanging(Text("  "), Text(one_line(charge.consequence, 400))))
    return Group(*parts)


def _charge_style(charge: BackendCharge) -> str:
    if not charge.is_charged:
        return "dim"
    return "bold red" if charge.wrong else ""


@attrs.frozen
class ExplanationsView:
    """Renders several explanations; healthy pods are counted in one line if others are not healthy."""

    explanations: Sequence[Explanation]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        full = [explanation for explanation in self.explanations if not explanation.all_clear]
        if len(self.explanations) == 1:
            full = list(self.explanations)
        for index, explanation in enumerate(full):
            if index:
                yield Text()
                yield Rule(style="dim", characters=Symbols.of(options).line)
            yield ExplanationView(explanation)
        healthy = len(self.explanations) - len(full)
        if healthy:
            if full:
                yield Text()
            other = " other" if full else ""
            yield Text(f"{healthy}{other} {'pods are' if healthy > 1 else 'pod is'} healthy", style="green")
