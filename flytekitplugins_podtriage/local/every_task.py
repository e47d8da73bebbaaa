"""The setting ``tasks``: plain ``@task`` and ``@dynamic`` functions as tasks of the type ``podtriage``.

Loaded only where the setting is given (``plugin.py``). The same file can be registered with and without it.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, Final

import click
from flytekit import PythonFunctionTask
from flytekit.configuration import SerializationSettings
from flytekit.core.array_node_map_task import ArrayNodeMapTask
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteContext, FlyteEntities
from flytekit.core.legacy_map_task import MapPythonTask
from flytekit.core.python_function_task import (
    AsyncPythonFunctionTask,
    EagerAsyncPythonFunctionTask,
    EagerFailureHandlerTask,
)

from flytekitplugins_podtriage.flyte.settings import read_settings
from flytekitplugins_podtriage.flyte.task import PodTriageTaskMixin
from flytekitplugins_podtriage.local.adoption import AdoptedTask, AsyncAdoptedTask, adopt, plain_copy
from flytekitplugins_podtriage.local.runner import one_line_errors
from flytekitplugins_podtriage.local.task import DISABLED

_REASON: Final = "podtriage_reason"
"""The attribute of a plain task that says why it is left as it is."""
_NO_OUTPUTS: Final = "dynamic without outputs, which needs task_config=PodTriage() and podtriage in its image"
_WARNED: Final = "flytekitplugins_podtriage.tasks"
_ALLOWED: Final = "marked, all, or patterns of names separated by commas"
_announced: set[tuple[object, ...]] = set()
"""Project, domain and version of the registrations that were announced."""


class SettingTask(AdoptedTask):
    """A plain function that is a task of the type ``podtriage`` by the setting."""

    def get_custom(self, settings: SerializationSettings) -> dict[str, Any]:
        """Return what the connector has to know: that the image may not have podtriage, which writes the marker."""
        announce(settings)
        return {**super().get_custom(settings), **({"marker": True} if self.marked else {})}


class AsyncSettingTask(SettingTask, AsyncAdoptedTask):
    """The same for an ``async def``."""


class PlainTask(AsyncPythonFunctionTask[None]):
    """What flytekit finds for a task without a configuration: its plain task, adopted if the setting says so.

    It derives from the asynchronous task because flytekit takes no other class for an ``async def``.
    """

    def __new__(cls, task_config: None, task_function: Callable[..., Any], **kwargs: Any) -> Any:
        """Make the task."""
        kind = AsyncPythonFunctionTask if inspect.iscoroutinefunction(task_function) else PythonFunctionTask
        task = kind(task_config, task_function, **kwargs)
        if _is_flytekits(task_function):
            return task
        with one_line_errors():
            patterns = read_settings().tasks
        if not _matches(task.name, patterns):
            setattr(task, _REASON, "of other names")
            if patterns != ("marked",):
                _warn_at_the_end(",".join(patterns))
        elif task.execution_mode is PythonFunctionTask.ExecutionBehavior.DYNAMIC and not task.interface.outputs:
            # Its body lists its sub-tasks for FlytePropeller, which then wants the marker bound.
            setattr(task, _REASON, _NO_OUTPUTS)
        else:
            adopt(task, ",".join(patterns), kinds=(SettingTask, AsyncSettingTask))
        return task


def _is_flytekits(task_function: Any) -> bool:
    """Whether a function is a helper inside a task of flytekit's own, such as a ``ShellTask``."""
    module: str = getattr(task_function, "__module__", None) or ""
    return module.partition(".")[0] in {"flytekit", "flytekitplugins"}


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    if patterns in {("all",), ("marked",)}:
        return patterns == ("all",)
    return any(fnmatchcase(name, pattern) or fnmatchcase(name, f"*.{pattern}") for pattern in patterns)


def _warn_at_the_end(setting: str) -> None:
    """Let the running command say at its end if the patterns match no task: ``FLYTE_PODTRIAGE_TASKS=al``."""
    command = click.get_current_context(silent=True)
    if command is None or _WARNED in command.meta:
        return
    command.meta[_WARNED] = True  # shared by all contexts of a command

    def warn() -> None:
        if not any(isinstance(task, SettingTask) for task in FlyteEntities.entities):
            sys.stderr.write(
                f"podtriage (tasks: {setting}): warning: no task has a name that matches; allowed: {_ALLOWED}\n"
            )

    command.find_root().call_on_close(warn)


def _map_plain_tasks(kind: type) -> None:
    """Let a kind of map task map the plain task: Flyte 1.16 cannot run a connector's task in an array node."""
    init = kind.__init__  # type: ignore[misc]

    @functools.wraps(init)
    def with_plain_task(self: Any, python_function_task: Any, *arguments: Any, **options: Any) -> None:
        mapped = python_function_task
        if isinstance(mapped, functools.partial) and isinstance(mapped.func, SettingTask):
            mapped = functools.partial(plain_copy(mapped.func), *mapped.args, **mapped.keywords)
        elif isinstance(mapped, SettingTask):
            mapped = plain_copy(mapped)
        init(self, mapped, *arguments, **options)

    kind.__init__ = with_plain_task  # type: ignore[misc]


def announce(settings: SerializationSettings) -> None:
    """Say once per registration how many tasks are podtriage's, how many are not, and why; not in a task's own pod.

    A command says so at its end: workflows, and with them map tasks, are compiled while it serializes.
    """
    state = FlyteContext.current_context().execution_state
    registration = (settings.project, settings.domain, settings.version)
    if (state is not None and state.mode is not None) or registration in _announced:
        return
    _announced.add(registration)
    command = click.get_current_context(silent=True)
    if command is None:
        _write_summary()
    else:
        command.call_on_close(_write_summary)


def _write_summary() -> None:
    for line in summary():
        sys.stderr.write(f"{line}\n")


def summary() -> Iterator[str]:
    """Yield lines about the tasks that exist: how many are podtriage's, how many are not, and why."""
    ours: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for task in list(FlyteEntities.entities):
        if not isinstance(task, PythonTask) or isinstance(task, EagerFailureHandlerTask):
            continue
        if _is_flytekits(getattr(task, "task_function", None)):
            continue
        if isinstance(task, PodTriageTaskMixin):
            ours.setdefault("by the setting" if isinstance(task, AdoptedTask) else "by PodTriage()", []).append(
                task.name
            )
        else:
            others.setdefault(_reason(task), []).append(task.name)
    setting = ",".join(read_settings().tasks)
    count, rest = (sum(map(len, groups.values())) for groups in (ours, others))
    yield f"podtriage (tasks: {setting}): {_tasks(count)} run as PodTriage tasks, {rest} stay as they are"
    for reason, names in [*sorted(ours.items()), *sorted(others.items())]:
        shown = ", ".join(name.rpartition(".")[2] for name in names[:5])
        yield f"  {len(names)} {reason}: {shown}{', ...' if len(names) > 5 else ''}"


def _tasks(count: int) -> str:
    return f"{count} task{'' if count == 1 else 's'}"


def _reason(task: Any) -> str:
    if isinstance(task, (ArrayNodeMapTask, MapPythonTask)):
        return "mapped, which Flyte 1.16 cannot do with a connector's task"
    if isinstance(task, EagerAsyncPythonFunctionTask):
        return "eager, which flytekit gives no configuration"
    if hasattr(task, DISABLED):
        return "with PodTriage(enabled=False)"
    reason: str = getattr(task, _REASON, f"of another type, {type(task).__name__}")
    return reason


_map_plain_tasks(ArrayNodeMapTask)
_map_plain_tasks(MapPythonTask)
