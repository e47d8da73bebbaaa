"""Pods that run though nobody needs them: of executions that are over, and of attempts that were aborted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.connector import orphans
from flytekitplugins_podtriage.connector.garbage_collector import INTERVAL
from flytekitplugins_podtriage.connector.orphans import STOPPED_PERIOD
from flytekitplugins_podtriage.connector.output_prefix import STOPPED
from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy
from tests.connector.faulty_cluster import NAMESPACE, Clock, FaultyCluster, advance
from tests.connector.world import World, run

Make = Callable[..., World]
ORPHANED_AFTER = 1800.0


class Executions:
    """What the API server says of executions, and how often it is asked."""

    def __init__(self, answer: Any = False) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def over(self, namespace: str, execution: str) -> bool | None:
        self.asked.append(f"{namespace}/{execution}")
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: bool | None = self.answer
        return answer


async def collect_for(here: World, clock: Clock, seconds: float, *, polled: Any = None) -> float | None:
    """Collect as often as the connector does; return when there were no pods left, None if there always were."""
    until = clock.now + seconds
    while clock.now < until:
        clock.now += INTERVAL
        if polled is not None:
            await here.get(polled)
        await here.connector.garbage_collector.collect(here.cluster)
        if not here.pods():
            return clock.now
    return None


# Executions that are over


@pytest.mark.parametrize("polled", [True, False])
def test_a_pod_whose_execution_is_over_is_deleted_in_time_whether_it_is_polled_or_not(
    world: Make, polled: bool
) -> None:
    async def test() -> None:
        here, clock, executions = world("body: 40h"), Clock(), Executions()
        here.connector = here.replica(clock=clock, execution_over=executions.over)
        meta = await here.create()
        poll = meta if polled else None
        assert await collect_for(here, clock, 3 * ORPHANED_AFTER, polled=poll) is None
        removed = clock.now
        executions.answer = True
        gone = await collect_for(here, clock, 3 * ORPHANED_AFTER, polled=poll)
        assert gone is not None and gone - removed <= ORPHANED_AFTER

    run(test())


@pytest.mark.parametrize("answer", [None, False, ClusterBusy("no answer"), ValueError("a bug")])
def test_no_other_answer_means_that_an_execution_is_over(world: Make, answer: Any) -> None:
    async def test() -> None:
        here, clock, executions = world("body: 40h"), Clock(), Executions(answer)
        here.connector = here.replica(clock=clock, execution_over=executions.over)
        await here.create()
        assert await collect_for(here, clock, 2 * ORPHANED_AFTER) is None
        assert executions.asked

    run(test())


def test_an_execution_is_asked_about_once_in_a_period_however_many_pods_it_has(world: Make) -> None:
    async def test() -> None:
        here, clock, executions = world("body: 40h"), Clock(), Executions()
        here.connector = here.replica(clock=clock, execution_over=executions.over)
        meta = await here.create()
        first = dict(here.cluster._pods[NAMESPACE, meta.pod].manifest)
        for number in range(20):
            prefix = str(here.directory / f"n{number + 1}" / "data" / "0")
            annotations = {**first["metadata"]["annotations"], "podtriage.flyte.org/output-prefix": prefix}
            other = wire.evolve(meta, pod=f"pod-{number}", prefix=prefix)
            annotations["podtriage.flyte.org/meta"] = other.encode().decode()
            metadata = {**first["metadata"], "name": f"pod-{number}", "annotations": annotations}
            await here.cluster.create(NAMESPACE, {**first, "metadata": metadata})
        assert await collect_for(here, clock, 4 * ORPHANED_AFTER) is None
        assert set(executions.asked) == {f"{NAMESPACE}/f1a2"} and 4 <= len(executions.asked) <= 5
        executions.answer = True
        assert await collect_for(here, clock, ORPHANED_AFTER) is not None  # all of its pods

    run(test())


def test_pods_that_have_ended_are_not_asked_about(world: Make) -> None:
    async def test() -> None:
        here, clock, executions = world("body: exit 3", keep_finished=1e6), Clock(), Executions(True)
        here.connector = here.replica(clock=clock, execution_over=executions.over)
        await advance(here, await here.create(), timedelta(minutes=5))
        assert await collect_for(here, clock, 2 * ORPHANED_AFTER) is None
        assert not executions.asked

    run(test())


def test_nobody_is_deleted_where_the_flyteworkflows_cannot_be_read(world: Make) -> None:
    async def test() -> None:
        here, clock = world("body: 40h"), Clock()
        here.connector = here.replica(clock=clock)
        await here.create()
        assert await collect_for(here, clock, 2 * ORPHANED_AFTER) is None

    run(test())


# Attempts that were aborted


def test_what_another_replica_was_told_to_stop_is_deleted_within_minutes(world: Make) -> None:
    async def test() -> None:
        here, clock = world("body: 40h", orphaned_after=1e6), Clock()
        here.connector = here.replica(clock=clock)
        await here.create()
        assert await collect_for(here, clock, 3600) is None
        noted = clock.now
        (here.prefix() / STOPPED).write_bytes(b"")  # and then that replica died
        gone = await collect_for(here, clock, 3600)
        assert gone is not None and gone - noted <= STOPPED_PERIOD + INTERVAL

    run(test())


def test_what_was_told_to_stop_is_deleted_though_the_store_could_not_be_written(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        cluster = FaultyCluster("body: 40h", delete=ClusterBusy("no answer"))
        here, clock = world(cluster=cluster, orphaned_after=1e6), Clock()
        here.connector = here.replica(clock=clock)
        meta = await here.create()
        failing(here, monkeypatch)
        await here.connector.delete(resource_meta=meta)
        await here.settle_down()
        assert len(here.pods()) == 1 and not (here.prefix() / STOPPED).exists()
        del cluster.failing["delete"]
        assert await collect_for(here, clock, INTERVAL) is not None
        monkeypatch.undo()
        await here.connector.garbage_collector.collect(cluster)
        assert (here.prefix() / STOPPED).exists()  # for replicas that create the pod

    run(test())


def failing(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file be written."""
    from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix, PrefixError

    def write(self: OutputPrefix, name: str, data: bytes) -> None:
        raise PrefixError(f"cannot write {self.path}/{name}: read-only")

    monkeypatch.setattr(OutputPrefix, "write", write)


