"""A workflow's local run, backend by backend: where it fails, what it costs, and which tasks met trouble.

The runs come in the order in which they ended, each with the same task's runs on the other backends. There, tasks are
run for themselves; what their workflow makes of it is worked out here. After the first failure of a backend nothing
is reached, and where the rehearsal itself ended early, nothing is known of what another backend would have gone on to.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

import attrs

from flytekitplugins_podtriage.core.model import ErrorKind, StrEnum
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.report import run_summary

Runs = Sequence[tuple[TaskRun, Sequence[TaskRun]]]
"""The runs of a workflow's tasks, in the order in which they ended, each with those on the other backends."""


class Result(StrEnum):
    """How a workflow ends on a backend."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"
    NEVER_ENDS = "never ends"
    """It was not followed any further: the same failure over and over."""
    UNKNOWN = "unknown"
    """It gets beyond the task at which the rehearsal ended, and what follows was not run."""


@attrs.frozen(kw_only=True, eq=False)
class TaskCall:
    """A call of a task, or one element of a mapped task, on all backends."""

    run: TaskRun
    """On the backend of the rehearsal."""
    others: tuple[TaskRun, ...] = ()
    index: int = 0
    """Which element of the mapped task it is, or which call of the task, from 0."""
    count: int = 1
    """How many elements or calls there are."""
    children: tuple[TaskCall, ...] = ()
    """The calls in its body, if it is dynamic."""

    @property
    def task(self) -> str:
        """The short name of the task."""
        return run_summary.short_name(self.run)

    @property
    def label(self) -> str:
        """The name of the call: ``train``; ``fetch[7]``, an element of a mapped task; ``step #3``, a third call."""
        if self.run.mapped:
            return f"{self.task}[{self.index}]"
        return self.task if self.count == 1 else f"{self.task} #{self.index + 1}"

    @property
    def runs(self) -> tuple[TaskRun, ...]:
        """The runs on all backends."""
        return (self.run, *self.others)

    @property
    def met_trouble(self) -> bool:
        """Whether anything went wrong on any backend, if only for a while."""
        return any(map(run_summary.met_trouble, self.runs))

    @property
    def failing_child(self) -> TaskCall | None:
        """The call in its body with whose failure it failed, in the rehearsal."""
        last = self.children[-1] if self.children else None
        return last if last is not None and not (self.run.succeeded or last.run.succeeded) else None

    def on(self, backend: str) -> TaskRun | None:
        """Return the run on a backend."""
        return next((run for run in self.runs if run.backend == backend), None)


@attrs.frozen(kw_only=True)
class BackendSummary:
    """How a workflow ends on one backend, and what that costs."""

    backend: str
    result: Result
    failed_at: TaskCall | None = None
    """The call with which it failed or never ended; the last one that is known if the result is unknown."""
    reached: tuple[TaskCall, ...] = ()
    not_reached: tuple[TaskCall, ...] = ()

    @property
    def label(self) -> str:
        """The name of the backend, for a person."""
        return run_summary.BACKENDS.get(self.backend, self.backend)

    @property
    def runs(self) -> tuple[TaskRun, ...]:
        """The runs of the calls that it reached."""
        return tuple(run for run in (call.on(self.backend) for call in self.reached) if run is not None)

    @property
    def attempts(self) -> int:
        """How many attempts there were."""
        return sum(len(run.attempts) for run in self.runs)

    def charged(self, kind: ErrorKind) -> int:
        """Return how many attempts were charged to user retries or system retries, or found none left."""
        return sum(run.paid[kind] for run in self.runs)

    @property
    def wrongly_charged(self) -> int:
        """How many of those that were charged to user retries were wrongly so."""
        return sum(map(run_summary.count_wrongly_charged, self.runs))

    @property
    def paid_for_platform(self) -> int:
        """How many user retries podtriage chose to spend on failures of the platform."""
        return sum(map(run_summary.count_paid_for_platform, self.runs))

    @property
    def time_lost(self) -> timedelta:
        """The time spent in failed attempts and in waiting, elements of a mapped task side by side."""
        total = timedelta()
        for (mapped, _), row in itertools.groupby(self.runs, lambda run: (run.mapped, run.task)):
            delays = [run.delay for run in row]
            total += max(delays) if mapped else sum(delays, timedelta())
        return total

    @property
    def ended(self) -> str:
        """How it ended, in a few words: ``succeeds``, ``fails at train``, ``gets past train``."""
        if self.result is Result.SUCCEEDS or self.failed_at is None:
            return self.result.value
        if self.result is Result.UNKNOWN:
            return f"gets past {self.failed_at.label}"
        return f"{self.result} at {self.failed_at.label}"

    @property
    def reason(self) -> str:
        """Why the call with which it failed is not retried: ``no retries left``; nothing if it did not fail."""
        run = self.failed_at.on(self.backend) if self.failed_at is not None else None
        return run_summary.outcome(run).partition(": ")[2] if run is not None else ""

    @property
    def ended_as_task(self) -> str:
        """How the only task ended: ``succeeds``, ``fails: no retries left``."""
        run = self.runs[0] if self.runs else None
        return self.result.value if run is None else run_summary.outcome(run)


