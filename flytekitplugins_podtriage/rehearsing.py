"""A rehearsal: a workflow or task of a file, run locally under a plan of faults, backend beside backend."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from flytekitplugins_podtriage.core.run import TaskRun


class NotRehearsable(ValueError):
    """The file, the workflow in it, or its inputs cannot be used; the message is one line."""


@attrs.frozen
class Rehearsal:
    """What came of a rehearsal."""

    runs: tuple[tuple[TaskRun, tuple[TaskRun, ...]], ...]
    """Each task's run in order, and the same on the other backends."""
    error: str | None = None
    """Why the workflow failed, in a line; None: it succeeded."""


def rehearse(path: str, name: str, inputs: Iterable[str], settings: Mapping[str, object]) -> Rehearsal:
    """Run a workflow of a file locally and gather what became of its tasks.

    Args:
        path: the Python file.
        name: the workflow or task in it.
        inputs: ``KEY=VALUE``, the value as JSON, or else as text.
        settings: of the plugin, as arguments (:func:`~flytekitplugins_podtriage.flyte.settings.read_settings`).

    Raises:
        NotRehearsable: there is no such file or workflow, or an input is not one of its.
        ValueError: a setting or the plan is not allowed.
    """
    from flytekitplugins_podtriage.flyte.container_local import PodTriageNoOutputs
    from flytekitplugins_podtriage.flyte.settings import read_settings
    from flytekitplugins_podtriage.local_runs import read_plan, watch_runs

    found = read_settings(settings)
    read_plan(found.plan)  # a mistake in it is told before anything runs
    entity = _entity(path, name)
    given = _inputs(entity, inputs, name)
    runs: list[tuple[TaskRun, tuple[TaskRun, ...]]] = []
    with watch_runs(lambda run, others: runs.append((run, others)), found):
        try:
            entity(**given)
        except Exception as error:
            if not isinstance(error, PodTriageNoOutputs) and (not runs or runs[-1][0].succeeded):
                raise  # no task of ours failed
            return Rehearsal(tuple(runs), " ".join(str(error).split())[:500])
    return Rehearsal(tuple(runs))


def _entity(path: str, name: str) -> Any:
    from flytekit.core.base_task import PythonTask
    from flytekit.core.workflow import WorkflowBase

    if not os.path.isfile(path):
        raise NotRehearsable(f"{path}: no such file; allowed: a Python file with workflows")
    folder, file = os.path.split(os.path.abspath(path))
    if not file.endswith(".py"):
        raise NotRehearsable(f"{path}: no Python file")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(file[: -len(".py")])
    except Exception as error:
        raise NotRehearsable(f"{path}: it cannot be imported: {type(error).__name__}: {error}") from error
    kinds = (WorkflowBase, PythonTask)
    entity = getattr(module, name, None)
    if not isinstance(entity, kinds):
        known = ", ".join(sorted(key for key, value in vars(module).items() if isinstance(value, kinds)))
        raise NotRehearsable(f"{path}: no workflow or task {name[:64]!r}; allowed: {known or 'it has none'}")
    return entity


def _inputs(entity: Any, inputs: Iterable[str], name: str) -> dict[str, Any]:
    allowed = entity.python_interface.inputs_with_defaults
    given: dict[str, Any] = {}
    for item in inputs:
        key, equals, value = item.partition("=")
        if not equals or key not in allowed:
            known = ", ".join(allowed) or "it takes none"
            raise NotRehearsable(f"--input {item[:64]!r}: no input of {name}; allowed: KEY=VALUE with a KEY of {known}")
        kind = allowed[key][0]
        try:
            given[key] = value if kind is str else json.loads(value)
        except ValueError:
            given[key] = value
    missing = [key for key, (_, default) in allowed.items() if default is None and key not in given]
    if missing:
        raise NotRehearsable(f"{name}: inputs are missing: {', '.join(missing)}; give them as --input KEY=VALUE")
    return given
