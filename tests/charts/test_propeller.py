"""Propeller's configuration: the same wherever it is written, and what its gRPC part does."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from flyteidl.admin import agent_pb2
from flyteidl.service import agent_pb2 as service_pb2
from flyteidl.service import agent_pb2_grpc

from flytekitplugins_podtriage.flyte import settings
from tests.charts.rendering import CHART, RELEASE, Chart
from tests.paths import ROOT

BLOCKS = [
    yaml.safe_load(block)
    for block in re.findall(
        r"```yaml\n(.*?)```", (ROOT / "docs" / "connector.md").read_text(encoding="utf-8"), re.DOTALL
    )
]
PLAIN, CORE, BINARY = BLOCKS
PLUGIN = PLAIN["plugins"]["connector-service"]
DEPLOYMENT = PLUGIN["connectors"]["podtriage"]
SERVICE_CONFIG = DEPLOYMENT["defaultServiceConfig"]
ONLY_BALANCED = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})


def test_the_values_of_both_charts_of_flyte_say_the_same() -> None:
    assert CORE["configmap"]["enabled_plugins"] == PLAIN
    assert {**BINARY["enabled_plugins"], **BINARY["configuration"]["inline"]} == PLAIN


def test_the_notes_of_the_chart_say_the_same(chart: Chart, tmp_path: Path) -> None:
    folder = tmp_path / "chart"
    shutil.copytree(CHART, folder)
    template = folder / "templates" / "rendered.yaml"
    template.write_text('kind: Rendered\nmetadata: {name: rendered}\n{{ include "podtriage-connector.propeller" . }}\n')
    assert '{{ include "podtriage-connector.propeller" . }}' in (folder / "templates" / "NOTES.txt").read_text()
    copied_chart = Chart(chart._program, chart.home, folder)

    def plugins_of(release: str, values: dict[str, Any]) -> Any:
        (manifest,) = (one for one in copied_chart.render(values, release) if one["kind"] == "Rendered")
        return manifest["plugins"]

    assert plugins_of(RELEASE, {}) == PLAIN["plugins"]
    other = plugins_of("other", {"port": 8123})["connector-service"]["connectors"]["podtriage"]["endpoint"]
    assert other == "dns:///other-podtriage-connector.flyte:8123"


def test_the_type_is_routed_to_a_connector_that_there_is() -> None:
    assert PLUGIN["connectorForTaskTypes"] == {"podtriage": "podtriage"}
    assert set(PLUGIN["connectors"]) == {"podtriage"}
    tasks = PLAIN["tasks"]["task-plugins"]
    assert tasks["default-for-task-types"]["podtriage"] == "connector-service"
    assert set(tasks["default-for-task-types"].values()) <= set(tasks["enabled-plugins"])


def test_what_propeller_checks_when_it_starts_is_within_its_bounds() -> None:
    # flyteplugins pluginmachinery/internal/webapi/core.go, validateConfig
    caching, reads = PLUGIN["webApi"]["caching"], PLUGIN["webApi"]["readRateLimiter"]
    assert caching["resyncInterval"] == "5s"  # the least
    assert 1 <= caching["workers"] <= 10000
    assert 5 <= reads["burst"] <= 10000
    assert 1 <= reads["qps"] <= 100000


def test_the_timeouts_are_a_list_since_a_maps_keys_would_lose_their_capitals() -> None:
    assert DEPLOYMENT["timeouts"] == [{"CreateTask": "30s"}]
    methods = {method.name for method in service_pb2.DESCRIPTOR.services_by_name["AsyncAgentService"].methods}
    assert {name for one in DEPLOYMENT["timeouts"] for name in one} <= methods


def test_the_calls_that_are_repeated_are_those_of_the_connectors_service() -> None:
    (method,) = json.loads(SERVICE_CONFIG)["methodConfig"]
    assert [one["service"] for one in method["name"]] == [
        service_pb2.DESCRIPTOR.services_by_name["AsyncAgentService"].full_name
    ]


def test_the_page_has_every_setting_that_repeats_one_of_flytepropeller() -> None:
    source = Path(settings.__file__).read_text(encoding="utf-8")
    repeated = {
        name.replace("_", "-") for name in re.findall(r"^    (\w+): .*\n    \"\"\"The backend's", source, re.MULTILINE)
    }
    page = (ROOT / "docs" / "connector.md").read_text(encoding="utf-8").split("## Settings")[1].split("\n## ")[0]
    rows = set(re.findall(r"^\| `([a-z-]+)` \| `(?:propeller|plugins)\.", page, re.MULTILINE))
    assert len(rows) == 6 and rows == repeated - {"pod-pending-timeout"}
    assert "`pod-pending-timeout`" in page and "`log-links`" in page
    notes = " ".join((CHART / "templates" / "NOTES.txt").read_text(encoding="utf-8").split())
    assert all(name in notes for name in rows)


class Servicer(agent_pb2_grpc.AsyncAgentServiceServicer):
    """A connector that goes away in the middle of its first calls."""

    def __init__(self, losses: int = 0) -> None:
        self.calls = 0
        self._losses = losses

    def CreateTask(self, request: Any, context: Any) -> Any:
        self.calls += 1
        if self.calls <= self._losses:
            context.abort(grpc.StatusCode.UNAVAILABLE, "going away")
        return agent_pb2.CreateTaskResponse(resource_meta=b"made")


@contextmanager
def serving(address: str, servicer: Servicer) -> Iterator[None]:
    server = grpc.server(futures.ThreadPoolExecutor(2))
    agent_pb2_grpc.add_AsyncAgentServiceServicer_to_server(servicer, server)
    server.add_insecure_port(address)
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


@contextmanager
def propeller(address: str, config: str) -> Iterator[Any]:
    """Yield a client as propeller makes one (flyteplugins webapi/connector/client.go, getGrpcConnection)."""
    options = [("grpc.service_config", config), ("grpc.initial_reconnect_backoff_ms", 100)]
    with grpc.insecure_channel(address, options=options) as channel:
        yield agent_pb2_grpc.AsyncAgentServiceStub(channel)


@pytest.fixture
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"unix:{tmp_path_factory.mktemp('s')}/s"


def test_a_create_waits_for_a_connector_that_is_away(address: str) -> None:
    with propeller(address, SERVICE_CONFIG) as client:
        answer = client.CreateTask.future(agent_pb2.CreateTaskRequest(), timeout=30)
        with pytest.raises(grpc.FutureTimeoutError):
            answer.result(timeout=0.3)
        with serving(address, Servicer()):
            assert answer.result().resource_meta == b"made"


def test_without_that_it_fails_at_once_and_the_user_pays(address: str) -> None:
    with propeller(address, ONLY_BALANCED) as client:
        with pytest.raises(grpc.RpcError) as failed:
            client.CreateTask(agent_pb2.CreateTaskRequest(), timeout=30)
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(("losses", "config", "made"), [(1, SERVICE_CONFIG, True), (1, ONLY_BALANCED, False)])
def test_a_create_is_sent_again_if_its_connector_goes_away(address: str, losses: int, config: str, made: bool) -> None:
    servicer = Servicer(losses)
    with serving(address, servicer), propeller(address, config) as client:
        answer = client.CreateTask.future(agent_pb2.CreateTaskRequest(), timeout=30)
        assert (answer.exception() is None) == made
    assert servicer.calls == losses + made
