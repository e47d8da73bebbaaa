"""The program of the chart's container, as the kubelet starts and probes it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import urllib3
from flyteidl.admin import agent_pb2
from flyteidl.service import agent_pb2_grpc

from tests.charts.rendering import Chart, container, of_kind

SERVING = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse: field 1, the status, is 1


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    """Return two ports that are free."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return {"grpc": one.getsockname()[1], "metrics": other.getsockname()[1]}


@pytest.fixture(scope="module")
def manifests(chart: Chart, ports: dict[str, int]) -> list[dict[str, Any]]:
    return chart.render({"port": ports["grpc"], "metrics": {"port": ports["metrics"]}})


@pytest.fixture(scope="module")
def channel(
    manifests: list[dict[str, Any]], ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[grpc.Channel]:
    """Start the container's program, and yield a channel to it."""
    pytest.importorskip("grpc_health.v1", reason="flytekit[connector] is not installed: nothing answers probes")
    home = tmp_path_factory.mktemp("home")
    one = container(manifests)
    environment = {each["name"]: each["value"] for each in one["env"]}
    # The root of the container is this folder.
    config = Path(f"{home}{environment['FLYTECTL_CONFIG']}")
    config.parent.mkdir(parents=True)
    config.write_text(of_kind(manifests, "ConfigMap")["data"]["config.yaml"])
    environment |= {"FLYTECTL_CONFIG": str(config), "HOME": str(home), "PATH": os.environ["PATH"]}
    environment |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}  # the tested checkout
    program, *arguments = one["command"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [Path(sys.executable).parent / program, *arguments], env=environment, stdout=log, stderr=log, cwd=home
        )
    try:
        with grpc.insecure_channel(f"127.0.0.1:{ports['grpc']}") as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=90)
            except grpc.FutureTimeoutError:
                pytest.fail(f"it does not serve: {(home / 'log').read_text()[-2000:]}")
            yield channel
    finally:
        process.kill()
        process.wait()


def check(channel: grpc.Channel, service: str) -> bytes:
    """Ask as the kubelet asks: grpc.health.v1.Health, Check."""
    ask = channel.unary_unary("/grpc.health.v1.Health/Check")
    name = service.encode()
    answer = ask(b"\x0a" + bytes([len(name)]) + name if name else b"", timeout=30)
    assert isinstance(answer, bytes)
    return answer


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_every_probe_is_answered(
    channel: grpc.Channel, manifests: list[dict[str, Any]], ports: dict[str, int], probe: str
) -> None:
    asked = container(manifests)[probe]["grpc"]
    assert asked["port"] == ports["grpc"]
    assert check(channel, asked.get("service", "")) == SERVING


def test_a_service_that_it_has_not_is_not_healthy(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        check(channel, "flyteidl.service.Nonsense")
    assert failed.value.code() is grpc.StatusCode.NOT_FOUND


def test_it_serves_the_task_type_in_the_version_that_propeller_looks_for(channel: grpc.Channel) -> None:
    response = agent_pb2_grpc.AgentMetadataServiceStub(channel).ListAgents(agent_pb2.ListAgentsRequest(), timeout=30)
    types = {
        (one.name, one.version): agent.is_sync for agent in response.agents for one in agent.supported_task_categories
    }
    assert types["podtriage", 0] is False


def test_it_serves_metrics(channel: grpc.Channel, ports: dict[str, int]) -> None:
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("GET", f"http://127.0.0.1:{ports['metrics']}/metrics", timeout=30.0)
    assert answer.status == 200
    assert b"# TYPE" in answer.data


def test_its_own_metrics_are_among_them_from_the_first_request_on(channel: grpc.Channel, ports: dict[str, int]) -> None:
    category = agent_pb2.TaskCategory(name="podtriage", version=0)
    request = agent_pb2.GetTaskRequest(task_category=category, resource_meta=b"{}")
    agent_pb2_grpc.AsyncAgentServiceStub(channel).GetTask(request, timeout=30)
    with urllib3.PoolManager(retries=False) as pool:
        answer = pool.request("GET", f"http://127.0.0.1:{ports['metrics']}/metrics", timeout=30.0)
    assert b'podtriage_request_duration_seconds_count{operation="get"} 1.0' in answer.data
    assert b"podtriage_settle_failures_total 0.0" in answer.data
