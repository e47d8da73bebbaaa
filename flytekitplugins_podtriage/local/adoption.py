"""Making plain tasks run as if they had ``task_config=PodTriage()``, and taking that back.

A plain task is one that ``@task`` or ``@dynamic`` makes without a configuration. It is changed in place, so that every
workflow, map task or module that refers to it gets the change; a copy would be a second task of the same name.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from flytekit import PodTemplate, PythonFunctionTask
from flytekit.core.array_node_map_task import ArrayNodeMapTask
from flytekit.core.context_manager import FlyteEntities
from flytekit.core.python_function_task import AsyncPythonFunctionTask

from flytekitplugins_podtriage.flyte.settings import PREFIX
from flytekitplugins_podtriage.flyte.task import TASK_TYPE, PodTriage
from flytekitplugins_podtriage.local.task import DISABLED, AsyncPodTriageTask, PodTriageTask

TASKS_VARIABLE: Final = f"{PREFIX}TASKS"
_PLAIN: Final = (PythonFunctionTask, AsyncPythonFunctionTask)
_CHANGED: Final = ("_task_type", "_task_config", "_interface", "_environment", "pod_template")


class AdoptedTask(PodTriageTask):
    """A task that was plain."""

    plain_kind: type
    """Its class before."""
    plain_values: dict[str, Any]
    """Its attributes before, of those that were changed."""


class AsyncAdoptedTask(AdoptedTask, AsyncPodTriageTask):
    """An asynchronous task that was plain."""


def is_plain(task: object) -> bool:
    """Whether a task is a Python function without a configuration; ``PodTriage(enabled=False)`` is one."""
    return type(task) in _PLAIN and getattr(task, "task_config", None) is None and not hasattr(task, DISABLED)


def adopt(
    task: Any,
    tasks: str = "all",
    *,
    kinds: tuple[type[AdoptedTask], type[AdoptedTask]] = (AdoptedTask, AsyncAdoptedTask),
) -> None:
    """Make a plain task one of the type ``podtriage``; its pod template, resources and the rest are kept.

    Args:
        task: one that :func:`is_plain`.
        kinds: its class after that, of a plain function and of an ``async def``.
        tasks: the setting ``tasks``. The environment of the task's pod gets it: there the same file has to define the
            same tasks again, or a dynamic task would create plain ones.
    """
    task.plain_kind = type(task)
    task.plain_values = {name: getattr(task, name) for name in _CHANGED}
    task.__class__ = kinds[isinstance(task, AsyncPythonFunctionTask)]
    task._task_type = TASK_TYPE  # noqa: SLF001  # flytekit has no setters for what its constructors take
    task._task_config = PodTriage()  # noqa: SLF001
    task._environment = {**(task.environment or {}), TASKS_VARIABLE: tasks}  # noqa: SLF001
    task.pod_template = task.pod_template or PodTemplate()
    task._declare_marker()  # noqa: SLF001


def restore(task: Any) -> None:
    """Make an adopted task plain again."""
    kind, values = task.plain_kind, task.plain_values
    del task.plain_kind, task.plain_values, task.marked
    task.__class__ = kind
    vars(task).update(values)


def plain_copy(task: Any) -> Any:
    """Return what an adopted task was, without changing it; flytekit does not know of the copy."""
    copied = object.__new__(type(task))
    vars(copied).update(vars(task))
    restore(copied)
    copied.reset_command_fn()  # it refers to the task that it was made for
    return copied


@contextmanager
def every_plain_task() -> Iterator[None]:
    """Run all plain tasks that exist as tasks of the type ``podtriage`` within the context."""
    adopted = [task for task in _existing() if is_plain(task)]
    for task in adopted:
        adopt(task)
    try:
        yield
    finally:
        for task in adopted:
            restore(task)


@contextmanager
def without_decks() -> Iterator[None]:
    """Write no Flyte Decks within the context; flytekit runs pip for that of an ``@eager`` function."""
    shown = [task for task in _existing() if getattr(task, "_disable_deck", True) is False]
    for task in shown:
        task._disable_deck = True  # noqa: SLF001
    try:
        yield
    finally:
        for task in shown:
            task._disable_deck = False  # noqa: SLF001


@contextmanager
def without_cache() -> Iterator[None]:
    """Neither read nor write flytekit's local cache of outputs within the context: a hit would make no attempt."""
    name, before = "FLYTE_LOCAL_CACHE_ENABLED", os.environ.get("FLYTE_LOCAL_CACHE_ENABLED")
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _existing() -> Iterator[Any]:
    """Yield all tasks that exist, each once; the task that a map task runs may be known to it alone."""
    known = set()
    for entity in list(FlyteEntities.entities):
        for task in (entity, entity.python_function_task if isinstance(entity, ArrayNodeMapTask) else entity):
            if id(task) not in known:
                known.add(id(task))
                yield task
