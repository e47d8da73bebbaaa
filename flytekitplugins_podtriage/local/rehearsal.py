"""Rehearsals: a workflow or task from a file, run locally under a fault plan on all backends."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final, get_args

import attrs

from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.core.text.suggestions import did_you_mean

_EAGER_CONFIGURATION: Final = "EagerAsyncPythonFunctionTask() got multiple values for keyword argument 'task_config'"
"""What flytekit says to ``@eager(task_config=...)``: it passes a configuration of its own, None."""
_NO_EAGER_CONFIGURATION: Final = (
    "an @eager function takes no task_config; allowed: @eager alone, and task_config=PodTriage() on the tasks that it "
    "calls"
)


class NotRehearsable(ValueError):
    """The file, the workflow in it, or its inputs cannot be used; the message is one line."""


@attrs.frozen
class Rehearsal:
    """The result of a rehearsal."""

    runs: tuple[tuple[TaskRun, tuple[TaskRun, ...]], ...]
    """Each task's run in order, and its runs on the other backends."""
    error: str | None = None
    """Why the workflow failed, in one line; None: it succeeded."""
    warnings: tuple[str, ...] = ()
    """The faults of the plan that never occurred, on any backend, and which names there were."""


def rehearse(path: str, name: str, inputs: Iterable[str], settings: Mapping[str, object]) -> Rehearsal:
    """Run a workflow from a file locally; return the runs of its tasks, plain ones included.

    Args:
        path: the Python file.
        name: the workflow or task in it.
        inputs: ``KEY=VALUE``, the value as JSON or plain text.
        settings: arguments for the plugin's settings (:func:`~flytekitplugins_podtriage.flyte.settings.read_settings`).

    Raises:
        NotRehearsable: there is no such file, workflow or input.
        ValueError: a setting or the plan is invalid.
    """
    from flytekitplugins_podtriage.flyte.settings import read_settings
    from flytekitplugins_podtriage.local.adoption import every_plain_task, without_decks
    from flytekitplugins_podtriage.local.runner import read_plan, watch_runs

    read = read_settings(settings)
    plan = read_plan(read.plan)  # fail before anything runs
    entity = _entity(path, name)
    given = _inputs(entity, inputs, name)
    runs: list[tuple[TaskRun, tuple[TaskRun, ...]]] = []
    failed: str | None = None
    watched = watch_runs(lambda run, others: runs.append((run, others)), read)
    with watched, every_plain_task(), without_decks(), _stdout_to_stderr():
        try:
            outputs_of(entity, given)
        except Exception as error:  # noqa: BLE001  # whatever a task's code raises
            failed = in_one_line(error)
    return Rehearsal(tuple(runs), failed, watched.occurrences.missing(plan))


def outputs_of(entity: Any, inputs: Mapping[str, Any]) -> Any:
    """Call a workflow or task, wait for it if it is asynchronous, and return its outputs."""
    from flytekit.utils.asyn import run_sync

    outputs = entity(**inputs)
    return run_sync(_awaited, outputs) if inspect.isawaitable(outputs) else outputs


async def _awaited(outputs: Any) -> Any:
    return await outputs


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Redirect what bodies print, here and in their own processes: standard output is for the result."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def in_one_line(error: Exception) -> str:
    """Return an exception as one line: its class and message, or the message alone of a failure of Flyte's."""
    from flytekit.exceptions.base import FlyteException

    message = " ".join(str(error).partition("\nTraceback (most recent call last):\n")[0].split())
    return message if isinstance(error, FlyteException) else f"{type(error).__name__}: {message}"


def _entity(path: str, name: str) -> Any:
    from flytekit.core.base_task import PythonTask
    from flytekit.core.workflow import WorkflowBase

    if not os.path.isfile(path):
        raise NotRehearsable(f"{path}: no such file; allowed: a Python file with workflows")
    directory, file = os.path.split(os.path.abspath(path))
    if not file.endswith(".py"):
        raise NotRehearsable(f"{path}: not a Python file; allowed: a name that ends in .py")
    if directory not in sys.path:
        sys.path.insert(0, directory)
    try:
        module = importlib.import_module(file[: -len(".py")])
    except Exception as error:
        if isinstance(error, TypeError) and _EAGER_CONFIGURATION in str(error):
            raise NotRehearsable(f"{path}: {_NO_EAGER_CONFIGURATION}") from error
        raise NotRehearsable(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    kinds = (WorkflowBase, PythonTask)
    entity = getattr(module, name, None)
    if not isinstance(entity, kinds):
        known = sorted(key for key, value in vars(module).items() if isinstance(value, kinds))
        raise NotRehearsable(
            f"{path}: no workflow or task {name[:64]!r};{did_you_mean(name, known)} "
            f"allowed: {', '.join(known) or 'none in it'}"
        )
    return entity


def _inputs(entity: Any, inputs: Iterable[str], name: str) -> dict[str, Any]:
    allowed = entity.python_interface.inputs_with_defaults
    given: dict[str, Any] = {}
    for item in inputs:
        key, equals, value = item.partition("=")
        if not equals or key not in allowed:
            known = ", ".join(allowed) or "none, it has no inputs"
            raise NotRehearsable(
                f"--input {item[:64]!r}: not an input of {name};{did_you_mean(key, allowed)} "
                f"allowed: KEY=VALUE, KEY one of {known}"
            )
        kind = allowed[key][0]
        try:
            given[key] = value if kind is str else _as_floats(json.loads(value), kind)
        except ValueError:
            given[key] = value
        _check(entity, key, given[key], kind, item)
    missing = [key for key, (_, default) in allowed.items() if default is None and key not in given]
    if missing:
        raise NotRehearsable(f"{name}: missing inputs: {', '.join(missing)}; give them as --input KEY=VALUE")
    return given


def _as_floats(value: Any, kind: Any) -> Any:
    """Return a value of JSON with floats where they are declared: JSON knows one kind of number, flytekit two."""
    inner = get_args(kind)
    if kind is float and type(value) is int:
        return float(value)
    if isinstance(value, list) and len(inner) == 1:
        return [_as_floats(item, inner[0]) for item in value]
    if isinstance(value, dict) and len(inner) == 2:
        return {key: _as_floats(item, inner[1]) for key, item in value.items()}
    return value


def _check(entity: Any, key: str, value: Any, kind: Any, item: str) -> None:
    """Check that flytekit accepts a value for an input."""
    from flytekit import FlyteContext
    from flytekit.core.type_engine import TypeEngine

    declared = entity.interface.inputs[key].type
    try:
        TypeEngine.to_literal(FlyteContext.current_context(), value, kind, declared)
    except Exception as error:  # type transformers raise all kinds
        shown = str(kind) if get_args(kind) else getattr(kind, "__name__", str(kind))
        raise NotRehearsable(
            f"--input {item[:64]!r}: not a valid {shown}; allowed: KEY=VALUE, VALUE as JSON"
        ) from error
