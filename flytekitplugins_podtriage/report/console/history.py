"""A past execution on a console."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.report.attempts import DiagnosedAttempt
from flytekitplugins_podtriage.report.console.symbols import FAULT_STYLES, fix, plain_table
from flytekitplugins_podtriage.report.history import ATTEMPT_HEADS, BASIS, History
from flytekitplugins_podtriage.report.text.sanitize import one_line

MAX_ATTEMPTS = 30
"""How many attempts a person is shown; ``--json`` has them all."""
_MAX_FAILURES = 5


@attrs.frozen
class HistoryView:
    """Renders the attempts of an execution, then the last failure of each node."""

    history: History

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        history = self.history
        head = Text(history.name, style="bold")
        head.append(f"  {history.scope}", style="dim not bold")
        failing = history.failing
        head.append(f"  {'failed' if failing else 'not failed'}", style="bold red" if failing else "green")
        yield head
        is_wrong = any(item.wrongly_charged for item in history.failed)
        yield Padding(Text(history.headline, style="bold red" if is_wrong else "bold"), (0, 2))
        yield Padding(Text(BASIS, style="dim"), (0, 2))
        if history.attempts:
            yield Text()
            yield Padding(_table(history.attempts[-MAX_ATTEMPTS:]), (0, 0, 0, 2))
            more = len(history.attempts) - MAX_ATTEMPTS
            if more > 0:
                yield Padding(Text(f"and {more} earlier ones (--json shows all)", style="dim"), (0, 2))
        for failure in history.node_failures[:_MAX_FAILURES]:
            yield Text()
            node = f"{failure.node}, " if failure.node else ""
            title = Text(f"{node}attempt {failure.attempt}: ", style="dim")
            title.append(failure.cause, style="bold not dim")
            title.append("   ").append(failure.fault, style=FAULT_STYLES[failure.fault])
            title.append(f"   {failure.category}", "not dim")
            yield Padding(title, (0, 2))
            yield Padding(Text(f'"{failure.excerpt}"', style="italic"), (0, 2))
            yield Padding(fix(failure.remedy), (0, 2))
        more = len(history.node_failures) - _MAX_FAILURES
        if more > 0:
            yield Padding(Text(f"and {more} more nodes failed (--json shows all)", style="dim"), (1, 2, 0, 2))


def _table(attempts: Sequence[DiagnosedAttempt]) -> Table:
    table = plain_table()
    for head in ATTEMPT_HEADS:
        table.add_column(head, no_wrap=head != "category")
    for item in attempts:
        charged_style = "bold red" if item.wrongly_charged else "" if item.attempt.failed else "dim"
        table.add_row(
            one_line(item.attempt.node_path, 40),
            item.number,
            item.ended,
            Text(item.charged_to, style=charged_style),
            Text(item.fault, style=FAULT_STYLES[item.fault]),
            Text(item.diagnosis.category.value if item.attempt.failed else ""),
        )
    return table
