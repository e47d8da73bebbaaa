"""A rehearsal on a console: the answer, a table of backends, and the attempts of the tasks that met trouble."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

import attrs
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.report import run_summary
from flytekitplugins_podtriage.report.console.symbols import fix, hanging, plain_table
from flytekitplugins_podtriage.report.text.humanize import format_duration
from flytekitplugins_podtriage.report.text.sanitize import one_line
from flytekitplugins_podtriage.report.workflow_answer import answer, calls_label, cause, notes, without_trouble
from flytekitplugins_podtriage.report.workflow_summary import BackendSummary, Runs, TaskCall, WorkflowSummary

MAX_ROWS: Final = 12
"""How many rows of attempts of a run a person is shown."""
_MAX_TASKS: Final = 4
"""How many tasks are shown with their attempts."""
_NARROW: Final = 80
"""Below this width lists replace the tables."""
_NUMBERS_WIDTH: Final = 51
"""Of the table of backends: the columns with numbers, and the gaps between all."""
_MIN_RESULT: Final = 10
_MIN_NAME: Final = 16


@attrs.frozen
class RunsView:
    """Renders the runs of a workflow's tasks, or that of a task by itself."""

    runs: Runs
    error: str | None = None
    is_task: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        summary = WorkflowSummary.of(self.runs, self.error, is_task=self.is_task)
        width = options.max_width
        is_narrow = width < _NARROW
        yield Text(answer(summary), style="bold")
        troubled = summary.troubled
        if troubled:
            yield Text(cause(summary))
            if len(summary.backends) > 1:
                yield Text()
                yield from _backends(summary, width)
            for calls in troubled[:_MAX_TASKS]:
                yield Text()
                yield from _attempts(calls, is_narrow=is_narrow)
            yield from _footer(summary)
        if summary.unexplained_error is not None:
            yield Text()
            yield Text(one_line(summary.unexplained_error, 300), style="red")


def _footer(summary: WorkflowSummary) -> Iterator[RenderableType]:
    others = without_trouble(summary)
    more = len({call.task for calls in summary.troubled[_MAX_TASKS:] for call in calls})
    if more:
        others = f"{more} more {'task' if more == 1 else 'tasks'} met trouble (--json shows all). {others}".rstrip()
    if others:
        yield Text()
        yield Text(others, style="dim")
    remedies = dict.fromkeys(remedy for calls in summary.troubled for remedy in [_remedy(calls[0])] if remedy)
    for remedy in itertools.islice(remedies, _MAX_TASKS):
        yield Text()
        yield fix(remedy)


def _remedy(call: TaskCall) -> str:
    return next(filter(None, map(run_summary.remedy_of, call.runs)), "")


def _backends(summary: WorkflowSummary, width: int) -> Iterator[RenderableType]:
    table = _backend_list(summary) if width < _NARROW else _backend_table(summary, width - 2)
    yield Padding(table, (0, 0, 0, 2))
    yield from (Padding(Text(note), (0, 0, 0, 2)) for note in notes(summary))


def _result(backend: BackendSummary, summary: WorkflowSummary) -> Text:
    ended = backend.ended_as_task if summary.is_task else backend.ended
    return Text(ended, style="green" if backend.failed_at is None and ended == "succeeds" else "red")


def _wrongly(backend: BackendSummary) -> Text:
    return Text(str(backend.wrongly_charged), style="bold red" if backend.wrongly_charged else "")


def _backend_table(summary: WorkflowSummary, width: int) -> Table:
    """Return the table; where its columns would not fit, results are wrapped, and then names of backends."""
    names = max(len(backend.label) for backend in summary.backends)
    results = max(_result(backend, summary).cell_len for backend in summary.backends)
    left = width - _NUMBERS_WIDTH - names
    if left < min(results, _MIN_RESULT):
        names, left = _MIN_NAME, width - _NUMBERS_WIDTH - _MIN_NAME
    table = plain_table(gap=2)
    table.add_column("backend", width=names)
    table.add_column("result", width=max(min(results, left), len("result")), overflow="fold")
    for head in ("attempts", "charged\nto user", "of those\nwrongly", "charged\nto system", "time\nlost"):
        table.add_column(head, justify="right", no_wrap=True)
    for backend in summary.backends:
        table.add_row(
            backend.label,
            _result(backend, summary),
            str(backend.attempts),
            str(backend.charged(ErrorKind.USER)),
            _wrongly(backend),
            str(backend.charged(ErrorKind.SYSTEM)),
            format_duration(backend.time_lost),
        )
    return table


