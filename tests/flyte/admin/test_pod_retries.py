"""The user retries of a pod's task, from flyteadmin: where they can be had, quickly, and never an error."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import attrs
import grpc
import pytest
from flytekit.clients.auth.keyring import Credentials, KeyringStore

from flytekitplugins_podtriage.flyte.admin import pod_retries
from flytekitplugins_podtriage.flyte.admin.pod_retries import FlytePod, TaskRetries, retries_of_pod

POD = FlytePod(project="flytesnacks", domain="development", execution="f1", node="n0", name="f1-n0-1")


def train(admin: Any) -> None:
    admin.execution("f1", "RUNNING")
    admin.task(retries={"retries": 2})
    admin.node("n0", "RUNNING")
    admin.attempt("n0", 0)
    admin.attempt("n0", 1, "RUNNING")


def test_they_are_those_that_the_task_is_registered_with(admin: Any, config: str) -> None:
    train(admin)
    assert retries_of_pod(POD, config) == TaskRetries(task="wf.train", retries=2)
    assert admin.calls == ["ListTaskExecutions", "GetTask"]


def test_a_node_inside_of_another_is_found_by_the_pods_name(admin: Any, config: str) -> None:
    train(admin)
    admin.task("wf.inner", retries={"retries": 7})
    admin.node("n0-0-dn1", "RUNNING", parent="n0", spec="dn1")
    admin.attempt("n0-0-dn1", 0, "RUNNING", task="wf.inner")
    inner = attrs.evolve(POD, node="dn1", name="f1-n0-0-dn1-0")
    assert retries_of_pod(inner, config) == TaskRetries(task="wf.inner", retries=7)


def test_a_hashed_name_is_found_by_the_label(admin: Any, config: str) -> None:
    train(admin)
    admin.attempt("n0", 2, metadata={"generated_name": "fabcdefgh-0"})
    assert retries_of_pod(attrs.evolve(POD, name="fabcdefgh-0"), config) == TaskRetries(task="wf.train", retries=2)


def test_another_node_of_the_same_id_is_not_taken_for_the_pods(admin: Any, config: str) -> None:
    train(admin)
    assert retries_of_pod(attrs.evolve(POD, name="f1-n3-0-n0-0"), config) is None


def test_a_task_that_does_not_say_is_not_known(admin: Any, config: str) -> None:
    train(admin)
    admin.task()
    assert retries_of_pod(POD, config) is None


@pytest.mark.parametrize("method", ["ListTaskExecutions", "GetTask"])
@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAVAILABLE]
)
def test_a_refusal_is_no_error_and_not_answered_with_a_login(
    admin: Any, config: str, method: str, code: grpc.StatusCode
) -> None:
    train(admin)
    admin.failures[method] = (code, "no")
    assert retries_of_pod(POD, config) is None
    assert admin.calls.count(method) == 1


def test_a_stored_token_is_used(admin: Any, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    train(admin)
    tokens: list[Any] = []
    enter = admin._enter
    monkeypatch.setattr(KeyringStore, "retrieve", lambda endpoint: Credentials("t0k3n", for_endpoint=endpoint))

    def note(method: str, request: Any, context: grpc.ServicerContext) -> None:
        tokens.append(dict(context.invocation_metadata()).get("authorization"))
        enter(method, request, context)

    monkeypatch.setattr(admin, "_enter", note)
    assert retries_of_pod(POD, config) is not None
    assert tokens == ["Bearer t0k3n"] * 2


def test_an_endpoint_that_never_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_retries, "DEADLINE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = tmp_path / "config.yaml"
        path.write_text(f"admin:\n  endpoint: 127.0.0.1:{silent.getsockname()[1]}\n  insecure: true\n")
        assert retries_of_pod(POD, str(path)) is None


def test_neither_is_what_has_no_deadline_of_its_own(
    config: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    end = threading.Event()
    request.addfinalizer(end.set)
    monkeypatch.setattr(pod_retries, "TOTAL", 0.1)
    monkeypatch.setattr(pod_retries, "_stored_token", lambda _: end.wait(20))
    assert retries_of_pod(POD, config) is None


@pytest.mark.parametrize("text", ["admin: [", "admin: {}", ""])
def test_a_configuration_without_an_endpoint_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    assert retries_of_pod(POD, str(path)) is None


def test_without_a_configuration_flytekit_is_not_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from flytekitplugins_podtriage.flyte.admin.pod_retries import FlytePod, retries_of_pod; "
        "print(retries_of_pod(FlytePod('p', 'd', 'f1', 'n0', 'f1-n0-0')), 'flytekit' in sys.modules)"
    )
    environ = {"HOME": str(tmp_path), "PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environ, cwd=tmp_path, check=True
    )
    assert (done.stdout, done.stderr) == ("None False\n", "")
