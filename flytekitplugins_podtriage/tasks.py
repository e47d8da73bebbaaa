"""``PodTriage`` as users get it: flyte's task type, whose local runs go through the sandbox.

``@task(task_config=PodTriage())`` runs anywhere: in its pod it is its body; outside a backend (``pyflyte run``, a call)
it goes through attempts in the embedded sandbox, under the faults of a plan, with a backend's own accounting.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flytekit import FlyteContext
from flytekit.core.task import TaskPlugins
from flytekit.models import literals

from flytekitplugins_podtriage.core.accounting import Failure, Limits
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.run import TaskRun
from flytekitplugins_podtriage.flyte import container_local, local
from flytekitplugins_podtriage.flyte.container_task import PodTriageContainer
from flytekitplugins_podtriage.flyte.settings import InvalidSettings, Settings, read_settings
from flytekitplugins_podtriage.flyte.task import PodTriage, PodTriageFunctionTask

if TYPE_CHECKING:
    from flytekitplugins_podtriage.sandbox.plan import Plan
    from flytekitplugins_podtriage.sandbox.pods import BodyEnd

__all__ = ["PodTriage", "PodTriageContainerTask", "PodTriageTask", "read_plan", "watch_runs"]

_NAMESPACE = "flytesnacks-development"

Listener = Callable[[TaskRun, tuple[TaskRun, ...]], None]
_listening = threading.local()


class watch_runs:  # noqa: N801  # a context manager that reads as a verb
    """Have a function called with each run, and those it is compared with, instead of a table on stderr."""

    def __init__(self, listener: Listener, settings: Settings | None = None) -> None:
        self._new = (listener, settings)
        self._old: tuple[Listener, Settings | None] | None = None

    def __enter__(self) -> None:
        self._old = getattr(_listening, "by", None)
        _listening.by = self._new

    def __exit__(self, *_: object) -> None:
        _listening.by = self._old


class PodTriageTask(PodTriageFunctionTask):
    """A task of the type ``podtriage`` that runs locally in the sandbox."""

    def run_attempts(self, ctx: FlyteContext, inputs: literals.LiteralMap) -> literals.LiteralMap:
        """Take the task through its attempts; return its outputs.

        Raises:
            PodTriageUserError: it failed for good, by the task's own doing; an exception of a body that ran in this
                process is raised as it is.
            PodTriageSystemError: it failed for good, by the platform's doing.
        """
        settings = _settings()
        place = local.Place.new(ctx)
        if settings.bodies == "inline" or self.execution_mode is not self.ExecutionBehavior.DEFAULT:
            # A dynamic task's body makes tasks of its own: they run locally, each through its own attempts.
            inline = _Inline(lambda: self.run_body(ctx, inputs))
            _finish(self, _go(self, ctx, settings, inline.run, inline.failure), inline)
            found = inline.value
        else:
            place.put_inputs(inputs)
            pod = local.manifest(self, ctx)
            process = _Process(local.primary_container(pod), place)
            run = _go(self, ctx, settings, process.run, place.failure)
            _finish(self, run, None)
            found = place.outputs(run.attempts[-1].number - 1)
        if found is None:
            raise local.PodTriageUserError(f"task {self.name}: its container ended well, but left no outputs")
        return found

    def run_attempts_on_values(self, body: Callable[[], Any]) -> Any:
        """Do the same for one call of a mapped task, whose body runs in this process."""
        inline = _Inline(lambda: self.run_body_on_values(body))
        run = _go(self, FlyteContext.current_context(), _settings(), inline.run, inline.failure)
        _finish(self, run, inline)
        return inline.value


class PodTriageContainerTask(PodTriageContainer):
    """A container task of the type ``podtriage``; it runs locally in the sandbox.

    Its command is run on this machine only where the setting ``run_commands`` says so. Otherwise the plan tells how its
    container ends (0, unless it says ``body: exit N`` or the like), and nobody makes its outputs.
    """

    def run_attempts(self, ctx: FlyteContext, inputs: literals.LiteralMap) -> literals.LiteralMap:
        """Take the task through its attempts; return its outputs.

        Raises:
            PodTriageNoOutputs: it ended well, but its command was not run, and it declares outputs.
            PodTriageUserError: it failed for good, by the task's own doing.
            PodTriageSystemError: it failed for good, by the platform's doing.
        """
        settings = _settings()
        if not settings.run_commands:
            from flytekitplugins_podtriage.sandbox.pods import BodyEnd

            _finish(self, _go(self, ctx, settings, lambda *_: BodyEnd(0), lambda _: None), None)
            if self.marked:
                return literals.LiteralMap({})
            raise container_local.no_outputs(self)
        place = container_local.ContainerPlace.new(self, ctx, inputs)
        command = _Command(local.primary_container(local.manifest(self, ctx)), place)
        run = _go(self, ctx, settings, command.run, place.failure)
        _finish(self, run, None)
        found = place.outputs(run.attempts[-1].number - 1)
        return found if found is not None else literals.LiteralMap({})  # a task without outputs leaves none


_Task = PodTriageTask | PodTriageContainerTask


class _Inline:
    """A body in this process: what it returned or raised is kept."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self.value: Any = None
        self.error: Exception | None = None

    def run(self, manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        """Run it."""
        from flytekitplugins_podtriage.sandbox.pods import BodyEnd

        self.error = None
        try:
            self.value = self._call()
        except Exception as error:  # noqa: BLE001  # whatever a user's code raises
            self.error = error
        return BodyEnd(0)

    def take_error(self) -> Exception | None:
        """Return its exception, and let go of it: its traceback holds the frames that hold this object."""
        error, self.error = self.error, None
        return error

    def failure(self, attempt: int) -> Failure | None:
        """Return its exception as flytekit's entrypoint would have left it in the error document."""
        from flytekit.exceptions.base import FlyteRecoverableException

        if self.error is None:
            return None
        recoverable = isinstance(self.error, FlyteRecoverableException)
        return Failure(ErrorKind.USER, "USER:RuntimeError", f"{type(self.error).__name__}: {self.error}", recoverable)


class _Process:
    """A body in a process of its own: the container's command, on this machine."""

    def __init__(self, container: Mapping[str, Any], place: local.Place) -> None:
        self._container = container
        self._place = place

    def run(self, manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        """Run it to its end."""
        from flytekitplugins_podtriage.sandbox.body import run
        from flytekitplugins_podtriage.sandbox.pods import BodyEnd

        number = attempt or 0
        command = local.command(self._container, self._place, number)
        ended = run(command, local.environment(self._container, number))
        return BodyEnd(ended.code, ended.message or None)


class _Command:
    """A container task's command, on this machine."""

    def __init__(self, container: Mapping[str, Any], place: container_local.ContainerPlace) -> None:
        self._container = container
        self._place = place

    def run(self, manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        """Run it to its end, and keep what it leaves."""
        from flytekitplugins_podtriage.sandbox.body import run
        from flytekitplugins_podtriage.sandbox.pods import BodyEnd

        one = self._place.attempt(attempt or 0)
        ended = run(one.command(self._container), one.environment(self._container))
        if ended.code == 0:
            one.gather()
        return BodyEnd(ended.code, ended.message or None)


def _settings() -> Settings:
    listening = getattr(_listening, "by", None)
    if listening is not None and listening[1] is not None:
        found: Settings = listening[1]
        return found
    return read_settings()


def _go(
    task: _Task,
    ctx: FlyteContext,
    settings: Settings,
    body: Callable[[Mapping[str, Any], int | None], BodyEnd],
    left_behind: Callable[[int], Failure | None],
) -> TaskRun:
    """Run a task on the backend that is set, show the run, and return it."""
    from flytekitplugins_podtriage.sandbox.backends import BACKENDS
    from flytekitplugins_podtriage.sandbox.pods import BodyEnd

    seen: dict[int, Failure | None] = {}
    ends: list[BodyEnd] = []

    def once(manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        ends.append(body(manifest, attempt))
        return ends[-1]

    def kept(attempt: int) -> Failure | None:
        seen[attempt] = left_behind(attempt)
        return seen[attempt]

    run = _run(task, ctx, settings, settings.run_on, once, kept)
    others: tuple[TaskRun, ...] = ()
    if settings.compare and settings.plan:
        # On the others the body is taken to end as it did here: it is run once, not four times.
        as_before = ends[-1] if ends else BodyEnd(0)
        failure = next(reversed(seen.values()), None)
        others = tuple(
            _run(task, ctx, settings, name, lambda *_: as_before, lambda _: failure)
            for name in BACKENDS
            if name != settings.run_on
        )
    listening = getattr(_listening, "by", None)
    if listening is not None:
        listening[0](run, others)
    elif others or not run.succeeded or len(run.attempts) > 1:
        _show(run, others)
    return run


def _run(
    task: _Task,
    ctx: FlyteContext,
    settings: Settings,
    backend: str,
    body: Callable[[Mapping[str, Any], int | None], BodyEnd],
    left_behind: Callable[[int], Failure | None],
) -> TaskRun:
    from flytekitplugins_podtriage.sandbox import backends
    from flytekitplugins_podtriage.sandbox.attempts import run_task
    from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster

    pod = local.manifest(task, ctx)
    pod["metadata"]["name"] = local.pod_name(task.name)
    pod["metadata"]["annotations"][local.TASK_NAME] = task.name
    policy = _policy(task, settings)
    timeout = task.metadata.timeout
    cluster = SandboxCluster(read_plan(settings.plan), body=body)
    coroutine = run_task(
        cluster,
        lambda number: local.of_attempt(pod, number),
        task=task.name,
        namespace=_NAMESPACE,
        backend=backends.backend(backend, policy, settings.system_reserve),
        limits=Limits(
            retries=task.metadata.retries or 0,
            max_system_failures=settings.max_system_failures,
            interruptible=bool(task.metadata.interruptible),
        ),
        policy=policy,
        timeout=timeout.total_seconds() if isinstance(timeout, timedelta) else timeout,
        left_behind=left_behind,
    )
    try:
        return _driven(coroutine)
    finally:
        # Its clock would hold the body and with it flytekit's context, until the garbage collector comes by: too late
        # for the context's temporary directories, which have to be cleaned up in order.
        cluster.close()


def _driven(coroutine: Any) -> TaskRun:
    """Run a coroutine of the sandbox to its end, inside an event loop or not: it never waits for anything real."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as done:
        run: TaskRun = done.value
        return run


def _policy(task: _Task, settings: Settings) -> Policy:
    if task.task_config.policy is not None:
        policy: Policy = task.task_config.policy
        return policy
    from flytekitplugins_podtriage.core.errors import InvalidRule
    from flytekitplugins_podtriage.core.rules.messages import BUILT_IN
    from flytekitplugins_podtriage.core.rules.toml import load_rules

    rules = None
    if settings.rules:
        try:
            with open(settings.rules, encoding="utf-8") as file:
                rules = BUILT_IN.with_rules(load_rules(file.read(), settings.rules))
        except (OSError, UnicodeError, InvalidRule) as error:
            raise InvalidSettings(f"rules {settings.rules}: {error}") from error
    return Policy(user_patience=settings.user_patience, system_patience=settings.system_patience, rules=rules)


def read_plan(text: str) -> Plan:
    """Read the plan of faults: its text, or ``@FILE``.

    Raises:
        ValueError: the file cannot be read, or a line is no fault.
    """
    from flytekitplugins_podtriage.sandbox.plan import Plan

    if not text.startswith("@"):
        return Plan.of(re.split(r"[;\n]", text))
    try:
        with open(text[1:], encoding="utf-8") as file:
            return Plan.parse(file.read(), source=text[1:])
    except (OSError, UnicodeError) as error:
        raise InvalidSettings(f"plan {text}: {error}; allowed: faults, or @FILE") from error


def _show(run: TaskRun, others: tuple[TaskRun, ...]) -> None:
    from rich.console import Console

    from flytekitplugins_podtriage.report.console_runs import RunView

    console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
    console.print()
    console.print(RunView(run, others))
    console.print()


def _finish(task: _Task, run: TaskRun, inline: _Inline | None) -> None:
    """Raise what flytekit's users expect of a task that failed for good."""
    if run.succeeded:
        return
    error = inline.take_error() if inline is not None else None
    if error is not None:
        try:
            raise error
        finally:
            del error  # the traceback holds this frame
    last = run.attempts[-1] if run.attempts else None
    final = run.final
    said = final.message if final is not None else run.note
    message = f"task {task.name} failed after {len(run.attempts)} attempt(s): {said}"
    system = last is not None and last.verdict.kind is ErrorKind.SYSTEM
    raise (local.PodTriageSystemError if system else local.PodTriageUserError)(message)


TaskPlugins.register_pythontask_plugin(PodTriage, PodTriageTask)
