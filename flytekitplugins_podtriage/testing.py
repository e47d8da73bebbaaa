"""Rehearsals in tests and notebooks: what happens to a workflow under faults, on each backend, as values.

    from flytekitplugins_podtriage.testing import rehearse

    def test_a_rate_limit_of_four_minutes_costs_nothing():
        result = rehearse(wf, {"rows": 3}, faults=["docker.io: 429 for 4m"])
        assert result.on("connector").succeeded
        assert result.on("flyte-1.16").failed_at == "report"

Pods, registries and nodes are simulated in virtual time; the bodies of the tasks really run, in this process.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import attrs
from flytekit import LaunchPlan
from flytekit.core.base_task import PythonTask
from flytekit.core.workflow import WorkflowBase

from flytekitplugins_podtriage.core.model import ErrorKind, Verdict
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.flyte.settings import Settings
from flytekitplugins_podtriage.local.adoption import every_plain_task, without_cache, without_decks
from flytekitplugins_podtriage.local.backends import BACKENDS
from flytekitplugins_podtriage.local.rehearsal import in_one_line, outputs_of
from flytekitplugins_podtriage.local.runner import failed_task, read_plan, watch_runs
from flytekitplugins_podtriage.report import run_summary
from flytekitplugins_podtriage.report.text.humanize import format_duration

__all__ = ["BackendResult", "Rehearsed", "rehearse"]


@attrs.frozen(kw_only=True)
class BackendResult:
    """What happened on one backend."""

    backend: str
    """``connector``, ``guard``, ``flyte-1.16`` or ``flyte-2``."""
    runs: tuple[TaskRun, ...] = attrs.field(repr=False)
    """The runs of the tasks that were reached, in the order in which they ended."""
    outputs: Any = None
    """What the workflow returned; None if it failed."""
    error: str | None = None
    """Why the workflow failed, in one line; None if it succeeded."""
    failed_at: str | None = None
    """The function name of the task at which the workflow failed; None if it succeeded."""

    @property
    def succeeded(self) -> bool:
        """Whether the workflow succeeded."""
        return self.failed_at is None

    @property
    def outcome(self) -> str:
        """How it ended, in a few words: ``succeeds``, ``fails at dyn: no retries left``."""
        if self.failed_at is None:
            return "succeeds"
        ended = run_summary.outcome(self._last_run_of(self.failed_at))
        return f"fails at {self.failed_at}{ended.removeprefix('fails')}"

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """All attempts, task by task."""
        return tuple(attempt for run in self.runs for attempt in run.attempts)

    @property
    def charges(self) -> tuple[ErrorKind, ...]:
        """Whose retries each failed attempt was charged to, in order: ``("USER", "SYSTEM")``."""
        return tuple(attempt.charged for attempt in self.attempts if attempt.charged is not None)

    @property
    def wrongly_charged(self) -> int:
        """How many attempts that failed for the platform's reasons were charged to user retries."""
        return sum(map(run_summary.count_wrongly_charged, self.runs))

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Podtriage's verdicts on all that went wrong, whether or not it ended the attempt."""
        verdicts = (one.recovered_from if one.failure is None else one.verdict for one in self.attempts)
        return tuple(verdict for verdict in verdicts if verdict is not None)

    @property
    def time_lost(self) -> timedelta:
        """The cluster's time spent in attempts that failed."""
        return sum((run.time_lost for run in self.runs), timedelta())

    def task(self, name: str) -> TaskRun:
        """Return the first run of a task, by its function's name or its full name.

        Raises:
            LookupError: the task was not reached on this backend, or there is none of this name.
        """
        for run in self.runs:
            if run.task == name or _short(run.task) == name:
                return run
        reached = ", ".join(dict.fromkeys(_short(run.task) for run in self.runs)) or "none"
        raise LookupError(f"task {name!r} was not reached on {self.backend}; reached: {reached}")

    def _last_run_of(self, name: str) -> TaskRun:
        return next(run for run in reversed(self.runs) if _short(run.task) == name)


