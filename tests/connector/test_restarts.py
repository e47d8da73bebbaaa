"""Replicas, restarts and attempts that are given up: no pod is lost, none is made twice, every end is told once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flyteidl.core.execution_pb2 import ExecutionError

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.responses import Response
from flytekitplugins_podtriage.connector.settlement import AttemptEnd
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterDenied, ClusterError
from tests.connector.conftest import World, run
from tests.connector.strained import NAMESPACE, Strained, move

Make = Callable[..., World]
USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM


# Restarts and replicas


def test_an_attempt_whose_pod_was_not_made_yet_is_taken_up_by_whoever_is_asked(world: Make) -> None:
    async def story() -> None:
        cluster = Strained(create="hang")
        here = world(cluster=cluster)
        dead = here.replica(reply_wait=0)
        meta = await here.create_in_background(dead)
        await dead.close()  # all that it knew is lost
        del cluster.failing["create"]
        told, _ = await here.until_over_with_turns(meta)
        assert told.phase == idl.SUCCEEDED and here.error() is None
        assert cluster.calls.count("create") == 2

    run(story())


def test_a_pod_is_not_made_a_second_time_for_one_attempt(world: Make) -> None:
    async def story() -> None:
        here = world("body: 40m")
        meta = await here.create()
        await here.settle_down()
        await here.cluster.delete(NAMESPACE, meta.pod, grace=0)
        fresh = Strained()  # a cluster that never saw the pod: as after its deletion while nobody watched
        told = await here.get(meta, here.replica(fresh))
        found = here.error()
        assert "create" not in fresh.calls
        assert told.phase == idl.SUCCEEDED and found is not None
        assert (found.error.origin, found.error.code) == (SYSTEM, "PodGone")

    run(story())


@pytest.mark.parametrize("plan", ["body: exit 3", "body: 2s", "docker.io: 429"])
def test_a_create_that_is_repeated_after_the_end_makes_no_pod_and_tells_the_same(world: Make, plan: str) -> None:
    async def story() -> None:
        here = world(plan, keep_finished=0)
        told, _ = await here.until_over(await here.create())
        await here.settle_down()
        again = await here.create(connector=here.replica())
        assert here.pods() == []
        found = await here.get(again)
        assert (found.phase, found.message) == (told.phase, told.message)

    run(story())


def test_nothing_is_concluded_from_a_cluster_that_is_not_known_yet(world: Make) -> None:
    async def story() -> None:
        cluster = Strained("body: 40m")
        here = world(cluster=cluster)
        meta = await here.create()
        await here.settle_down()
        cluster.blind = True
        told = await here.get(meta, here.replica())
        assert told.phase == idl.WAITING_FOR_RESOURCES and here.error() is None
        assert told.message is not None and "list pods: nobody answers" in told.message
        cluster.blind = False
        assert (await here.get(meta, here.replica())).phase == idl.QUEUED

    run(story())


@pytest.mark.parametrize("error", [ClusterBusy("nobody answers"), ClusterDenied("get pods: forbidden")])
def test_nothing_is_concluded_from_an_api_server_that_does_not_answer(world: Make, error: ClusterError) -> None:
    async def story() -> None:
        here = world("body: 40m")
        meta = await here.create()
        await here.settle_down()
        told = await here.get(meta, here.replica(Strained(read=error)))
        assert told.phase == idl.WAITING_FOR_RESOURCES and here.error() is None
        assert told.message is not None and str(error) in told.message

    run(story())


@pytest.mark.parametrize("plan", ["docker.io: 429", "body: exit 3", "body: 2s"])
def test_after_the_end_every_replica_tells_the_same_with_or_without_the_pod(world: Make, plan: str) -> None:
    async def story() -> None:
        here = world(plan, keep_finished=0)
        meta = await here.create()
        told, _ = await here.until_over(meta)
        written = here.error()
        await here.settle_down()
        assert here.pods() == []
        for cluster in (here.cluster, Strained(), Strained(read=ClusterBusy("nobody answers"))):
            again = await here.get(meta, here.replica(cluster))
            assert (again.phase, again.message, again.custom_info) == (told.phase, told.message, told.custom_info)
        assert here.error() == written

    run(story())


def test_an_end_that_was_told_is_told_again_though_the_pod_has_recovered(world: Make) -> None:
    async def story() -> None:
        cluster = Strained("docker.io: 429 for 31m\nbody: 40m", delete=ClusterBusy("nobody answers"))
        here = world(cluster=cluster)
        meta = await here.create()
        told, _ = await here.until_over(meta)
        await move(here, meta, timedelta(minutes=10))
        snapshot = cluster.real.get_cached(NAMESPACE, meta.pod)
        assert snapshot is not None and snapshot.pod.status.phase == "Running"
        again = await here.get(meta, here.replica())
        assert (again.phase, again.message) == (told.phase, told.message)

    run(story())


def test_get_answers_though_the_store_hangs_and_tells_the_end_once_it_does_not(world: Make) -> None:
    async def story() -> None:
        here = world("body: exit 3")
        meta = await here.create()
        await here.settle_down()
        await move(here, meta, timedelta(minutes=1))
        let_go = threading.Event()
        settle = here.connector._hook.settle

        def hang(end: AttemptEnd) -> Response:
            let_go.wait()
            return settle(end)

        here.connector._hook.settle = hang  # type: ignore[method-assign]
        here.connector._get_timeout = 0.01
        told = await here.get(meta)
        assert told.phase == idl.WAITING_FOR_RESOURCES
        assert told.message is not None and str(here.prefix()) in told.message
        let_go.set()
        here.connector._get_timeout = 60
        assert (await here.get(meta)).phase == idl.SUCCEEDED
        found = here.error()
        assert found is not None and found.error.origin == USER

    run(story())


# Delete


def test_a_deleted_attempt_has_no_pod(world: Make) -> None:
    async def story() -> None:
        here = world("body: 40m")
        meta = await here.create()
        await here.connector.delete(resource_meta=meta)
        assert here.pods() == []

    run(story())


@pytest.mark.parametrize("error", [ClusterBusy("nobody answers"), ClusterDenied("delete pods: forbidden")])
def test_delete_does_not_raise_and_what_is_left_is_collected(world: Make, error: ClusterError) -> None:
    async def story() -> None:
        cluster = Strained("body: 40m", delete=error)
        here = world(cluster=cluster)
        meta = await here.create()
        await here.settle_down()
        await here.connector.delete(resource_meta=meta)
        assert len(here.pods()) == 1
        del cluster.failing["delete"]
        await here.connector.garbage_collector.collect(cluster)
        assert here.pods() == []

    run(story())


def test_a_pod_that_is_made_after_its_attempt_was_given_up_elsewhere_is_deleted(world: Make) -> None:
    async def story() -> None:
        cluster = Strained("body: 40m", create="hang")
        here = world(cluster=cluster)
        slow = here.replica(reply_wait=0)
        meta = await here.create_in_background(slow)
        await here.connector.delete(resource_meta=meta)  # propeller asks another replica
        cluster.hang.set()
        await here.settle_down(slow)
        assert here.pods() == [] and cluster.calls.count("create") == 1

    run(story())
