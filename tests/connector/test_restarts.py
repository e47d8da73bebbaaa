"""Replicas, restarts and aborted attempts: no pod is lost, none is created twice, every end is recorded once."""

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
from tests.connector.faulty_cluster import NAMESPACE, FaultyCluster, advance
from tests.connector.world import World, run

Make = Callable[..., World]
USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM


# Restarts and replicas


def test_a_pod_that_a_dead_replica_did_not_create_is_created_by_the_next_one(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster(create="hang")
        here = world(cluster=cluster)
        dead = here.replica()
        meta = await here.create_in_background(dead)
        await dead.close()  # its state is lost
        del cluster.failing["create"]
        response, _ = await here.until_over_in_background(meta)
        assert response.phase == idl.SUCCEEDED and here.error_document() is None
        assert cluster.calls.count("create") == 2

    run(test())


def test_an_attempt_has_no_second_pod(world: Make) -> None:
    async def test() -> None:
        here = world("body: 40m")
        meta = await here.create()
        await here.settle_down()
        await here.cluster.delete(NAMESPACE, meta.pod, grace=0)
        fresh = FaultyCluster()  # a cluster that never saw the pod: as after its deletion while nobody watched
        response = await here.get(meta, here.replica(fresh))
        document = here.error_document()
        assert "create" not in fresh.calls
        assert response.phase == idl.SUCCEEDED and document is not None
        assert (document.error.origin, document.error.code) == (SYSTEM, "PodGone")

    run(test())


@pytest.mark.parametrize("plan", ["body: exit 3", "body: 2s", "docker.io: 429"])
def test_a_create_that_is_repeated_after_the_end_creates_no_pod(world: Make, plan: str) -> None:
    async def test() -> None:
        here = world(plan, keep_finished=0)
        response, _ = await here.until_over(await here.create())
        await here.settle_down()
        again = await here.create(connector=here.replica())
        assert here.pods() == []
        repeated = await here.get(again)
        assert (repeated.phase, repeated.message) == (response.phase, response.message)

    run(test())


def test_nothing_is_concluded_from_a_cache_that_is_not_synced(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster("body: 40m")
        here = world(cluster=cluster)
        meta = await here.create()
        await here.settle_down()
        cluster.blind = True
        response = await here.get(meta, here.replica())
        assert response.phase == idl.WAITING_FOR_RESOURCES and here.error_document() is None
        assert response.message is not None and "list pods: no answer" in response.message
        cluster.blind = False
        assert (await here.get(meta, here.replica())).phase == idl.QUEUED

    run(test())


@pytest.mark.parametrize("error", [ClusterBusy("no answer"), ClusterDenied("get pods: forbidden")])
def test_nothing_is_concluded_from_an_api_server_that_does_not_answer(world: Make, error: ClusterError) -> None:
    async def test() -> None:
        here = world("body: 40m")
        meta = await here.create()
        await here.settle_down()
        response = await here.get(meta, here.replica(FaultyCluster(get=error)))
        assert response.phase == idl.WAITING_FOR_RESOURCES and here.error_document() is None
        assert response.message is not None and str(error) in response.message

    run(test())


@pytest.mark.parametrize("plan", ["docker.io: 429", "body: exit 3", "body: 2s"])
def test_after_the_end_every_replica_responds_alike_with_or_without_the_pod(world: Make, plan: str) -> None:
    async def test() -> None:
        here = world(plan, keep_finished=0)
        meta = await here.create()
        response, _ = await here.until_over(meta)
        written = here.error_document()
        await here.settle_down()
        assert here.pods() == []
        for cluster in (here.cluster, FaultyCluster(), FaultyCluster(get=ClusterBusy("no answer"))):
            again = await here.get(meta, here.replica(cluster))
            assert (again.phase, again.message, again.custom_info) == (
                response.phase,
                response.message,
                response.custom_info,
            )
        assert here.error_document() == written

    run(test())


def test_a_recorded_end_stays_though_the_pod_has_recovered(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster("docker.io: 429 for 31m\nbody: 40m", delete=ClusterBusy("no answer"))
        here = world(cluster=cluster)
        meta = await here.create()
        response, _ = await here.until_over(meta)
        await advance(here, meta, timedelta(minutes=10))
        snapshot = cluster.real.get_cached(NAMESPACE, meta.pod)
        assert snapshot is not None and snapshot.pod.status.phase == "Running"
        again = await here.get(meta, here.replica())
        assert (again.phase, again.message) == (response.phase, response.message)

    run(test())


def test_get_responds_while_the_store_hangs_and_settles_the_attempt_later(world: Make) -> None:
    async def test() -> None:
        here = world("body: exit 3")
        meta = await here.create()
        await here.settle_down()
        await advance(here, meta, timedelta(minutes=1))
        let_go = threading.Event()
        settle = here.connector._hook.settle

        def hang(end: AttemptEnd) -> Response:
            let_go.wait()
            return settle(end)

        here.connector._hook.settle = hang  # type: ignore[method-assign]
        here.connector._get_timeout = 0.01
        response = await here.get(meta)
        assert response.phase == idl.WAITING_FOR_RESOURCES
        assert response.message is not None and str(here.prefix()) in response.message
        let_go.set()
        here.connector._get_timeout = 60
        assert (await here.get(meta)).phase == idl.SUCCEEDED
        document = here.error_document()
        assert document is not None and document.error.origin == USER

    run(test())


# Delete


def test_a_deleted_attempt_has_no_pod(world: Make) -> None:
    async def test() -> None:
        here = world("body: 40m")
        meta = await here.create()
        await here.connector.delete(resource_meta=meta)
        await here.settle_down()
        assert here.pods() == []

    run(test())


@pytest.mark.parametrize("error", [ClusterBusy("no answer"), ClusterDenied("delete pods: forbidden")])
def test_a_pod_that_delete_could_not_delete_is_collected(world: Make, error: ClusterError) -> None:
    async def test() -> None:
        cluster = FaultyCluster("body: 40m", delete=error)
        here = world(cluster=cluster)
        meta = await here.create()
        await here.settle_down()
        await here.connector.delete(resource_meta=meta)
        assert len(here.pods()) == 1
        del cluster.failing["delete"]
        await here.connector.garbage_collector.collect(cluster)
        assert here.pods() == []

    run(test())


def test_a_pod_that_is_created_after_its_attempt_was_aborted_elsewhere_is_deleted(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster("body: 40m", create="hang")
        here = world(cluster=cluster)
        slow = here.replica()
        meta = await here.create_in_background(slow)
        await here.connector.delete(resource_meta=meta)  # FlytePropeller calls another replica
        cluster.hang.set()
        await here.settle_down(slow)
        assert here.pods() == [] and cluster.calls.count("create") == 1

    run(test())