@attrs.frozen(kw_only=True)
class Rehearsed:
    """The result of :func:`rehearse`; in a notebook it shows itself as a page."""

    results: tuple[BackendResult, ...]
    """One for each backend, in the order asked for."""

    def on(self, backend: str) -> BackendResult:
        """Return what happened on one backend.

        Raises:
            LookupError: the workflow was not rehearsed on it.
        """
        for result in self.results:
            if result.backend == backend:
                return result
        known = ", ".join(result.backend for result in self.results)
        raise LookupError(f"no rehearsal on {backend!r}; allowed: {known}")

    def __str__(self) -> str:
        """Return one line for each backend."""
        return "\n".join(
            f"{result.backend}: {result.outcome}; {len(result.attempts)} attempts, {len(result.charges)} charged "
            f"({result.wrongly_charged} wrongly), {format_duration(result.time_lost)} lost"
            for result in self.results
        )

    def _repr_html_(self) -> str:
        """Return the page of the rehearsal as a frame, for Jupyter."""
        from flytekitplugins_podtriage.report.html.runs import framed_page

        first, *others = self.results
        pairs = []
        for index, run in enumerate(first.runs):
            number = sum(earlier.task == run.task for earlier in first.runs[:index])
            same = ([one for one in other.runs if one.task == run.task][number : number + 1] for other in others)
            pairs.append((run, [one for runs in same for one in runs]))
        return framed_page(pairs, first.error)


def rehearse(
    workflow: WorkflowBase | PythonTask[Any] | LaunchPlan | Callable[..., Any],
    inputs: Mapping[str, Any] | None = None,
    *,
    faults: Iterable[str] = (),
    backends: Iterable[str] = ("connector", "flyte-1.16", "flyte-2", "guard"),
    every_task: bool = True,
    **settings: Any,
) -> Rehearsed:
    """Run a workflow under faults, once on each backend, and return what happened.

    Nothing is printed and nothing is kept: flytekit's local cache and decks are off, the settings of the
    environment and of Flyte's configuration file are not read. The bodies run in this process, once for each backend
    that reaches them, so that they can be replaced (``monkeypatch``) and counted. A task that fails is a result; an
    error outside of these tasks (an invalid input, a workflow that cannot be compiled) is raised.

    Args:
        workflow: a workflow, task, ``@eager`` function or launch plan.
        inputs: its inputs by name.
        faults: a fault plan, one fault an item: ``docker.io: 429 for 4m``.
        backends: on which to run it; the page shows the first one's attempts.
        every_task: treat plain ``@task`` and ``@dynamic`` functions, and those that are mapped, as if they had
            ``PodTriage()``; False: only tasks that have it run in attempts.
        settings: the plugin's settings by name, ``max_system_failures=1``.

    Raises:
        TypeError: the workflow is none, or an unknown setting is given.
        ValueError: a fault, backend or setting is invalid.
    """
    if not isinstance(workflow, (WorkflowBase, PythonTask, LaunchPlan)):
        raise TypeError(f"cannot rehearse {workflow!r}; allowed: a workflow, task or launch plan of flytekit")
    names = tuple(backends)
    unknown = [name for name in names if name not in BACKENDS]
    if unknown or not names:
        raise ValueError(f"no backend {unknown[0] if unknown else ''!r}; allowed: {', '.join(BACKENDS)}")
    fixed = {"plan": "\n".join(faults), "bodies": "inline", "compare": False, "cluster": "sandbox"}
    read_plan(fixed["plan"])  # type: ignore[arg-type]  # a fault that is none is an error before anything runs
    each = [Settings(**{**settings, **fixed, "run_on": name}) for name in names]
    with without_cache(), without_decks(), every_plain_task() if every_task else nullcontext():
        return Rehearsed(results=tuple(_on_backend(workflow, inputs or {}, one) for one in each))


def _on_backend(workflow: Any, inputs: Mapping[str, Any], settings: Settings) -> BackendResult:
    runs: list[TaskRun] = []
    with watch_runs(lambda run, _: runs.append(run), settings):
        try:
            outputs = outputs_of(workflow, inputs)
        except Exception as error:  # whatever a task's code raises
            task = failed_task(error)
            if task is None:
                raise
            message = in_one_line(error)
            _forget_frames(error)
            return BackendResult(backend=settings.run_on, runs=tuple(runs), error=message, failed_at=_short(task))
    return BackendResult(backend=settings.run_on, runs=tuple(runs), outputs=outputs)


def _forget_frames(error: BaseException) -> None:
    """Clear the frames that an exception and its causes refer to.

    Where flytekit waits for a coroutine they refer to the exception too, and to its context's temporary directories,
    which would remain until the garbage collector runs.
    """
    cause: BaseException | None = error
    while cause is not None:
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__cause__ or cause.__context__


def _short(task: str) -> str:
    return task.rpartition(".")[2]