@attrs.frozen(kw_only=True)
class WorkflowSummary:
    """A workflow's run on all backends."""

    calls: tuple[TaskCall, ...]
    """Those of the workflow itself, in the order in which they began."""
    backends: tuple[BackendSummary, ...]
    """In the order in which they are shown."""
    error: str | None = None
    """Why the workflow failed in the rehearsal, in one line; None: it succeeded."""
    is_task: bool = False
    """Whether this is a task that was run by itself."""

    @classmethod
    def of(cls, runs: Runs, error: str | None = None, *, is_task: bool = False) -> WorkflowSummary:
        """Summarize the runs of a workflow's tasks."""
        calls = _calls(runs)
        known = {run.backend for call in calls for run in call.runs}
        order = [*(name for name in run_summary.BACKENDS if name in known), *sorted(known - set(run_summary.BACKENDS))]
        return cls(
            calls=calls,
            backends=tuple(_on_task(calls, name) if is_task else _on_backend(calls, name, error) for name in order),
            error=error,
            is_task=is_task,
        )

    @property
    def run_on(self) -> BackendSummary | None:
        """The backend of the rehearsal; None if nothing was run."""
        return self.on(self.calls[0].run.backend) if self.calls else None

    def on(self, backend: str) -> BackendSummary | None:
        """Return the summary of a backend."""
        return next((one for one in self.backends if one.backend == backend), None)

    @property
    def unexplained_error(self) -> str | None:
        """The error, unless it only repeats how a task's pod failed: an exception, or that of another task."""
        failed = self.run_on.failed_at if self.run_on is not None else None
        if failed is None or any(record.verdict.kind is None for record in failed.run.attempts[-1:]):
            return self.error
        return None

    @property
    def all_calls(self) -> tuple[TaskCall, ...]:
        """All calls in the order in which they began, those in the bodies of dynamic tasks too."""
        return tuple(_in_order(self.calls))

    @property
    def troubled(self) -> tuple[tuple[TaskCall, ...], ...]:
        """The calls that met trouble; those that met the same are together, elements only with those of their task."""
        return self._alike(lambda call: call.run.task if call.run.mapped else None)

    @property
    def troubled_by_reach(self) -> tuple[tuple[TaskCall, ...], ...]:
        """The same, but calls of several tasks are together only where the same backends reach them."""
        missed = [set(map(id, backend.not_reached)) for backend in self.backends]
        return self._alike(
            lambda call: call.run.task if call.run.mapped else tuple(id(call) in calls for calls in missed)
        )

    def _alike(self, group: Callable[[TaskCall], object]) -> tuple[tuple[TaskCall, ...], ...]:
        alike: dict[tuple[object, ...], list[TaskCall]] = {}
        for call in self.all_calls:
            if call.met_trouble:
                alike.setdefault((group(call), call.run.limits, *map(_course, call.runs)), []).append(call)
        return tuple(map(tuple, alike.values()))

    @property
    def untroubled(self) -> tuple[TaskCall, ...]:
        """The calls that met no trouble."""
        return tuple(call for call in self.all_calls if not call.met_trouble)


def _in_order(calls: Sequence[TaskCall]) -> Iterator[TaskCall]:
    for call in calls:
        yield call
        yield from _in_order(call.children)


def _course(run: TaskRun) -> tuple[object, ...]:
    """Return what distinguishes a run for a person."""
    return (
        run.succeeded,
        *((record.verdict.rule, record.charged, run_summary.what_happened(record)) for record in run.attempts),
    )


