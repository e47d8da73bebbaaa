"""Local runs whose pods are in a real cluster: what ``pyflyte run`` does with the setting ``cluster: kubernetes``."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from flytekit import FlyteContext, map_task
from flytekit.core.context_manager import FlyteContextManager
from flytekit.core.data_persistence import FileAccessProvider, default_local_file_access_provider
from flytekit.exceptions.user import FlyteValidationException

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.flyte.settings import Settings
from flytekitplugins_podtriage.local.runner import watch_runs
from flytekitplugins_podtriage.local.task_data import PodTriageSystemError, PodTriageUserError
from tests.apiserver.api import Api, ApiStatus, pods
from tests.apiserver.connector.served import eventually
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.local_workflow import double, greet, silent, twice
from tests.apiserver.server import ApiServer
from tests.builders import manifest
from tests.paths import ROOT

PROGRAM = "from flytekit.bin.entrypoint import execute_task_cmd; execute_task_cmd()"
LIMITED = "429 Too Many Requests - toomanyrequests"


class Node:
    """A node that runs pods for real: their command on this machine. What it is to do instead can be said.

    Args:
        admin: the client that sees the pods.
        kubelet: who writes their statuses.
        namespace: whose pods are run.
    """

    def __init__(self, admin: Api, kubelet: ScriptedKubelet, namespace: str) -> None:
        self._admin = admin
        self._kubelet = kubelet
        self._namespace = namespace
        self._ended = threading.Event()
        self.instead: list[Callable[[str], None]] = []
        """What happens to the next pods instead of their command, in order."""
        self.seen: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            for pod in self._admin.get(pods(self._namespace))["items"]:
                name = pod["metadata"]["name"]
                if "deletionTimestamp" in pod["metadata"]:
                    self._kubelet.finish_deletion(self._namespace, name)
                elif name not in self.seen:
                    self.seen.append(name)
                    with suppress(ApiStatus):  # the pod may be deleted as soon as something is told of it
                        self._start(pod, name)

    def _start(self, pod: dict[str, Any], name: str) -> None:
        if self.instead:
            self.instead.pop(0)(name)
            return
        self._kubelet.running(self._namespace, name)
        [container] = pod["spec"]["containers"]
        given: list[str] = [*container.get("command", ()), *container.get("args", ())]
        program, arguments = given[0], given[1:]
        command = [sys.executable, "-c", PROGRAM] if program == "pyflyte-execute" else [program]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **{e["name"]: e["value"] for e in container.get("env", ())},
        }
        done = subprocess.run([*command, *arguments], env=environment, cwd=ROOT, capture_output=True, check=False)
        if done.returncode:
            self._kubelet.failed(self._namespace, name, done.returncode)
        else:
            self._kubelet.succeeded(self._namespace, name)

    def close(self) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()


@pytest.fixture
def node(admin: Api, kubelet: ScriptedKubelet, namespace: str) -> Iterator[Node]:
    node = Node(admin, kubelet, namespace)
    yield node
    node.close()


@pytest.fixture
def runs(
    server: ApiServer,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    node: Node,
    request: pytest.FixtureRequest,
) -> Iterator[list[TaskRun]]:
    """Run what is called locally in the cluster, with data in a folder that the node shares; return the runs."""
    monkeypatch.setenv("KUBECONFIG", server.kubeconfig("connector"))
    settings = Settings(
        cluster="kubernetes", namespaces=namespace, system_patience=getattr(request, "param", "0s"), user_patience="0s"
    )
    runs: list[TaskRun] = []
    access = FileAccessProvider(str(tmp_path / "sandbox"), str(tmp_path / "shared"))
    context = FlyteContext.current_context().with_file_access(access)
    with FlyteContextManager.with_context(context), watch_runs(lambda run, _: runs.append(run), settings):
        yield runs


def test_the_body_runs_in_a_pod_and_its_outputs_come_back(runs: list[TaskRun], node: Node) -> None:
    assert double(a=21) == 42
    [run] = runs
    assert run.succeeded and [one.pod for one in run.attempts] == node.seen


def test_the_platforms_failure_costs_a_retry_of_the_platforms(
    runs: list[TaskRun], node: Node, kubelet: ScriptedKubelet, namespace: str
) -> None:
    node.instead.append(lambda name: kubelet.image_pull_failed(namespace, name, LIMITED))
    assert double(a=1) == 2
    [run] = runs
    assert [one.charged for one in run.attempts] == [ErrorKind.SYSTEM, None]
    assert run.attempts[0].verdict.category == "registry_rate_limited"


@pytest.mark.parametrize("runs", ["10m"], indirect=True)
def test_a_quota_without_room_is_waited_for_and_costs_nothing(runs: list[TaskRun], admin: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}}
    admin.post(path, {**quota, "spec": {"hard": {"pods": "0"}}})
    admin.merge(f"{path}/none/status", {"status": {"hard": {"pods": "0"}, "used": {"pods": "0"}}})

    def fill() -> None:
        for _ in range(1000):  # admission learns of quotas through a watch of its own, within milliseconds
            admin.post(f"{pods(namespace)}?dryRun=All", manifest(name="p"))

    with pytest.raises(ApiStatus):
        fill()
    room = threading.Timer(3, lambda: admin.delete(f"{path}/none"))
    room.start()
    assert double(a=21) == 42
    room.join()
    [record] = runs[0].attempts
    assert record.charged is None
    assert record.recovered_from is not None
    assert (record.recovered_from.rule, record.recovered_from.kind) == ("quota-kubernetes", ErrorKind.SYSTEM)
    assert record.duration.total_seconds() >= 2


def test_a_crash_costs_the_users_and_then_fails(
    runs: list[TaskRun], node: Node, kubelet: ScriptedKubelet, namespace: str
) -> None:
    node.instead += [lambda name: kubelet.failed(namespace, name, 3)] * 2
    with pytest.raises(PodTriageUserError, match="failed after 2 attempt"):
        double(a=1)
    assert [one.charged for one in runs[0].attempts] == [ErrorKind.USER, ErrorKind.USER]


def test_a_task_without_outputs_and_its_exception(runs: list[TaskRun]) -> None:
    assert silent(a=1) is None
    with pytest.raises(PodTriageUserError, match="ValueError"):
        silent(a=-1)


def test_a_dynamic_tasks_body_runs_here_and_its_tasks_in_the_cluster(runs: list[TaskRun]) -> None:
    assert twice(a=3) == 12
    assert len(runs) == 2


def test_a_container_task_without_inputs_and_outputs(runs: list[TaskRun]) -> None:
    assert greet() is None
    assert runs[0].succeeded


def test_no_pod_is_left(runs: list[TaskRun], admin: Api, namespace: str, node: Node) -> None:
    double(a=1)
    eventually(lambda: not admin.get(pods(namespace))["items"], "no pod is left")


def test_a_mapped_task_is_refused(runs: list[TaskRun]) -> None:
    with pytest.raises(FlyteValidationException, match="cannot run on a cluster"):
        map_task(double)(a=[1, 2])


def test_data_that_no_pod_reaches_are_refused(runs: list[TaskRun]) -> None:
    context = FlyteContext.current_context().with_file_access(default_local_file_access_provider)
    with FlyteContextManager.with_context(context), pytest.raises(FlyteValidationException, match="raw-output-data"):
        double(a=1)


def test_a_cluster_that_cannot_be_reached_is_told(runs: list[TaskRun], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    with pytest.raises(PodTriageSystemError, match="no such file"):
        double(a=1)
