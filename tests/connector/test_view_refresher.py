"""Pods whose end is due are read once: seldom while nothing answers, a few at a time, and without holding up ``get``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flyteidl.core.execution_pb2 import ExecutionError

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.view_refresher import ViewRefresher
from flytekitplugins_podtriage.core.decode import read_pod
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterError,
    ClusterUnreachable,
    PodSnapshot,
    QuotaExceeded,
)
from tests.builders import pod
from tests.connector.faulty_cluster import Clock, FaultyCluster, advance, never
from tests.connector.world import OVER, World, run

Make = Callable[..., World]
USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM
PULL_ENDS = "docker.io: 429 for 20m\nbody: 40m"
"""The pull fails for 20 minutes, and then the task runs."""
AWAY = ClusterUnreachable("get pods: no response")


def snapshots(count: int) -> list[PodSnapshot]:
    return [PodSnapshot(read_pod(pod(name=f"p{number}"))) for number in range(count)]


class Reads:
    """A cluster of which pods are read."""

    def __init__(self, error: ClusterError | None = None) -> None:
        self.error = error
        self.names: list[str] = []
        self.answer = asyncio.Event()
        self.answer.set()

    async def refresh(self, snapshot: PodSnapshot) -> None:
        self.names.append(str(snapshot.pod.metadata and snapshot.pod.metadata.name))
        await self.answer.wait()
        if self.error is not None:
            raise self.error


async def ask(refresher: ViewRefresher, cluster: Any, pods: list[PodSnapshot]) -> list[bool]:
    return await asyncio.gather(*(refresher.refresh(cluster, each) for each in pods))


def test_during_an_outage_there_are_few_requests_however_many_pods_are_asked_about() -> None:
    async def test() -> None:
        clock, cluster = Clock(), Reads(AWAY)
        refresher = ViewRefresher(clock=clock)
        for second in range(200):
            clock.now = float(second)
            assert not any(await ask(refresher, cluster, snapshots(20)))
        assert len(cluster.names) <= 4 + 200 / 3

    run(test())


def test_after_an_outage_all_pods_are_read_again() -> None:
    async def test() -> None:
        clock, cluster = Clock(), Reads(AWAY)
        refresher = ViewRefresher(clock=clock)
        for second in range(60):
            clock.now = float(second)
            await ask(refresher, cluster, snapshots(50))
        cluster.error, clock.now = None, 63.0
        read: set[int] = set()
        for poll in range(15):
            clock.now = 63.0 + poll
            read |= {number for number, done in enumerate(await ask(refresher, cluster, snapshots(50))) if done}
        assert len(read) >= 4 and clock.now < 80, "the first of them; the others are asked about again"

    run(test())


def test_a_pod_that_many_ask_about_is_read_once_at_a_time() -> None:
    async def test() -> None:
        cluster = Reads()
        [one] = snapshots(1)
        assert await ask(ViewRefresher(), cluster, [one] * 20) == [True] * 20
        assert cluster.names == ["p0"]

    run(test())


def test_few_pods_are_read_at_a_time() -> None:
    async def test() -> None:
        cluster = Reads()
        cluster.answer.clear()
        asked = asyncio.ensure_future(ask(ViewRefresher(), cluster, snapshots(20)))
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(cluster.names) == 4
        cluster.answer.set()
        assert sorted(await asked) == [False] * 16 + [True] * 4

    run(test())


def test_a_slow_response_is_not_waited_for_and_is_used_by_the_next_call() -> None:
    async def test() -> None:
        cluster, refresher = Reads(), ViewRefresher(wait=0.01)
        cluster.answer.clear()
        [one] = snapshots(1)
        assert not await refresher.refresh(cluster, one)  # type: ignore[arg-type]
        cluster.answer.set()
        assert await refresher.refresh(cluster, one)  # type: ignore[arg-type]
        assert cluster.names == ["p0"]
        await refresher.close()

    run(test())


# The connector


@pytest.mark.parametrize("error", [AWAY, ClusterBusy("get pods: the response is of an older state")])
def test_a_pod_that_recovers_unseen_is_not_charged_for(world: Make, error: ClusterError) -> None:
    """The story that started it: the API server was away, and meanwhile the pull succeeded."""

    async def test() -> None:
        cluster, clock = FaultyCluster(PULL_ENDS), Clock()
        here = world(cluster=cluster, system_patience=600)
        here.connector = here.replica(clock=clock)
        meta = await here.create()
        await here.settle_down()
        await advance(here, meta, timedelta(minutes=5))
        assert (await here.get(meta)).phase == idl.INITIALIZING
        cluster.lose_the_watch()
        cluster.failing["refresh"] = error
        for minute in range(20):
            await advance(here, meta, timedelta(minutes=1))
            clock.now += 60
            response = await here.get(meta)
            assert response.phase not in OVER
            if minute > 5:
                assert "decided on a current view of the pod" in (response.message or "")
        assert not (here.prefix() / "podtriage-verdict.json").exists() and here.pods() == [meta.pod]
        del cluster.failing["refresh"]
        clock.now += 60
        await advance(here, meta, timedelta(minutes=5))
        assert (await here.get(meta)).phase == idl.RUNNING
        await here.connector.close()

    run(test())


def test_an_end_that_is_due_costs_one_read_and_one_that_was_observed_costs_none(world: Make) -> None:
    async def test() -> None:
        for plan, reads in (("docker.io: 429", 1), ("body: exit 3", 0)):
            cluster = FaultyCluster(plan)
            here = world(cluster=cluster, system_patience=600)
            meta = await here.create()
            await here.settle_down()
            await advance(here, meta, timedelta(minutes=5))
            await here.get(meta)
            await advance(here, meta, timedelta(minutes=20))
            cluster.lose_the_watch()
            for _ in range(3):
                assert (await here.get(meta)).phase in OVER
            assert cluster.calls.count("refresh") == reads
            for file in here.prefix().glob("*"):
                file.unlink()

    run(test())


def test_get_answers_in_time_while_the_api_server_hangs(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster("docker.io: 429", refresh="hang")
        here = world(cluster=cluster, system_patience=600)
        here.connector._refresher = here.connector._pods._refresher = ViewRefresher(wait=0.05)
        meta = await here.create()
        await here.settle_down()
        await advance(here, meta, timedelta(minutes=20))
        cluster.lose_the_watch()
        began = time.monotonic()
        assert (await here.get(meta)).phase == idl.INITIALIZING
        assert time.monotonic() - began < 2.0
        cluster.hang.set()
        assert (await here.get(meta)).phase in OVER
        assert cluster.calls.count("refresh") == 1
        await here.connector.close()

    run(test())


# The garbage collector


def test_the_garbage_collector_settles_no_end_that_is_not_confirmed(world: Make) -> None:
    async def test() -> None:
        cluster, clock = FaultyCluster(PULL_ENDS, refresh=AWAY), Clock()
        here = world(cluster=cluster, system_patience=600, keep_finished=600)
        here.connector = here.replica(clock=clock)
        meta = await here.create()
        await here.settle_down()
        await advance(here, meta, timedelta(minutes=5))
        cluster.lose_the_watch()
        await advance(here, meta, timedelta(minutes=25))
        for now in (0.0, 599.0, 600.0, 700.0, 5000.0):
            clock.now = now
            await here.connector.garbage_collector.collect(cluster)
            assert not (here.prefix() / "podtriage-verdict.json").exists()
        assert cluster.calls.count("refresh") == 3
        del cluster.failing["refresh"]
        clock.now = 6000.0
        await here.connector.garbage_collector.collect(cluster)
        assert not (here.prefix() / "podtriage-verdict.json").exists(), "it runs, as was read now"
        assert here.pods() == [meta.pod]
        await here.connector.close()

    run(test())


# Pods that are not created


def test_a_refusal_of_long_ago_charges_nobody_while_the_api_server_is_away(world: Make) -> None:
    async def test() -> None:
        turns: asyncio.Queue[None] = asyncio.Queue()

        async def wait(_: float) -> None:
            await turns.get()

        async def again() -> None:
            turns.put_nowait(None)
            for _ in range(20):
                await asyncio.sleep(0.01)

        cluster = FaultyCluster(create=QuotaExceeded("exceeded quota: q"))
        here = world(cluster=cluster, system_patience=600)
        here.connector = here.replica(sleep=wait)
        meta = await here.create_in_background()
        cluster.failing["create"] = AWAY
        cluster.real._clock.advance(cluster.real._clock.until(cluster.now() + timedelta(hours=1)))
        assert (await here.get(meta)).phase == idl.WAITING_FOR_RESOURCES, "there may be room by now"
        await again()
        response = await here.get(meta)
        assert response.phase == idl.WAITING_FOR_RESOURCES and "no response" in (response.message or "")
        cluster.failing["create"] = QuotaExceeded("exceeded quota: q")
        await again()
        assert (await here.get(meta)).phase in OVER
        document = here.error_document()
        assert document is not None and document.error.origin == SYSTEM
        await here.connector.close()

    run(test())


def test_errors_of_a_server_that_nobody_can_watch_are_no_refusals(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster(create=ClusterBusy("create pods: HTTP 500: etcdserver: no leader"))
        cluster.blind = True  # the watch fails too
        here = world(cluster=cluster, system_patience=0)
        here.connector = here.replica(sleep=never)
        meta = await here.create_in_background()
        assert (await here.get(meta)).phase == idl.WAITING_FOR_RESOURCES
        assert here.error_document() is None
        await here.connector.close()

    run(test())
