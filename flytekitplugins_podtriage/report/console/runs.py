"""A task's run on a console: its attempts, who paid for each, and what other backends would have done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.report import run_summary
from flytekitplugins_podtriage.report.attempts import WRONGLY_CHARGED
from flytekitplugins_podtriage.report.console.symbols import fix, hanging, plain_table
from flytekitplugins_podtriage.report.text.humanize import format_duration
from flytekitplugins_podtriage.report.text.sanitize import one_line

MAX_ATTEMPTS = 12
"""How many attempts of a run a person is shown."""
_NARROW = 72
"""Below this width lists replace the tables."""
_WRONG = "! "
"""Marks the SYSTEM failures that user retries paid for."""


@attrs.frozen
class RunView:
    """Renders one run, and those of the same task on other backends."""

    run: TaskRun
    others: Sequence[TaskRun] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        run = self.run
        title = Text(run.task, style="bold").append(f"  on {run_summary.backend_label(run)}", style="not bold")
        yield title.append(f"  {run_summary.outcome(run)}", style="green" if run.succeeded else "red")
        yield Text()
        is_narrow = options.max_width < _NARROW
        yield Padding(_attempt_list(run) if is_narrow else _attempt_table(run), (0, 0, 0, 2))
        if len(run.attempts) > MAX_ATTEMPTS:
            yield Padding(Text(f"and {len(run.attempts) - MAX_ATTEMPTS} more", style="dim"), (0, 2))
        if self.others:
            yield Text()
            runs = (run, *self.others)
            yield Padding(_backend_list(runs) if is_narrow else _backend_table(runs), (0, 0, 0, 2))
            if any(map(run_summary.count_wrongly_charged, runs)):
                yield Padding(Text(f"{_WRONG}{WRONGLY_CHARGED}", style="red"), (0, 0, 0, 2))
        remedy = run_summary.remedy_of(run)
        if remedy:
            yield Text()
            yield Padding(fix(remedy), (0, 2))


def _attempt_table(run: TaskRun) -> Table:
    table = plain_table(gap=2)
    table.add_column("attempt", justify="right", no_wrap=True)
    table.add_column("what happened, whose fault", overflow="fold", min_width=26)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("charged to", no_wrap=True)
    for head in ("user\nretries\nleft", "system\nretries\nleft"):
        table.add_column(head, justify="right", no_wrap=True)
    for record in run.attempts[:MAX_ATTEMPTS]:
        happened = Text(run_summary.what_happened(record), style="green" if record.failure is None else "")
        category = run_summary.category_of(record)
        if category:
            happened.append(f"\n{run_summary.fault_of(record)}  {category}", style="yellow")
        payer = Text(run_summary.charged_to(record), style="bold red" if run_summary.is_wrongly_charged(record) else "")
        left = map(str, run_summary.retries_left(record, run.limits))
        table.add_row(str(record.number), happened, format_duration(record.duration), payer, *left)
    return table


def _backend_table(runs: Sequence[TaskRun]) -> Table:
    table = plain_table(gap=2)
    table.add_column("the same faults on", no_wrap=True)
    for head in ("attempts", "user\nretries", "system\nretries", "time\nlost"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("outcome", overflow="fold", min_width=10)
    for run in runs:
        user_paid = Text(str(run.paid[ErrorKind.USER] or "\u00b7"))
        if run_summary.count_wrongly_charged(run):
            user_paid = Text(f"{_WRONG}{user_paid.plain}", style="bold red")
        table.add_row(
            run_summary.backend_label(run),
            str(len(run.attempts)),
            user_paid,
            str(run.paid[ErrorKind.SYSTEM] or "\u00b7"),
            format_duration(run.time_lost) if run.time_lost else "\u00b7",
            Text(run_summary.outcome(run), style="" if run.succeeded else "red"),
        )
    return table


def _attempt_list(run: TaskRun) -> Group:
    """Return the attempts below each other, for a console too narrow for a table."""
    parts: list[RenderableType] = []
    for record in run.attempts[:MAX_ATTEMPTS]:
        user_left, system_left = run_summary.retries_left(record, run.limits)
        category, payer = run_summary.category_of(record), run_summary.charged_to(record)
        details = [Text(f"{run_summary.fault_of(record)}  {category}", "yellow")] if category else []
        details.append(Text(f"took {format_duration(record.duration)}, charged to {payer}"))
        details.append(Text(f"left: user retries {user_left}, system retries {system_left}"))
        parts.append(hanging(Text(f"{record.number}  ", "bold"), Text(run_summary.what_happened(record))))
        parts.extend(hanging(Text("   "), detail) for detail in details)
    return Group(*parts)


def _backend_list(runs: Sequence[TaskRun]) -> Group:
    parts: list[RenderableType] = [Text("the same faults on", "bold")]
    for run in runs:
        user_paid = f"{_WRONG if run_summary.count_wrongly_charged(run) else ''}{run.paid[ErrorKind.USER]}"
        paid = f"user retries {user_paid}, system retries {run.paid[ErrorKind.SYSTEM]}"
        summary = f"attempts {len(run.attempts)}, {paid}, {format_duration(run.time_lost)} lost"
        parts.append(Text(f"{run_summary.backend_label(run)}: {run_summary.outcome(run)}"))
        parts.append(hanging(Text("   "), Text(summary)))
    return Group(*parts)


@attrs.frozen
class RunsView:
    """Renders the runs of a workflow's tasks, one below the other."""

    runs: Sequence[tuple[TaskRun, Sequence[TaskRun]]]
    error: str | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for index, (run, others) in enumerate(self.runs):
            if index:
                yield Text()
            yield RunView(run, others)
        if not self.runs:
            yield Text(run_summary.NO_RUNS)
        if self.error is not None:
            yield Text()
            yield Text(one_line(self.error, 300), style="red")
