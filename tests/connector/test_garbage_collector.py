"""The connector's garbage collector."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flyteidl.core.execution_pb2 import ExecutionError

from tests.connector.faulty_cluster import NAMESPACE, Clock, advance
from tests.connector.world import World, run

Make = Callable[..., World]
USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM


def test_a_pod_that_has_ended_and_gets_no_requests_is_recorded_and_deleted(world: Make) -> None:
    async def test() -> None:
        here, clock = world("body: exit 3"), Clock()
        here.connector = here.replica(clock=clock)
        meta = await here.create()
        await here.settle_down()
        await advance(here, meta, timedelta(minutes=5))
        for now, pods in ((0.0, 1), (599.0, 1), (600.0, 0)):
            clock.now = now
            await here.connector.garbage_collector.collect(here.cluster)
            assert len(here.pods()) == pods
        document = here.error_document()
        assert document is not None and document.error.origin == USER
        response = await here.get(meta, here.replica())
        assert response.message == document.error.message

    run(test())


def test_the_pod_of_a_superseded_attempt_is_deleted(world: Make) -> None:
    async def test() -> None:
        here = world("body: 40h")
        first = await here.create(0)
        await here.settle_down()
        late = dict(here.cluster._pods[NAMESPACE, first.pod].manifest)
        await here.create(1)
        await here.cluster.delete(NAMESPACE, first.pod, grace=0)
        await advance(here, first, timedelta(minutes=1))
        await here.cluster.create(NAMESPACE, late)  # a create that reached the API server late
        assert len(here.pods()) == 2
        await here.connector.garbage_collector.collect(here.cluster)
        assert [name[-1] for name in here.pods()] == ["1"]

    run(test())


def test_nothing_is_kept_of_pods_that_are_gone(world: Make) -> None:
    async def test() -> None:
        here = world("body: 40h")
        other = here.replica()
        meta = await here.create()
        await here.settle_down()
        await here.get(meta, other)
        assert len(other._cache._responses) == 1
        await here.connector.delete(resource_meta=meta)  # FlytePropeller does not call the other any more
        await advance(here, meta, timedelta(minutes=2))
        await other.garbage_collector.collect(here.cluster)
        assert len(other._cache._responses) == 0

    run(test())


def test_other_pods_are_not_touched(world: Make) -> None:
    async def test() -> None:
        here, clock = world("body: exit 3"), Clock()
        here.connector = here.replica(clock=clock)
        spec = {"containers": [{"name": "c", "image": "i"}]}
        await here.cluster.create(NAMESPACE, {"kind": "Pod", "metadata": {"name": "other"}, "spec": spec})
        for clock.now in (0.0, 1e6):
            await here.connector.garbage_collector.collect(here.cluster)
        assert here.pods() == ["other"]

    run(test())