def test_a_pod_that_appears_after_its_attempt_was_aborted_is_deleted(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster("body: 40h", create="hang")
        here, clock = world(cluster=cluster, orphaned_after=1e6), Clock()
        here.connector = here.replica(clock=clock)
        meta = await here.create_in_background()
        launch = here.connector._launcher.get(meta)
        assert launch is not None and launch.intent.manifest is not None
        await here.connector.delete(resource_meta=meta)  # the request for the pod is under way, and arrives late
        await here.settle_down()
        await cluster.real.create(NAMESPACE, launch.intent.manifest)
        assert await collect_for(here, clock, INTERVAL) is not None

    run(test())


def test_what_is_expected_is_forgotten_after_a_while(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster("body: 40h", create="hang")
        here, clock = world(cluster=cluster), Clock()
        here.connector = here.replica(clock=clock)
        meta = await here.create_in_background()
        await here.connector.delete(resource_meta=meta)
        await here.settle_down()
        pending = here.connector._remover.pending
        for clock.now, blind, count in ((299.0, False, 1), (302.0, True, 1), (303.0, False, 0)):
            cluster.blind = blind
            await here.connector.garbage_collector.collect(cluster)
            assert len(pending) == count

    run(test())


# When each is asked about


@given(
    names=st.sets(st.text("abc", min_size=1, max_size=6), min_size=1, max_size=8),
    period=st.floats(1, 10_000),
    steps=st.lists(st.floats(0.01, 0.4), min_size=30, max_size=60),
)
def test_everything_is_due_once_in_every_period(names: set[str], period: float, steps: list[float]) -> None:
    clock = Clock()
    schedule: Any = orphans._Schedule(clock)
    previous, longest = dict.fromkeys(names, 0.0), max(steps) * period
    for step in steps:
        clock.now += step * period
        due = schedule.due({name: name for name in names}, period)
        assert len(due) == len(set(due))
        for name in names:
            since = clock.now - previous[name]
            if name in due:
                assert previous[name] == 0.0 or since >= period - longest - 1e-6
                previous[name] = clock.now
            else:
                assert since <= period + longest + 1e-6


def test_ten_thousand_are_spread_over_the_period() -> None:
    clock = Clock()
    schedule: Any = orphans._Schedule(clock)
    names = {number: f"flytesnacks-development/f{number:019d}" for number in range(10_000)}
    counts = []
    for _ in range(60):
        clock.now += 30.0
        counts.append(len(schedule.due(names, 1800.0)))
    assert sum(counts) == 10_000 and max(counts) < 3 * 10_000 / 60


def test_what_was_put_off_is_due_first_and_once_if_it_still_exists() -> None:
    clock = Clock()
    schedule: Any = orphans._Schedule(clock)
    schedule.put_off(["b", "gone", "a"])
    clock.now = 1e4  # every moment has passed
    assert schedule.due({"a": "a", "b": "b", "c": "c"}, 10.0) == ["b", "a", "c"]
    assert schedule.due({"a": "a", "b": "b", "c": "c"}, 10.0) == []


def test_questions_that_hang_hold_up_nothing_else(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        here, clock = world("body: 40h"), Clock()
        under_way = 0

        async def over(namespace: str, execution: str) -> bool | None:
            nonlocal under_way
            under_way += 1
            await asyncio.Event().wait()
            return True

        monkeypatch.setattr(orphans, "_WITHIN", 0.01)
        here.connector = here.replica(clock=clock, execution_over=over)
        meta = await here.create()
        clock.now = 1e6
        await here.connector.garbage_collector.collect(here.cluster)
        await here.connector.garbage_collector.collect(here.cluster)  # asked again: there was no answer
        assert under_way == 2 and len(here.pods()) == 1
        here.connector._remover.expect(meta)
        await here.connector.garbage_collector.collect(here.cluster)
        assert here.pods() == []

    run(test())
