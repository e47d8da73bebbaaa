"""A task's run on a console: its attempts and who paid for each, beside what other backends would have done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.report.console.symbols import hanging
from flytekitplugins_podtriage.report.run_summary import (
    NAMES,
    NONE_RUN,
    WRONGED,
    category,
    fault,
    happened,
    left,
    outcome,
    paid_by,
    remedy,
    wronged,
)
from flytekitplugins_podtriage.report.text.humanize import length
from flytekitplugins_podtriage.report.text.sanitize import line

MOST_SHOWN = 12
"""How many attempts of a run a person is shown."""


_NARROW = 72
"""Below so many columns there are no tables."""
WRONG = "! "
"""Marks what the user paid for though the platform was at fault."""


class RunView:
    """Renders one run, and others of the same task beside it."""

    def __init__(self, run: TaskRun, beside: Sequence[TaskRun] = ()) -> None:
        self._run = run
        self._beside = beside

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        run = self._run
        title = Text(run.task, style="bold").append(f"  on {NAMES.get(run.backend, run.backend)}", style="not bold")
        yield title.append(f"  {outcome(run)}", style="green" if run.succeeded else "red")
        yield Text()
        narrow = options.max_width < _NARROW
        yield Padding(_attempts_below(run) if narrow else _attempts(run), (0, 0, 0, 2))
        if len(run.attempts) > MOST_SHOWN:
            yield Padding(Text(f"and {len(run.attempts) - MOST_SHOWN} more", style="dim"), (0, 2))
        if self._beside:
            yield Text()
            runs = (run, *self._beside)
            yield Padding(_compared_below(runs) if narrow else _compared(runs), (0, 0, 0, 2))
            if any(map(wronged, runs)):
                yield Padding(Text(f"{WRONG}{WRONGED}", style="red"), (0, 0, 0, 2))
        helps = remedy(run)
        if helps:
            yield Text()
            yield Padding(hanging(Text("What helps: ", "bold green"), Text(helps)), (0, 2))


def _attempts(run: TaskRun) -> Table:
    table = _table()
    table.add_column("attempt", justify="right", no_wrap=True)
    table.add_column("what happened, whose fault", overflow="fold", min_width=26)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("charged to", no_wrap=True)
    table.add_column("user\nleft", justify="right", no_wrap=True)
    table.add_column("platform\nleft", justify="right", no_wrap=True)
    for record in run.attempts[:MOST_SHOWN]:
        what = Text(happened(record), style="green" if record.failure is None else "")
        name = category(record)
        if name:
            what.append(f"\n{fault(record)}  {name}", style="yellow")
        user, system = left(record, run.limits)
        wrong = record.charged is ErrorKind.USER and record.verdict.kind is ErrorKind.SYSTEM
        paid = Text(paid_by(record), style="bold red" if wrong else "")
        table.add_row(str(record.number), what, length(record.duration), paid, str(user), str(system))
    return table


def _compared(runs: Sequence[TaskRun]) -> Table:
    table = _table()
    table.add_column("the same faults on", no_wrap=True)
    table.add_column("attempts", justify="right", no_wrap=True)
    table.add_column("user\ncharged", justify="right", no_wrap=True)
    table.add_column("platform\ncharged", justify="right", no_wrap=True)
    table.add_column("time\nlost", justify="right", no_wrap=True)
    table.add_column("and the task", overflow="fold", min_width=10)
    for run in runs:
        paid = run.paid
        user = Text(str(paid[ErrorKind.USER] or "·"))
        if wronged(run):
            user = Text(f"{WRONG}{user.plain}", style="bold red")
        table.add_row(
            NAMES.get(run.backend, run.backend),
            str(len(run.attempts)),
            user,
            str(paid[ErrorKind.SYSTEM] or "·"),
            length(run.time_lost) if run.time_lost else "·",
            Text(outcome(run), style="" if run.succeeded else "red"),
        )
    return table


def _attempts_below(run: TaskRun) -> Group:
    """The attempts, one below the other, where there is no room for a table."""
    found: list[RenderableType] = []
    for record in run.attempts[:MOST_SHOWN]:
        user, system = left(record, run.limits)
        name = category(record)
        found += [
            hanging(Text(f"{record.number}  ", "bold"), Text(happened(record))),
            *([hanging(Text("   "), Text(f"{fault(record)}  {name}", "yellow"))] if name else []),
            hanging(Text("   "), Text(f"took {length(record.duration)}, charged to {paid_by(record)}")),
            hanging(Text("   "), Text(f"left: user {user}, platform {system}")),
        ]
    return Group(*found)


def _compared_below(runs: Sequence[TaskRun]) -> Group:
    found: list[RenderableType] = [Text("the same faults on", "bold")]
    for run in runs:
        user = f"{WRONG if wronged(run) else ''}{run.paid[ErrorKind.USER]}"
        charged = f"user charged {user}, platform charged {run.paid[ErrorKind.SYSTEM]}, {length(run.time_lost)} lost"
        found += [
            Text(f"{NAMES.get(run.backend, run.backend)}: {outcome(run)}"),
            hanging(Text("   "), Text(f"attempts {len(run.attempts)}, {charged}")),
        ]
    return Group(*found)


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold", show_edge=False)


class RunsView:
    """Renders the runs of a workflow's tasks, one below the other."""

    def __init__(self, runs: Sequence[tuple[TaskRun, Sequence[TaskRun]]], error: str | None = None) -> None:
        self._runs = runs
        self._error = error

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for place, (run, others) in enumerate(self._runs):
            if place:
                yield Text()
            yield RunView(run, others)
        if not self._runs:
            yield Text(NONE_RUN)
        if self._error is not None:
            yield Text()
            yield Text(line(self._error, 300), style="red")
