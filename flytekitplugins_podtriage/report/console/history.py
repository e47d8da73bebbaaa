"""An execution of the past on a console."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.report.attempts import DiagnosedAttempt
from flytekitplugins_podtriage.report.console.symbols import KINDS
from flytekitplugins_podtriage.report.history import FROM_TEXT, History
from flytekitplugins_podtriage.report.text.humanize import stamp
from flytekitplugins_podtriage.report.text.rule_text import fault
from flytekitplugins_podtriage.report.text.sanitize import line

MOST_SHOWN = 30
"""How many attempts a person is shown; ``--json`` has them all."""
MOST_CASES = 5


class HistoryView:
    """Renders an execution's attempts."""

    def __init__(self, told: History) -> None:
        self.told = told

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the headline, the attempts, then the last failure of each node."""
        told = self.told
        head = Text(told.name, style="bold")
        head.append(f"  {told.where}", style="dim not bold")
        head.append(f"  {'failed' if told.failing else 'not failed'}", style="bold red" if told.failing else "green")
        yield head
        wronged = any(one.wrongly_charged for one in told.failed)
        yield Padding(Text(told.headline, style="bold red" if wronged else "bold"), (0, 2))
        yield Padding(Text(FROM_TEXT, style="dim"), (0, 2))
        if told.attempts:
            yield Text()
            yield Padding(_table(told.attempts[-MOST_SHOWN:]), (0, 0, 0, 2))
            more = len(told.attempts) - MOST_SHOWN
            if more > 0:
                yield Padding(Text(f"and {more} earlier ones (--json has them all)", style="dim"), (0, 2))
        for case in told.cases[:MOST_CASES]:
            yield Text()
            title = Text(f"{case.node + ', ' if case.node else ''}attempt {case.attempt}: ", style="dim")
            title.append(case.cause, style="bold not dim")
            whose = fault(case.whose, case.unknown)
            title.append("   ").append(whose, style=KINDS[whose]).append(f"   {case.category}", style="not dim")
            yield Padding(title, (0, 2))
            yield Padding(Text(f'"{case.said}"', style="italic"), (0, 2))
            yield Padding(
                Text("What helps: ", style="bold green").append(case.remedy, style="not bold default"), (0, 2)
            )
        more = len(told.cases) - MOST_CASES
        if more > 0:
            yield Padding(Text(f"and {more} more nodes failed (--json has them all)", style="dim"), (1, 2, 0, 2))


def _table(attempts: tuple[DiagnosedAttempt, ...]) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    for head in ("node", "attempt", "ended", "charged to", "whose doing", "category"):
        table.add_column(head, no_wrap=head != "category")
    for one in attempts:
        attempt = one.attempt
        number = str((attempt.retry_attempt or 0) + 1)
        if attempt.retries is not None:
            number += f" of {attempt.retries + 1}" if attempt.retry_attempt is not None else ""
        ended = stamp(attempt.updated_at) if attempt.updated_at is not None else ""
        if not attempt.failed:
            table.add_row(line(attempt.node_path, 40), number, ended, Text("-", "dim"), Text("-", "dim"), "")
            continue
        charged = one.charged.value if one.charged is not None else "-"
        whose = fault(one.diagnosis.kind, one.unknown)
        table.add_row(
            line(attempt.node_path, 40),
            number,
            ended,
            Text(charged, style="bold red" if one.wrongly_charged else ""),
            Text(whose, style=KINDS[whose]),
            one.diagnosis.category.value,
        )
    return table