def _backend_list(summary: WorkflowSummary) -> Group:
    parts: list[RenderableType] = []
    for backend in summary.backends:
        user, wrongly = backend.charged(ErrorKind.USER), backend.wrongly_charged
        parts.append(Text(f"{backend.label}: ").append(_result(backend, summary)))
        charged = f"user retries {user}{f' ({wrongly} wrongly)' if wrongly else ''}"
        charged += f", system retries {backend.charged(ErrorKind.SYSTEM)}"
        parts.append(hanging(Text("  "), Text(f"attempts {backend.attempts}; charged: {charged}")))
        parts.append(hanging(Text("  "), Text(f"time lost {format_duration(backend.time_lost)}")))
    return Group(*parts)


@attrs.frozen
class _Row:
    """Attempts in a row that went alike."""

    records: tuple[AttemptRecord, ...]
    run: TaskRun

    @property
    def last(self) -> AttemptRecord:
        return self.records[-1]

    @property
    def numbers(self) -> str:
        first, last = self.records[0].number, self.last.number
        return str(first) if first == last else f"{first}-{last}"

    @property
    def took(self) -> str:
        return format_duration(sum((record.duration for record in self.records), timedelta()))

    @property
    def fault(self) -> str:
        """Whose fault, and the category; nothing if nothing went wrong."""
        category = run_summary.category_of(self.last)
        return f"{run_summary.fault_of(self.last)}  {category}" if category else ""


def _rows(run: TaskRun) -> list[_Row]:
    def course(record: AttemptRecord) -> tuple[object, ...]:
        return run_summary.what_happened(record), run_summary.category_of(record), run_summary.charged_to(record)

    return [_Row(tuple(records), run) for _, records in itertools.groupby(run.attempts, course)]


def _attempts(calls: Sequence[TaskCall], *, is_narrow: bool) -> Iterator[RenderableType]:
    run = calls[0].run
    title = Text(calls_label(tuple(calls)), style="bold").append(
        f"  on {run_summary.backend_label(run)}", style="not bold"
    )
    yield title.append(f"  {run_summary.outcome(run)}", style="green" if run.succeeded else "red")
    rows = _rows(run)
    shown = rows[:MAX_ROWS]
    yield Padding(_attempt_list(shown) if is_narrow else _attempt_table(shown), (0, 0, 0, 2))
    if len(rows) > MAX_ROWS:
        yield Padding(Text(f"and {sum(len(row.records) for row in rows[MAX_ROWS:])} more attempts", "dim"), (0, 2))


def _attempt_table(rows: Sequence[_Row]) -> Table:
    table = plain_table(gap=2)
    table.add_column("attempt", justify="right", no_wrap=True)
    table.add_column("what happened, whose fault", overflow="fold", min_width=24)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("charged to", no_wrap=True)
    for head in ("user\nleft", "system\nleft"):
        table.add_column(head, justify="right", no_wrap=True)
    for before, row in zip((None, *rows), rows, strict=False):
        record = row.last
        happened = Text(run_summary.what_happened(record), style="green" if record.failure is None else "")
        if before is not None and run_summary.what_happened(before.last) == happened.plain:
            happened = Text("the same", style="dim")
        elif row.fault:
            happened.append(f"\n{row.fault}", style="yellow")
        payer = Text(run_summary.charged_to(record), style="bold red" if run_summary.is_wrongly_charged(record) else "")
        left = map(str, run_summary.retries_left(record, row.run.limits))
        table.add_row(row.numbers, happened, row.took, payer, *left)
    return table


def _attempt_list(rows: Sequence[_Row]) -> Group:
    """Return the attempts below each other, for a console too narrow for a table."""
    parts: list[RenderableType] = []
    for row in rows:
        user_left, system_left = run_summary.retries_left(row.last, row.run.limits)
        details = [Text(row.fault, "yellow")] if row.fault else []
        details.append(Text(f"took {row.took}, charged to {run_summary.charged_to(row.last)}"))
        details.append(Text(f"left: user retries {user_left}, system retries {system_left}"))
        parts.append(hanging(Text(f"{row.numbers}  ", "bold"), Text(run_summary.what_happened(row.last))))
        parts.extend(hanging(Text("   "), detail) for detail in details)
    return Group(*parts)
