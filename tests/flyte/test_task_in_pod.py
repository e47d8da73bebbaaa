"""A task in its pod: ``pyflyte-execute`` as a process, with an output prefix on this machine.

In a pod only the body of the task runs, not in attempts, whatever fault plan the environment has.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import dynamic_job_pb2, errors_pb2
from flytekit import FlyteContext
from flytekit.core.type_engine import TypeEngine
from flytekit.models import literals

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.flyte.task import MARKER
from flytekitplugins_podtriage.local import task_data

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
tasks: Any = importlib.import_module("pod_tasks")
PROGRAM = Path(sys.executable).parent / "pyflyte-execute"
PLAN = "pull: not found"


class Pod:
    """The process and the output prefix of one attempt."""

    def __init__(self, task: Any, attempt: int = 0, **inputs: Any) -> None:
        self.context = FlyteContext.current_context()
        self.location = task_data.DataLocation.new(self.context)
        self.attempt = attempt
        self.inputs = literals.LiteralMap(
            {
                name: TypeEngine.to_literal(
                    self.context, value, task.python_interface.inputs[name], task.interface.inputs[name].type
                )
                for name, value in inputs.items()
            }
        )
        self.location.write_inputs(self.inputs)
        self.task = task
        self.printed = ""

    def run(self, python: str) -> Pod:
        """Run its process to the end, with this Python."""
        container = task_data.primary_container(task_data.manifest(self.task, self.context))
        rendered = self.location.render_arguments(container["args"], self.attempt)
        assert rendered[0] == PROGRAM.name
        environment = {
            **os.environ,
            "PYTHONPATH": str(HERE),
            "FLYTE_ATTEMPT_NUMBER": str(self.attempt),
            "FLYTE_PODTRIAGE_PLAN": PLAN,
        }
        done = subprocess.run(
            [python, str(PROGRAM), *rendered[1:]], env=environment, check=True, capture_output=True, text=True, cwd=HERE
        )
        self.printed = done.stdout + done.stderr
        return self

    def values(self) -> dict[str, Any]:
        outputs = self.location.read_outputs(self.attempt)
        assert outputs is not None
        types = self.task.python_interface.outputs
        return {
            name: TypeEngine.to_python_value(self.context, literal, types[name])
            for name, literal in outputs.literals.items()
        }


def test_a_body_runs_once_and_not_in_attempts() -> None:
    pod = Pod(tasks.silent).run(sys.executable)

    assert "silent, but here" in pod.printed
    assert "charged" not in pod.printed
    assert pod.location.read_error(0) is None


def test_values_of_all_kinds_are_read_and_written(warm_python: str) -> None:
    values = Pod(tasks.several, a=3, b="x").run(warm_python).values()

    assert values == {"o0": 4, "o1": "xx", "o2": [3], "o3": {"a": 1.5}, "o4": None}


def test_files_are_read_and_written_through_flytekits_data_layer(tmp_path: Path, warm_python: str) -> None:
    given = tmp_path / "given.txt"
    given.write_text("quiet", encoding="utf-8")

    (file,) = Pod(tasks.upper, file=str(given)).run(warm_python).values().values()

    assert Path(os.fspath(file)).read_text(encoding="utf-8") == "QUIET"


def test_directories_are_written(warm_python: str) -> None:
    (folder,) = Pod(tasks.folder, names=["a", "b"]).run(warm_python).values().values()

    assert sorted(os.listdir(folder)) == ["a", "b"]


def test_dataframes_are_read_and_written(warm_python: str) -> None:
    pod = Pod(tasks.doubled, rows=tasks.Rows([["a", "1"], ["b", "2"]])).run(warm_python)

    assert pod.values() == {"o0": [["a", "1"], ["b", "2"]] * 2}
    assert (
        pod.location.read_outputs(0).literals["o0"].scalar.structured_dataset.metadata.structured_dataset_type.format
        == "csv"
    )


def test_a_task_without_outputs_writes_the_marker(warm_python: str) -> None:
    outputs = Pod(tasks.silent).run(warm_python).location.read_outputs(0)

    assert {name: one.scalar.primitive.boolean for name, one in outputs.literals.items()} == {MARKER: True}


@pytest.mark.parametrize(("recoverable", "message"), [(False, "never again"), (True, "try me again")])
def test_an_exception_is_a_user_failure_that_says_whether_to_retry(
    recoverable: bool, message: str, warm_python: str
) -> None:
    pod = Pod(tasks.failing, recoverable=recoverable).run(warm_python)

    failure = pod.location.read_error(0)
    assert (failure.kind, failure.recoverable) == (ErrorKind.USER, recoverable)
    assert message in failure.message
    assert pod.location.read_outputs(0) is None
    document = pod.location._read(0, "error.pb", errors_pb2.ErrorDocument)
    assert document.error.code


def test_a_missing_file_is_reported_in_an_error_document(tmp_path: Path, warm_python: str) -> None:
    given = tmp_path / "given.txt"
    given.write_text("", encoding="utf-8")
    pod = Pod(tasks.upper, file=str(given))
    os.unlink(pod.inputs.literals["file"].scalar.blob.uri)

    failure = pod.run(warm_python).location.read_error(0)

    assert failure is not None
    assert pod.location.read_outputs(0) is None


def test_each_attempt_has_its_own_number_and_its_own_prefix(warm_python: str) -> None:
    pod = Pod(tasks.attempted, attempt=2).run(warm_python)

    assert pod.values() == {"o0": "2"}
    assert pod.location.read_outputs(0) is None


def test_a_dynamic_task_writes_its_workflow_with_its_outputs_bound(warm_python: str) -> None:
    pod = Pod(tasks.fan, n=3).run(warm_python)

    job = pod.location._read(0, "futures.pb", dynamic_job_pb2.DynamicJobSpec)
    assert [binding.var for binding in job.outputs] == ["o0"]
    assert [task.type for task in job.tasks] == ["podtriage"]
    assert len(job.nodes) == 3
    assert pod.location.read_outputs(0) is None


def test_a_dynamic_task_without_outputs_binds_the_marker(warm_python: str) -> None:
    job = Pod(tasks.quiet, n=2).run(warm_python).location._read(0, "futures.pb", dynamic_job_pb2.DynamicJobSpec)

    assert [(binding.var, binding.binding.scalar.primitive.boolean) for binding in job.outputs] == [(MARKER, True)]
    assert [list(task.interface.outputs.variables) for task in job.tasks] == [[MARKER]]


@pytest.mark.parametrize(("name", "outputs"), [("fan", ["o0"]), ("quiet", [MARKER])])
def test_a_dynamic_task_without_subtasks_writes_its_outputs(name: str, outputs: list[str], warm_python: str) -> None:
    pod = Pod(getattr(tasks, name), n=0).run(warm_python)

    assert list(pod.location.read_outputs(0).literals) == outputs
    assert pod.location._read(0, "futures.pb", dynamic_job_pb2.DynamicJobSpec) is None
