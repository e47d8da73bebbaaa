"""A container task's end: its container has ended, and copilot has stored what it left."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError
from flytekit.core.data_persistence import FileAccessProvider

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt
from flytekitplugins_podtriage.flyte.settings import Settings
from flytekitplugins_podtriage.flyte.task import MARKER
from tests.builders import NOW, ago, pod, running, terminated

STATES = {"runs": running, "ended": partial(terminated, 0), "failed": partial(terminated, 3)}


def container_task(phase: str, main: str, copilot: str | None, name: str = "flyte-copilot-uploader") -> dict[str, Any]:
    """Return the pod that FlytePropeller 1.16 makes of a container task with outputs.

    Args:
        phase: of the pod.
        main: what the task's container does: ``runs``, ``ended`` or ``failed``.
        copilot: what the one that uploads does; None: it has no status.
        name: of the one that uploads.
    """
    spec = {"initContainers": [{"name": name, "restartPolicy": "Always"}]}
    inits = [] if copilot is None else [STATES[copilot](name=name)]
    return pod(phase, STATES[main](), inits=inits, primary="main", spec=spec, startTime=ago(60))


@pytest.fixture
def hook(tmp_path: Path) -> TriageHook:
    return TriageHook(settings=Settings(), access=FileAccessProvider(str(tmp_path), str(tmp_path)))


@pytest.fixture
def attempt(tmp_path: Path) -> TaskAttempt:
    return TaskAttempt(str(tmp_path / "data" / "0"))


@pytest.mark.parametrize(
    ("pod_state", "phase"),
    [
        pytest.param(container_task("Running", "runs", "runs"), idl.RUNNING, id="the container runs"),
        pytest.param(container_task("Running", "ended", "runs"), idl.RUNNING, id="it has ended, and copilot uploads"),
        pytest.param(container_task("Running", "ended", "runs", "pilot-uploader"), idl.RUNNING, id="by another name"),
        pytest.param(container_task("Running", "ended", None), idl.RUNNING, id="copilot's status is missing"),
        pytest.param(container_task("Running", "ended", "ended"), idl.SUCCEEDED, id="copilot has ended"),
        pytest.param(container_task("Running", "ended", "failed"), idl.SUCCEEDED, id="badly: there will be no outputs"),
        pytest.param(container_task("Succeeded", "ended", "ended"), idl.SUCCEEDED, id="the pod is over"),
        pytest.param(container_task("Succeeded", "ended", "runs"), idl.SUCCEEDED, id="whatever the status lags behind"),
        pytest.param(container_task("Running", "ended", "runs", "envoy"), idl.SUCCEEDED, id="any other sidecar"),
    ],
)
def test_a_success_is_reported_when_the_outputs_are_uploaded(
    hook: TriageHook, attempt: TaskAttempt, pod_state: dict[str, Any], phase: int
) -> None:
    assert hook.resource(pod_state, attempt, now=NOW).phase == phase


def test_nothing_is_recorded_while_copilot_uploads(hook: TriageHook, attempt: TaskAttempt, tmp_path: Path) -> None:
    response = hook.resource(container_task("Running", "ended", "runs"), attempt, now=NOW)

    assert "copilot stores its outputs" in response.message
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("stored", [True, False])
def test_the_outputs_decide_whether_a_pod_that_is_gone_succeeded(
    hook: TriageHook, attempt: TaskAttempt, tmp_path: Path, stored: bool
) -> None:
    prefix = tmp_path / "data" / "0"
    if stored:
        prefix.mkdir(parents=True)
        (prefix / "outputs.pb").write_bytes(b"")

    response = hook.resource(container_task("Running", "ended", "runs"), attempt, now=NOW, gone=True)

    assert response.phase == idl.SUCCEEDED
    assert (prefix / "error.pb").exists() is not stored
    if not stored:
        error = ErrorDocument.FromString((prefix / "error.pb").read_bytes()).error
        assert (error.origin, error.kind) == (ExecutionError.SYSTEM, ContainerError.RECOVERABLE)


def test_a_failure_is_reported_at_once(hook: TriageHook, attempt: TaskAttempt, tmp_path: Path) -> None:
    response = hook.resource(container_task("Running", "failed", "runs"), attempt, now=NOW)

    assert response.phase == idl.SUCCEEDED  # with the document that FlytePropeller reads
    assert (tmp_path / "data" / "0" / "error.pb").exists()


def test_a_task_without_outputs_waits_for_no_upload(hook: TriageHook, tmp_path: Path) -> None:
    attempt = TaskAttempt(str(tmp_path / "data" / "0"), marker=True)

    response = hook.resource(container_task("Running", "ended", "runs"), attempt, now=NOW)

    assert (response.phase, list(response.outputs.literals)) == (idl.SUCCEEDED, [MARKER])