def _calls(runs: Runs) -> tuple[TaskCall, ...]:
    """Return the calls in the order in which they began: a dynamic task's run comes after those in its body."""
    open_calls: dict[int, list[TaskCall]] = {}
    for run, others in runs:
        children = open_calls.pop(run.depth + 1, [])
        open_calls.setdefault(run.depth, []).append(TaskCall(run=run, others=tuple(others), children=tuple(children)))
    calls = [call for depth in sorted(open_calls) for call in open_calls[depth]]
    counts = Counter(call.run.task for call in _in_order(calls) if not call.run.mapped)
    return _numbered(calls, counts, Counter())


def _numbered(calls: Sequence[TaskCall], counts: Mapping[str, int], before: Counter[str]) -> tuple[TaskCall, ...]:
    """Number elements among those of their mapped task, and other calls among all of their task."""
    numbered: list[TaskCall] = []
    for row in _rows(calls):
        for index, call in enumerate(row):
            task = call.run.task
            number, count = (index, len(row)) if call.run.mapped else (before[task], counts[task])
            before[task] += not call.run.mapped
            children = _numbered(call.children, counts, before)
            numbered.append(attrs.evolve(call, index=number, count=count, children=children))
    return tuple(numbered)


def _rows(calls: Sequence[TaskCall]) -> Iterator[tuple[TaskCall, ...]]:
    """Yield the calls of the same task in a row."""
    for _, row in itertools.groupby(calls, lambda call: (call.run.task, call.run.mapped)):
        yield tuple(row)


def _on_task(calls: Sequence[TaskCall], backend: str) -> BackendSummary:
    """Return how the only task ends on a backend."""
    run = calls[0].on(backend)
    result = Result.SUCCEEDS if run is None or run.succeeded else Result.NEVER_ENDS if run.note else Result.FAILS
    failed_at = None if result is Result.SUCCEEDS else calls[0]
    return BackendSummary(backend=backend, result=result, failed_at=failed_at, reached=tuple(calls))


def _on_backend(calls: Sequence[TaskCall], backend: str, error: str | None) -> BackendSummary:
    """Work out how a workflow ends on a backend."""
    reached: list[TaskCall] = []
    last = _ending_call(calls, error) if error is not None else None
    stop = _walk(calls, backend, last, reached)
    if stop is not None:
        result, failed_at = stop
    elif last is not None:
        result, failed_at = Result.UNKNOWN, last
    else:  # what fails outside of the tasks that were run does so everywhere
        result, failed_at = (Result.FAILS if error is not None else Result.SUCCEEDS), None
    return BackendSummary(
        backend=backend,
        result=result,
        failed_at=failed_at,
        reached=tuple(reached),
        not_reached=tuple(call for call in _in_order(calls) if call not in reached),
    )


def _ending_call(calls: Sequence[TaskCall], error: str) -> TaskCall | None:
    """Return the call with which the workflow failed in the rehearsal; None: it failed outside of these tasks."""
    failed = [call for call in calls if not call.run.succeeded]
    if failed and (failed[-1] is calls[-1] or failed[-1].run.task in error):
        return failed[-1]
    return None


def _walk(
    calls: Sequence[TaskCall], backend: str, last: TaskCall | None, reached: list[TaskCall]
) -> tuple[Result, TaskCall] | None:
    """Add the calls that a backend reaches; return how and where it stops, or None if it gets to the end.

    Args:
        calls: of a workflow, or in the body of a dynamic task.
        backend: its name.
        last: the call that ended them in the rehearsal; any other that failed there was tolerated (a mapped task's
            ``min_success_ratio``), and as many failures are on any backend.
        reached: is added to.
    """
    for row in _rows(calls):
        tolerated = sum(not call.run.succeeded and call is not last for call in row)
        for call in row:
            run = call.on(backend)
            if run is None:
                return Result.UNKNOWN, call
            reached.append(call)
            stop = _stop(call, run, reached)
            if stop is None:
                continue
            if tolerated and stop[0] is not Result.UNKNOWN:
                tolerated -= 1
                continue
            return stop
    return None


def _stop(call: TaskCall, run: TaskRun, reached: list[TaskCall]) -> tuple[Result, TaskCall] | None:
    """Return how and where a backend stops in a call, or None if the call succeeds."""
    child = call.failing_child
    is_body_ended_by_child = child is not None and bool(run.attempts) and run.attempts[-1].verdict.kind is None
    if run.succeeded or is_body_ended_by_child:
        stop = _walk(call.children, run.backend, child, reached)
        # The body was not run again: how it would have gone on after a child that succeeds here is not known.
        return stop or (None if run.succeeded or child is None else (Result.UNKNOWN, child))
    return (Result.NEVER_ENDS if run.note else Result.FAILS), call
