"""Many pods on a console, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from flytekitplugins_podtriage.report.console.symbols import FAULT_STYLES, hanging
from flytekitplugins_podtriage.report.pod_list import PodList, PodRow
from flytekitplugins_podtriage.report.text.humanize import format_clock

_GAP = 2
_LEAST_CAUSE = 24
"""Where the cause, which comes last, has less room, each pod gets lines of its own."""
_HEADS = ("pod", "state", "fault", "charge", "cause")
_WIDE_HEADS = ("pod", "state", "fault", "charge", "task", "execution", "node", "machine", "rule", "cause")


@attrs.frozen
class PodListView:
    """Renders the first ``limit`` pods of a list (0: all); ``wide`` adds columns, and lines as long as they need."""

    pods: PodList
    limit: int = 0
    wide: bool = False
    with_namespace: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        pods = self.pods
        style = "bold red" if pods.failing else "bold yellow" if pods.rows else "green"
        yield Text(f"{format_clock(pods.now)}  ", style="dim").append(pods.headline, style=style)
        shown = pods.rows[: self.limit] if self.limit else pods.rows
        if shown:
            yield Text()
            yield from self._table(shown, options.max_width)
        rest = len(pods.rows) - len(shown)
        if rest:
            yield Text(f"and {rest} more (--limit 0 shows all)", style="dim")
        if shown:
            yield Text()
            yield Text(f"Details: podtriage explain --pod {shown[0].name} -n {shown[0].namespace}", style="dim")
        for note in pods.notes:
            yield Text(note, style="dim")

    def _table(self, rows: Sequence[PodRow], width: int) -> RenderResult:
        """Return the pods in columns; below each other if there is no room for them."""
        heads = [Text(head, style="bold") for head in (_WIDE_HEADS if self.wide else _HEADS)]
        lines = [heads, *map(self._cells, rows)]
        widths = [max(line[column].cell_len for line in lines) for column in range(len(heads) - 1)]
        room = width - sum(widths) - _GAP * len(widths)
        if room < _LEAST_CAUSE and not self.wide:
            yield from self._list(rows)
            return
        for line in lines:
            text = Text(no_wrap=True, overflow="ignore" if self.wide else "ellipsis")
            for cell, size in zip(line, widths, strict=False):
                text.append_text(cell).append(" " * (size - cell.cell_len + _GAP))
            if not self.wide:
                line[-1].truncate(room, overflow="ellipsis")
            yield text.append_text(line[-1])

    def _list(self, rows: Sequence[PodRow]) -> Iterator[RenderableType]:
        for row in rows:
            name, state, fault, charge, cause = self._cells(row, wide=False)
            yield name
            yield hanging(Text("  "), state.append(", ").append_text(fault))
            yield hanging(Text("  "), Text("charge: ").append_text(charge))
            yield hanging(Text("  "), cause)

    def _cells(self, row: PodRow, wide: bool | None = None) -> list[Text]:
        now = self.pods.now
        fault = Text(row.fault, style=FAULT_STYLES[row.fault])
        if row.category not in ("-", row.fault):
            fault.append(f" {row.category}", style="not bold")
        charge = row.charge_text(now)
        cells = [
            Text(f"{row.namespace}/{row.name}" if self.with_namespace else row.name, style="bold"),
            Text(row.state_text(now)),
            fault,
            Text(f"{charge} (wrong)", style="bold red") if row.wrong else Text(charge),
        ]
        if self.wide if wide is None else wide:
            more = (row.task, row.execution, row.node, row.machine, row.verdict.rule)
            cells += [Text(text or "-") for text in more]
        return [*cells, Text(row.cause)]
