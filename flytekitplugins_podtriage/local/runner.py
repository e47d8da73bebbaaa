"""A task's local run: its attempts in the sandbox, shown on stderr or passed to a listener."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar, Token
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
import click
from flytekit import FlyteContext

from flytekitplugins_podtriage.core.accounting import Failure
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.flyte.settings import Settings, read_settings
from flytekitplugins_podtriage.local import task_data
from flytekitplugins_podtriage.local.bodies import Inline
from flytekitplugins_podtriage.local.body_error import with_users_frames
from flytekitplugins_podtriage.local.plan_use import occurrences_of

if TYPE_CHECKING:
    from flytekitplugins_podtriage.sandbox.faults.occurrences import Occurrences
    from flytekitplugins_podtriage.sandbox.faults.plan import Plan
    from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd

_NAMESPACE = "flytesnacks-development"
_FAILED_TASK = "__podtriage_task__"
"""The attribute of an exception with the name of the task that failed for good, while it leaves the workflow."""

Listener = Callable[[TaskRun, tuple[TaskRun, ...]], None]
_listening: ContextVar[tuple[Listener, Settings | None, Occurrences] | None] = ContextVar("listening", default=None)
"""Of a context, not of a thread: flytekit runs asynchronous functions in other threads."""
_depth: ContextVar[int] = ContextVar("depth", default=0)
"""In how many bodies of tasks the current code runs."""


class watch_runs:  # noqa: N801  # a context manager that reads as a verb
    """Call a function with each run, and the runs on the other backends, instead of printing a table on stderr."""

    def __init__(self, listener: Listener, settings: Settings | None = None) -> None:
        from flytekitplugins_podtriage.sandbox.faults.occurrences import Occurrences

        self.occurrences = Occurrences()
        """Which faults of the plan have occurred, on any backend."""
        self._new = (listener, settings, self.occurrences)
        self._token: Token[tuple[Listener, Settings | None, Occurrences] | None] | None = None

    def __enter__(self) -> None:
        self._token = _listening.set(self._new)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _listening.reset(self._token)


def current_settings() -> Settings:
    """Return the settings of the listener, or else those of arguments, environment and configuration file."""
    listening = _listening.get()
    if listening is not None and listening[1] is not None:
        return listening[1]
    with one_line_errors():
        settings = read_settings()
        read_plan(settings.plan)
    return settings


class CommandError(click.exceptions.Exit, ValueError):
    """A setting or a plan is invalid, and the command has printed so; it only ends."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Within a command (``pyflyte run``) say in one line what is invalid, and end; else raise the ``ValueError``.

    flytekit prints any other exception with its traceback, 40 lines of code that the user has not written.
    """
    try:
        yield
    except ValueError as error:
        if click.get_current_context(silent=True) is None:
            raise
        message = " ".join(str(error).split())
        click.echo(f"podtriage: {message}", err=True)
        raise CommandError(2) from error


def run_in_sandbox(
    task: Any,
    ctx: FlyteContext,
    settings: Settings,
    body: Callable[[Mapping[str, Any], int | None], BodyEnd],
    read_error: Callable[[int], Failure | None],
    *,
    mapped: bool = False,
) -> TaskRun:
    """Run a task, or one element of a mapped task, on the backend of the settings; report the run, and return it."""
    from flytekitplugins_podtriage.local.backends import BACKENDS
    from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd

    ends: list[tuple[BodyEnd, list[Failure | None]]] = []

    def run_once(manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        ends.append((body(manifest, attempt), [None]))
        return ends[-1][0]

    def read_once(attempt: int) -> Failure | None:
        failure = read_error(attempt)
        if ends:
            ends[-1][1][0] = failure
        return failure

    depth = _depth.get()
    inside = _depth.set(depth + 1)
    try:
        run = _run(task, ctx, settings, settings.run_on, run_once, read_once)
    finally:
        _depth.reset(inside)
    run = attrs.evolve(run, mapped=mapped, depth=depth)
    others: tuple[TaskRun, ...] = ()
    if settings.compare and settings.plan:
        # On the others bodies are assumed to end as they did here: they run once, not four times.
        recorded = [(end, failure[0]) for end, failure in ends] or [(BodyEnd(0), None)]
        others = tuple(
            attrs.evolve(_run(task, ctx, settings, name, *_repeat(recorded)), mapped=mapped, depth=depth)
            for name in BACKENDS
            if name != settings.run_on
        )
    if task.enable_deck:
        from flytekitplugins_podtriage.local.deck import add_deck
        from flytekitplugins_podtriage.report.html.runs import framed

        add_deck(task, ctx, framed(run, others))
    report_run(run, others)
    return run


def _repeat(
    ends: Sequence[tuple[BodyEnd, Failure | None]],
) -> tuple[Callable[[Mapping[str, Any], int | None], BodyEnd], Callable[[int], Failure | None]]:
    """Return a body that ends like the recorded ones in turn, and then like the last; and the error it writes."""
    remaining = iter(ends)
    current = ends[-1]

    def body(*_: object) -> BodyEnd:
        nonlocal current
        current = next(remaining, ends[-1])
        return current[0]

    return body, lambda _: current[1]


def report_run(run: TaskRun, others: tuple[TaskRun, ...] = ()) -> None:
    """Pass a run to the listener; without one, print it if it met trouble on any backend."""
    listening = _listening.get()
    if listening is not None:
        listening[0](run, others)
        return
    from flytekitplugins_podtriage.report.run_summary import met_trouble

    if not run.succeeded:
        # A command shows the exception first, and then how it came to that.
        at_end = click.get_current_context(silent=True)
        if at_end is None:
            _show(run, others)
        else:
            at_end.find_root().call_on_close(lambda: _show(run, others))
    elif any(map(met_trouble, (run, *others))):
        _show(run, others)


def _run(
    task: Any,
    ctx: FlyteContext,
    settings: Settings,
    backend: str,
    body: Callable[[Mapping[str, Any], int | None], BodyEnd],
    read_error: Callable[[int], Failure | None],
) -> TaskRun:
    from flytekitplugins_podtriage.local import backends
    from flytekitplugins_podtriage.local.attempts import run_task
    from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster

    pod = task_data.manifest(task, ctx)
    pod["metadata"]["name"] = task_data.pod_name(task.name)
    pod["metadata"]["annotations"][task_data.TASK_NAME] = task.name
    policy = policy_of(task, settings)
    plan = read_plan(settings.plan)
    listening = _listening.get()
    occurrences = occurrences_of(settings.plan, plan) if listening is None else listening[2]
    cluster = SandboxCluster(plan, body=body, occurrences=occurrences)
    coroutine = run_task(
        cluster,
        lambda number: task_data.of_attempt(pod, number),
        task=task.name,
        namespace=_NAMESPACE,
        backend=backends.backend(backend, policy, settings.system_reserve),
        limits=settings.limits(task.metadata.retries or 0, interruptible=bool(task.metadata.interruptible)),
        policy=policy,
        timeout=seconds_of(task.metadata.timeout),
        read_error=read_error,
    )
    try:
        return _run_to_end(coroutine)
    finally:
        # Otherwise its clock refers to the body, and thus to flytekit's context, until the garbage collector runs: too
        # late for the context's temporary directories, which have to be cleaned up in order.
        cluster.close()


def _run_to_end(coroutine: Any) -> TaskRun:
    """Run a coroutine of the sandbox to its end, inside an event loop or not: it never really waits."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as done:
        run: TaskRun = done.value
        return run


