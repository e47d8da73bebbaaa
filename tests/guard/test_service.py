"""The guard around its loop: what it says at start, when it may act, its port, and how it ends."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import urllib3
from prometheus_client import CollectorRegistry

from flytekitplugins_podtriage.core.guard.policy import Mode
from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied
from flytekitplugins_podtriage.guard import service as module
from flytekitplugins_podtriage.guard.service import GuardService
from flytekitplugins_podtriage.guard.settings_file import GuardSettings
from flytekitplugins_podtriage.guard.switch import Switch
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.guard.fake_loop import FakeLoop, Fakes
from tests.guard.test_surroundings import CONFIG, DEPLOYMENT, config_map, deployment
from tests.guard.test_switch import PATH as SWITCH
from tests.kube.scripted import TIMEOUT, Scripted

Answer = tuple[int, str]


@pytest.fixture(autouse=True)
def quick_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    follow = Switch.follow
    monkeypatch.setattr(Switch, "follow", lambda self, changed: follow(self, changed, period=0.01))


@pytest.fixture
def cluster(script: Scripted) -> Scripted:
    """A cluster in which the guard may act."""
    script.reply("GET", CONFIG, 200, config_map(grace="300"))
    script.reply("GET", DEPLOYMENT, 200, deployment("flytepropeller:v1.16.8"))
    script.reply("GET", SWITCH, 200, config_map())
    return script


class Running:
    """A service that runs."""

    def __init__(self, service: GuardService, loop: FakeLoop, stop: asyncio.Event, ended: asyncio.Task[None]) -> None:
        self.service, self.loop, self.stop, self.ended = service, loop, stop, ended

    async def get(self, path: str) -> Answer:
        """Ask its port."""

        def ask() -> Answer:
            with urllib3.PoolManager(retries=False, timeout=TIMEOUT) as pool:
                answer = pool.request("GET", f"http://127.0.0.1:{self.service.port}{path}")
                return answer.status, answer.data.decode()

        return await asyncio.to_thread(ask)


def right() -> datetime:
    return datetime.now(timezone.utc)


def service_of(
    connection: Connection, fakes: Fakes, wall: Callable[[], datetime] = right, **settings: Any
) -> GuardService:
    options: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "lease_namespace": "flyte", "mode": "enforce"}
    return GuardService(
        GuardSettings(**{**options, **settings}),
        connection,
        fakes.programs(),
        identity="replica-a",
        registry=CollectorRegistry(),
        audit_file=io.BytesIO(),
        wall=wall,
    )


@asynccontextmanager
async def running(connection: Connection, fakes: Fakes | None = None, **options: Any) -> AsyncIterator[Running]:
    fakes = fakes or Fakes()
    service, stop = service_of(connection, fakes, **options), asyncio.Event()
    ended = asyncio.create_task(service.run(stop))
    try:
        await asyncio.wait_for(fakes.made.wait(), TIMEOUT)
        yield Running(service, fakes.loops[0], stop, ended)
    finally:
        stop.set()
        with suppress(Exception):
            await asyncio.wait_for(ended, TIMEOUT)


async def test_it_acts_once_the_switch_was_read_and_not_before(scripted: Connection, cluster: Scripted) -> None:
    async with running(scripted) as guard:
        assert guard.loop.policies[0].mode is Mode.OBSERVE
        await guard.loop.wait_for_mode(Mode.ENFORCE)
        policy = guard.loop.policies[-1]
        assert policy.stock.image_pull_backoff_grace_period == 300.0


async def test_the_switch_takes_it_back_to_observe_and_lets_it_act_again(
    scripted: Connection, script: Scripted
) -> None:
    script.reply("GET", CONFIG, 200, config_map())
    script.reply("GET", DEPLOYMENT, 200, deployment("flytepropeller:v1.16.8"))
    for mode in ("enforce", "observe", "observe", "enforce"):
        script.reply("GET", SWITCH, 200, config_map(mode=mode))
    async with running(scripted, namespace_modes={"a": "enforce"}) as guard:
        await guard.loop.wait_for_mode(Mode.ENFORCE)
        await asyncio.to_thread(script.wait_for, "GET", SWITCH, 4)
        await guard.loop.wait_for_mode(Mode.ENFORCE)
        modes = [(policy.mode, policy.mode_of("a")) for policy in guard.loop.policies]
    observed, enforced = (Mode.OBSERVE, Mode.OBSERVE), (Mode.ENFORCE, Mode.ENFORCE)
    assert modes == [observed, enforced, observed, enforced]


@pytest.mark.parametrize(
    ("replies", "options", "named"),
    [
        ({DEPLOYMENT: deployment("flytepropeller:v1.99.0")}, {}, "v1.99.0"),
        ({CONFIG: config_map(ignore="yes")}, {}, "ignore-retry-cause"),
        ({CONFIG: config_map(hindrance="inject-finalizer is on")}, {}, "inject-finalizer is on"),
        ({}, {"fakes": Fakes(missing=("delete pods in all namespaces",))}, "1 permissions are missing"),
        ({}, {"wall": lambda: datetime.now(timezone.utc) + timedelta(hours=1)}, "s apart"),
    ],
    ids=["version", "ignore-retry-cause", "configuration", "permissions", "clocks"],
)
async def test_where_it_must_not_act_it_says_so_once_and_observes(
    scripted: Connection,
    script: Scripted,
    caplog: pytest.LogCaptureFixture,
    replies: dict[str, Any],
    options: dict[str, Any],
    named: str,
) -> None:
    normal = {CONFIG: config_map(), DEPLOYMENT: deployment("flytepropeller:v1.16.8"), SWITCH: config_map()}
    for path, body in {**normal, **replies}.items():
        script.reply("GET", path, 200, body)
    with caplog.at_level(logging.INFO, "flytekitplugins_podtriage"):
        async with running(scripted, **options) as guard:
            await asyncio.to_thread(script.wait_for, "GET", SWITCH, 5)
            assert {policy.mode for policy in guard.loop.policies} == {Mode.OBSERVE}
            assert guard.service.state().enforcing is False
    lines = [line for line in caplog.messages if "observed only" in line and named in line]
    assert len(lines) == 1, caplog.messages


async def test_each_missing_permission_is_named_at_start(
    scripted: Connection, cluster: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    missing = ("patch pods/status in all namespaces", "delete pods in all namespaces")
    async with running(scripted, Fakes(missing=missing)):
        named = [line for line in caplog.messages if "a permission is missing" in line]
    assert [line.rpartition(": ")[2] for line in named] == list(missing)


async def test_the_port_is_open_before_the_cluster_has_answered(scripted: Connection, script: Scripted) -> None:
    gate = threading.Event()
    script.reply("GET", CONFIG, 200, config_map(), held=gate)
    fakes = Fakes()
    service, stop = service_of(scripted, fakes), asyncio.Event()
    ended = asyncio.create_task(service.run(stop))
    await asyncio.to_thread(script.wait_for, "GET", CONFIG)
    guard = Running(service, None, stop, ended)  # type: ignore[arg-type]  # there is no loop yet
    assert await guard.get("/healthz") == (200, "ok\n")
    assert (await guard.get("/readyz"))[0] == 503
    gate.set()
    await asyncio.wait_for(fakes.made.wait(), TIMEOUT)
    stop.set()
    await asyncio.wait_for(ended, TIMEOUT)


async def test_it_is_ready_once_the_pods_are_listed_and_while_their_watch_is_heard(
    scripted: Connection, cluster: Scripted
) -> None:
    async with running(scripted) as guard:
        assert await guard.get("/readyz") == (503, "the pods are not listed yet\n")
        guard.loop.age = 1.0
        assert await guard.get("/readyz") == (200, "ok\n")
        guard.loop.age = 151.0
        assert await guard.get("/readyz") == (503, "the watch of pods has reported nothing for 151 s\n")


async def test_a_loop_that_stands_still_is_not_alive(scripted: Connection, cluster: Scripted) -> None:
    async with running(scripted) as guard:
        assert await guard.get("/healthz") == (200, "ok\n")
        guard.service._beat -= module.STALLED + 40
        assert "the event loop has not run for" in guard.service.alive()


async def test_gauges_are_those_of_the_loop(scripted: Connection, cluster: Scripted) -> None:
    async with running(scripted) as guard:
        await guard.loop.wait_for_mode(Mode.ENFORCE)
        guard.loop.age = 2.5
        _, text = await guard.get("/metrics")
    for line in ("view_age_seconds 2.5", "leader 1.0", "enforcing 1.0", "scheduled_acts 3.0"):
        assert f"podtriage_guard_{line}\n" in text
    assert 'podtriage_guard_api_requests_total{code="2xx",resource="configmaps",verb="get"}' in text


async def test_it_ends_in_order_and_gives_the_port_back(scripted: Connection, cluster: Scripted) -> None:
    async with running(scripted) as guard:
        await guard.loop.wait_for_mode(Mode.ENFORCE)
        port = guard.service.port
        guard.stop.set()
        await asyncio.wait_for(guard.ended, TIMEOUT)
        assert guard.loop.closed
        assert guard.loop.policies[-1].mode is Mode.OBSERVE  # no further act begins
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_what_ends_the_loop_ends_the_guard(scripted: Connection, cluster: Scripted) -> None:
    denied = ClusterDenied("list pods in all namespaces: forbidden")
    async with running(scripted, Fakes(error=denied)) as guard:
        with pytest.raises(ClusterDenied, match="list pods in all namespaces: forbidden"):
            await asyncio.wait_for(guard.ended, TIMEOUT)
        assert guard.loop.closed
