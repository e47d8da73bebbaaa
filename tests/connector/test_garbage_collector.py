"""The connector's own collection of pods."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flyteidl.core.execution_pb2 import ExecutionError

from tests.connector.conftest import World, run
from tests.connector.strained import NAMESPACE, Clock, move

Make = Callable[..., World]
USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM


# Collection


def test_a_pod_that_has_ended_and_that_nobody_asks_for_is_recorded_and_deleted(world: Make) -> None:
    async def story() -> None:
        here, clock = world("body: exit 3"), Clock()
        here.connector = here.replica(clock=clock)
        meta = await here.create()
        await here.settle_down()
        await move(here, meta, timedelta(minutes=5))
        for now, pods in ((0.0, 1), (599.0, 1), (600.0, 0)):
            clock.now = now
            await here.connector.garbage_collector.collect(here.cluster)
            assert len(here.pods()) == pods
        found = here.error()
        assert found is not None and found.error.origin == USER
        told = await here.get(meta, here.replica())
        assert told.message == found.error.message

    run(story())


def test_a_pod_whose_execution_is_over_is_deleted_and_one_of_which_that_is_unknown_is_not(world: Make) -> None:
    async def story() -> None:
        here, clock = world("body: 40h"), Clock()
        answers: dict[str, bool | None] = {"f1a2": None}
        asked: list[str] = []

        async def over(namespace: str, execution: str) -> bool | None:
            asked.append(f"{namespace}/{execution}")
            return answers[execution]

        here.connector = here.replica(clock=clock, execution_over=over)
        await here.create()
        await here.settle_down()
        for now, answer, pods in ((0.0, True, 1), (1800.0, None, 1), (3600.0, False, 1), (5400.0, True, 0)):
            clock.now, answers["f1a2"] = now, answer
            await here.connector.garbage_collector.collect(here.cluster)
            assert len(here.pods()) == pods
        assert asked == [f"{NAMESPACE}/f1a2"] * 3

    run(story())


def test_a_pod_that_propeller_asks_for_is_left_alone(world: Make) -> None:
    async def story() -> None:
        here, clock = world("body: 40h"), Clock()

        async def over(namespace: str, execution: str) -> bool | None:
            raise AssertionError("nobody is asked about a pod that is wanted")

        here.connector = here.replica(clock=clock, execution_over=over)
        meta = await here.create()
        await here.settle_down()
        for now in range(0, 7200, 60):
            clock.now = float(now)
            await here.get(meta)
            await here.connector.garbage_collector.collect(here.cluster)
        assert len(here.pods()) == 1

    run(story())


def test_a_pod_of_an_attempt_that_others_have_followed_is_deleted(world: Make) -> None:
    async def story() -> None:
        here = world("body: 40h")
        first = await here.create(0)
        await here.settle_down()
        late = dict(here.cluster._pods[NAMESPACE, first.pod].manifest)
        await here.create(1)
        await here.cluster.delete(NAMESPACE, first.pod, grace=0)
        await move(here, first, timedelta(minutes=1))
        await here.cluster.create(NAMESPACE, late)  # a create that reached the API server late
        assert len(here.pods()) == 2
        await here.connector.garbage_collector.collect(here.cluster)
        assert [name[-1] for name in here.pods()] == ["1"]

    run(story())


def test_nothing_is_kept_of_pods_that_are_gone(world: Make) -> None:
    async def story() -> None:
        here = world("body: 40h")
        other = here.replica()
        meta = await here.create()
        await here.settle_down()
        await here.get(meta, other)
        assert len(other._cache._responses) == len(other.garbage_collector._times) == 1
        await here.connector.delete(resource_meta=meta)  # propeller asks the other no more
        await move(here, meta, timedelta(minutes=2))
        await other.garbage_collector.collect(here.cluster)
        assert len(other._cache._responses) == len(other.garbage_collector._times) == 0

    run(story())


def test_pods_of_others_are_none_of_the_collectors_business(world: Make) -> None:
    async def story() -> None:
        here, clock = world("body: exit 3"), Clock()
        here.connector = here.replica(clock=clock)
        spec = {"containers": [{"name": "c", "image": "i"}]}
        await here.cluster.create(NAMESPACE, {"kind": "Pod", "metadata": {"name": "other"}, "spec": spec})
        for clock.now in (0.0, 1e6):
            await here.connector.garbage_collector.collect(here.cluster)
        assert here.pods() == ["other"]

    run(story())
