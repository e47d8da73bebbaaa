"""``podtriage guard`` as its chart runs it: a process with exactly the chart's rights, on a real API server."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from tests.apiserver.api import Api, pods
from tests.apiserver.guard import guarding
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.process import Process
from tests.apiserver.rights import allow
from tests.apiserver.server import ApiServer
from tests.charts.guard.rendering import acting, observing, rules

USER, ROLE, LEASE = "connector", "podtriage-guard", "podtriage-guard"
OWN: list[dict[str, Any]] = [
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": [LEASE],
        "verbs": ["get", "update"],
    },
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [f"{LEASE}-switch"], "verbs": ["get"]},
]


class Program:
    """The guard as a process."""

    def __init__(self, process: Process, log: Path, port: int) -> None:
        self.process, self._log, self._port = process, log, port

    def lines(self, key: str) -> list[dict[str, Any]]:
        """Return the lines of its output that have a key: ``audit``, or ``levelname``."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in lines if key in line]

    def get(self, path: str) -> tuple[int, str]:
        """Ask its port; 0: it is not open."""
        try:
            with urllib3.PoolManager(retries=False, timeout=10.0) as pool:
                answer = pool.request("GET", f"http://127.0.0.1:{self._port}{path}")
                return answer.status, answer.data.decode()
        except urllib3.exceptions.HTTPError:
            return 0, ""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def eventually(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


@pytest.fixture
def program(
    flyte_resources: None, ready_node: None, server: ApiServer, admin: Api, namespace: str, tmp_path: Path
) -> Iterator[Program]:
    """Start it in mode enforce, with a grace period of some seconds."""
    allow(admin, USER, [*observing(), *acting(), *rules("cluster"), *OWN], ROLE)
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE}}
    admin.post(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases", lease)
    switch = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{LEASE}-switch"}}
    admin.post(f"/api/v1/namespaces/{namespace}/configmaps", switch)
    port = free_port()
    settings = {
        "mode": "enforce",
        "namespaces": [namespace],
        "lease-namespace": namespace,
        "image-pull-backoff-grace-period": "20s",
        "margin": "2s",
        "clock-skew": "1s",
        "propeller-config": [],
        "propeller-deployment": [],
        "backend-version": "1.16.8",
        "host": "127.0.0.1",
        "port": port,
    }
    config = tmp_path / "guard.yaml"
    config.write_text(yaml.safe_dump(settings))
    environment = [f"KUBECONFIG={server.kubeconfig(USER)}", f"PYTHONPATH={Path.cwd()}"]
    command = ["env", *environment, sys.executable, "-m", "flytekitplugins_podtriage", "guard", "--config", str(config)]
    log = tmp_path / "log"
    process = Process(command, log)
    yield Program(process, log, port)
    if process.code is None:
        process.end(signal.SIGTERM)
    allow(admin, USER, [], ROLE)


def test_it_acts_in_time_with_the_charts_rights_says_so_and_ends_in_order(
    program: Program, admin: Api, namespace: str, kubelet: ScriptedKubelet
) -> None:
    eventually(lambda: program.get("/readyz")[0] == 200, "it is never ready")
    eventually(lambda: "podtriage_guard_enforcing 1.0" in program.get("/metrics")[1], "it only observes")
    assert "podtriage_guard_leader 1.0" in program.get("/metrics")[1]
    workflow = guarding.make_workflow(admin, namespace, "f1")
    name = guarding.make_pod(admin, workflow)
    kubelet.image_pull_back_off(namespace, name, guarding.LIMITED)

    eventually(lambda: bool(program.lines("audit")), "it never acts")

    (line,) = program.lines("audit")
    assert (line["outcome"], line["pod"], line["act"]) == ("acted", name, "end-as-system")
    assert (line["before"]["kind"], line["after"]["kind"]) == ("USER", "SYSTEM")
    assert line["time"] < line["before"]["at"]
    pod = admin.find(pods(namespace, name))
    assert pod is None or "deletionTimestamp" in pod["metadata"]
    events = admin.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    assert [event["reason"] for event in events if event["reportingController"] == "podtriage.flyte.org/guard"] == [
        "PodtriageActs"
    ]
    assert not [each for each in program.lines("levelname") if "permission is missing" in each["message"]]

    program.process.end(signal.SIGTERM)
    assert program.process.code == 0
    lease = admin.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}")
    assert not lease["spec"].get("holderIdentity")


def test_the_switch_takes_it_back_to_observe_within_five_seconds(program: Program, admin: Api, namespace: str) -> None:
    eventually(lambda: "podtriage_guard_enforcing 1.0" in program.get("/metrics")[1], "it only observes")
    admin.merge(f"/api/v1/namespaces/{namespace}/configmaps/{LEASE}-switch", {"data": {"mode": "observe"}})
    eventually(lambda: "podtriage_guard_enforcing 0.0" in program.get("/metrics")[1], "it acts on", 5.0)