def policy_of(task: Any, settings: Settings) -> Policy:
    """Return a task's own policy, or that of the settings."""
    policy: Policy | None = task.task_config.policy
    return settings.policy() if policy is None else policy


def seconds_of(timeout: timedelta | float | None) -> float | None:
    """Return ``@task(timeout=...)`` in seconds."""
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout


def read_plan(text: str) -> Plan:
    """Read a fault plan: its text, or ``@FILE``.

    Raises:
        ValueError: the file, or a recording that it names, cannot be read, or a line is not a fault.
    """
    from flytekitplugins_podtriage.sandbox.faults.plan import Plan
    from flytekitplugins_podtriage.sandbox.faults.replay import load

    plan = Plan.from_file(text[1:]) if text.startswith("@") else Plan.from_environment(text, source="plan")
    for fault in plan.faults:
        if fault.target == "replay":
            load(fault.text, fault.name)
    return plan


def _show(run: TaskRun, others: tuple[TaskRun, ...]) -> None:
    from flytekitplugins_podtriage.local.terminal import print_view
    from flytekitplugins_podtriage.report.console.runs import RunsView

    sys.stderr.write("\n")
    print_view(RunsView([(run, others)], is_task=True), sys.stderr)
    sys.stderr.write("\n")


def raise_if_failed(task: Any, run: TaskRun, inline: Inline | None) -> None:
    """Raise the error of a task that failed for good: its body's exception if it ran in this process."""
    if run.succeeded:
        return
    last = run.attempts[-1]
    error = inline.take_error(last.number - 1) if inline is not None else None
    if error is None:
        reason = with_users_frames(run.final.message) if run.final is not None else run.note
        system = last.verdict.kind is ErrorKind.SYSTEM
        kind = task_data.PodTriageSystemError if system else task_data.PodTriageUserError
        error = kind(f"task {task.name} failed after {len(run.attempts)} attempt(s): {reason}")
    _note_task(error, task.name)
    try:
        raise error
    finally:
        del error  # the traceback refers to this frame


def _note_task(error: Exception, task: str) -> None:
    """Note which task failed, unless the error comes from a task that this one's body called."""
    if failed_task(error) is None:
        with suppress(AttributeError, TypeError):  # an exception class of the user's may take no attributes
            setattr(error, _FAILED_TASK, task)


def failed_task(error: Exception) -> str | None:
    """Return the name of the task whose failure an exception is, or comes from; None: of no task's attempts."""
    cause: BaseException | None = error
    while cause is not None:
        task: str | None = getattr(cause, _FAILED_TASK, None)
        if task is not None:
            return task
        cause = cause.__cause__ or cause.__context__
    return None
