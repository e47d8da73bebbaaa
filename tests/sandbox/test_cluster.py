"""The simulated cluster as its callers see it: the protocol, the clock, bodies, deletions, determinism."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage import Policy, triage
from flytekitplugins_podtriage.core.pod_cluster import PodCluster, PodExists, PodRejected, PodSnapshot
from flytekitplugins_podtriage.sandbox.cluster import BodyEnd, SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from tests.builders import NAME, NAMESPACE, manifest
from tests.sandbox.observing import collapsed, judged, watch

LATER = timedelta(minutes=10)


def ended(snapshot: PodSnapshot) -> tuple[str | None, str | None, int | None, str | None]:
    """Return the phase, its reason, and the exit code and reason of the first container."""
    status = snapshot.pod.status
    terminated = status.container_statuses[0].state.terminated
    return (
        status.phase,
        status.reason,
        terminated.exit_code if terminated else None,
        terminated.reason if terminated else None,
    )


def seen_at(snapshot: PodSnapshot) -> datetime:
    """Return when something was seen."""
    assert snapshot.at is not None
    return snapshot.at


async def next_of(cluster: SandboxCluster, until: datetime) -> PodSnapshot:
    """Return what is seen next of the pod."""
    snapshot = await cluster.wait_for_change(NAMESPACE, NAME, until)
    assert snapshot is not None
    return snapshot


def test_the_sandbox_is_a_pod_cluster() -> None:
    assert isinstance(SandboxCluster(), PodCluster)


def test_a_run_begins_at_the_same_moment_every_time() -> None:
    assert SandboxCluster().now() == datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_an_unknown_kubelet_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed: 1.34, 1.31"):
        SandboxCluster(kubelet="1.20")


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        SandboxCluster(start=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_pod_without_faults_succeeds() -> None:
    *_, last = watch("", seconds=60)
    assert ended(last) == ("Succeeded", None, 0, "Completed")


def test_a_name_is_given_once_and_again_after_its_pod_is_gone() -> None:
    async def story() -> None:
        cluster = SandboxCluster()
        first = await cluster.create(NAMESPACE, manifest())
        with pytest.raises(PodExists, match=NAME):
            await cluster.create(NAMESPACE, manifest())
        await cluster.delete(NAMESPACE, NAME, grace=0)
        assert await cluster.create(NAMESPACE, manifest()) != first

    asyncio.run(story())


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        ([], "not a Pod"),
        ({"kind": "Job"}, "not a Pod"),
        ({}, "metadata.name"),
        ({"metadata": {"name": "Bad_Name"}}, "metadata.name"),
        ({"metadata": {"name": "a"}}, "spec"),
        ({"metadata": {"name": "a", "labels": {"x": 1}}, "spec": {}}, "metadata.labels"),
        ({"metadata": {"name": "a"}, "spec": {"containers": []}}, "spec.containers"),
        ({"metadata": {"name": "a"}, "spec": {"containers": ["x"]}}, "spec.containers[0]"),
        ({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}}, "spec.containers[0].image"),
        ({"metadata": {"name": "a"}, "spec": {"containers": [{"image": "c"}]}}, "spec.containers[0].name"),
        (manifest(sidecar=NAME), "spec.containers[1].name"),
        (manifest(restartPolicy="Sometimes"), "spec.restartPolicy"),
        (manifest(activeDeadlineSeconds=-1), "spec.activeDeadlineSeconds"),
    ],
)
def test_a_manifest_that_is_no_pods_is_rejected_with_the_field(pod: Any, field: str) -> None:
    with pytest.raises(PodRejected) as caught:
        asyncio.run(SandboxCluster().create(NAMESPACE, pod))
    assert field in str(caught.value)
    assert "allowed" in str(caught.value)
    assert caught.value.status in (400, 422)


def test_nothing_is_known_of_a_pod_that_never_was() -> None:
    async def story() -> None:
        cluster = SandboxCluster()
        until = cluster.now() + LATER
        assert cluster.get_cached(NAMESPACE, "nobody") is None
        await cluster.delete(NAMESPACE, "nobody")
        assert await cluster.wait_for_change(NAMESPACE, "nobody", until) is None
        assert cluster.now() == until

    asyncio.run(story())


def test_pods_are_listed_by_their_labels_until_they_are_gone() -> None:
    async def story() -> None:
        cluster = SandboxCluster()
        for name, labels in {"b": {"x": "1", "y": "2"}, "a": {"x": "1"}}.items():
            pod = manifest()
            await cluster.create(NAMESPACE, {**pod, "metadata": {"name": name, "labels": labels}})
        names = [snapshot.pod.metadata.name for snapshot in await cluster.list(NAMESPACE, {"x": "1"})]
        assert names == ["a", "b"]
        assert [snapshot.pod.metadata.name for snapshot in await cluster.list(NAMESPACE, {"y": "2"})] == ["b"]
        assert await cluster.list("elsewhere", {"x": "1"}) == []
        await cluster.delete(NAMESPACE, "b", grace=0)
        assert await cluster.list(NAMESPACE, {"y": "2"}) == []
        assert cluster.get_cached(NAMESPACE, "b").gone

    asyncio.run(story())


def test_a_deletion_for_another_uid_does_nothing() -> None:
    async def story() -> None:
        cluster = SandboxCluster()
        uid = await cluster.create(NAMESPACE, manifest())
        await cluster.delete(NAMESPACE, NAME, uid="another", grace=0)
        assert not cluster.get_cached(NAMESPACE, NAME).gone
        await cluster.delete(NAMESPACE, NAME, uid=uid, grace=0)
        assert cluster.get_cached(NAMESPACE, NAME).gone

    asyncio.run(story())


def run(plan: str, body: Any, **more: Any) -> PodSnapshot:
    """Return the last snapshot of a pod with a body."""

    async def story() -> PodSnapshot:
        cluster = SandboxCluster(Plan.parse(plan), body=body)
        await cluster.create(NAMESPACE, manifest(**more))
        end = cluster.now() + timedelta(hours=2)
        while True:
            snapshot = await next_of(cluster, end)
            if cluster.now() >= end or snapshot.gone:
                return snapshot

    return asyncio.run(story())


def test_a_body_is_called_once_with_its_manifest_and_attempt() -> None:
    calls: list[tuple[str, int | None]] = []

    def body(pod: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        calls.append((pod["metadata"]["name"], attempt))
        return BodyEnd(4, "why")

    last = run("pull: 429 x2", body)
    assert calls == [(NAME, 0)]
    assert ended(last) == ("Failed", None, 4, "Error")
    assert last.pod.status.container_statuses[0].state.terminated.message == "why"


@pytest.mark.parametrize(
    ("plan", "calls", "end"),
    [
        ("", 1, ("Succeeded", None, 0, "Completed")),
        ("body: exit 3", 0, ("Failed", None, 3, "Error")),
        ("body: oom", 1, ("Failed", None, 137, "OOMKilled")),
        ("body: 40m\nbody: oom at 10s", 1, ("Failed", None, 137, "OOMKilled")),
        ("body: 5s\nbody: oom at 10s", 1, ("Succeeded", None, 0, "Completed")),
        ("body: 40m\nnode: shutdown at 30s", 1, ("Failed", "Terminated", 137, "Error")),
        ("body: 20s\nnode: shutdown at 30s", 1, ("Succeeded", None, 0, "Completed")),
        ("body: 40m\npod: evicted at 20s", 1, ("Failed", "Evicted", 137, "Error")),
        ("pull: not found", 0, ("Pending", None, None, None)),
        ("attempt 2 body: exit 3", 1, ("Succeeded", None, 0, "Completed")),
    ],
)
def test_what_happens_first_decides_a_bodys_attempt(plan: str, calls: int, end: tuple[Any, ...]) -> None:
    called: list[int | None] = []

    def body(_: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        called.append(attempt)
        return BodyEnd(0)

    assert ended(run(plan, body)) == end
    assert len(called) == calls


def test_another_registrys_fault_does_not_matter() -> None:
    *_, last = watch("ghcr.io: 429", seconds=60)
    assert last.pod.status.phase == "Succeeded"


@pytest.mark.parametrize("grace", [0, 1, 30])
def test_a_deleted_pod_is_gone_in_the_end(grace: int) -> None:
    async def story() -> PodSnapshot:
        cluster = SandboxCluster(Plan.parse("pull: 429"))
        await cluster.create(NAMESPACE, manifest())
        await cluster.wait_for_change(NAMESPACE, NAME, cluster.now() + LATER)
        await cluster.wait_for_change(NAMESPACE, NAME, cluster.now() + LATER)
        await cluster.delete(NAMESPACE, NAME, grace=grace)
        end = cluster.now() + LATER
        while True:
            snapshot = await next_of(cluster, end)
            if snapshot.gone or cluster.now() >= end:
                return snapshot

    assert asyncio.run(story()).gone


def test_a_change_is_told_at_once_if_it_was_not_told_yet() -> None:
    async def story() -> None:
        cluster = SandboxCluster()
        await cluster.create(NAMESPACE, manifest())
        await cluster.wait_for_change(NAMESPACE, NAME, cluster.now() + LATER)
        before = cluster.now()
        await cluster.delete(NAMESPACE, NAME)
        snapshot = await cluster.wait_for_change(NAMESPACE, NAME, before + LATER)
        assert cluster.now() == before
        assert snapshot.pod.metadata.deletion_timestamp is not None

    asyncio.run(story())


def test_tasks_of_one_loop_each_act_at_their_own_time() -> None:
    async def story() -> dict[str, float]:
        cluster = SandboxCluster(Plan.parse("pull: 429"))
        start, acted = cluster.now(), {}

        async def drive(name: str, patience: int) -> None:
            await cluster.create(NAMESPACE, {**manifest(), "metadata": {"name": name}})
            until = cluster.now() + timedelta(seconds=patience)
            while cluster.now() < until:
                await cluster.wait_for_change(NAMESPACE, name, until)
            acted[name] = (cluster.now() - start).total_seconds()

        await asyncio.gather(drive("a", 180), drive("b", 30), drive("c", 90))
        return acted

    assert asyncio.run(story()) == {"a": 180.0, "b": 30.0, "c": 90.0}


def test_a_waiter_that_is_cancelled_holds_nobody_up() -> None:
    async def story() -> None:
        cluster = SandboxCluster()
        await cluster.create(NAMESPACE, manifest())
        await cluster.create(NAMESPACE, {**manifest(), "metadata": {"name": "other"}})
        until = cluster.now() + LATER
        waiting = asyncio.ensure_future(cluster.wait_for_change(NAMESPACE, "other", until))
        await asyncio.sleep(0)
        waiting.cancel()
        while cluster.now() < until:
            await cluster.wait_for_change(NAMESPACE, NAME, until)

    asyncio.run(story())


def test_a_node_that_shuts_down_says_so() -> None:
    last = run("body: 40m\nnode: shutdown at 30s", None)
    verdict = triage(last.pod, events=last.events, memory=last.memory, now=seen_at(last))
    assert (str(verdict.kind), str(verdict.category)) == ("SYSTEM", "node_shutdown")


def test_time_never_goes_back() -> None:
    moments = [seen_at(snapshot) for snapshot in watch("pull: 429 x2\nbody: 40s", seconds=400)]
    assert moments == sorted(moments)
    assert collapsed(judged(snapshot, Policy()) for snapshot in watch("", seconds=9))[-1][0] == "Succeeded"


def test_a_pod_with_a_finalizer_stays_until_it_is_taken_off() -> None:
    async def story() -> None:
        cluster = SandboxCluster(Plan.parse("body: 40m"))
        await cluster.create(NAMESPACE, manifest(finalizers=["flyte.org/finalizer-k8s"]))
        for _ in range(3):
            await next_of(cluster, cluster.now() + LATER)
        await cluster.delete(NAMESPACE, NAME, grace=0)
        end = cluster.now() + LATER
        snapshot = cluster.get_cached(NAMESPACE, NAME)
        while cluster.now() < end:
            snapshot = await next_of(cluster, end)
        assert (snapshot.gone, snapshot.pod.status.phase) == (False, "Failed")
        with pytest.raises(PodExists):
            await cluster.create(NAMESPACE, manifest())
        cluster.release(NAMESPACE, NAME)
        assert cluster.get_cached(NAMESPACE, NAME).gone

    asyncio.run(story())


def test_a_status_that_another_client_writes_is_corrected_unless_the_pod_is_deleted() -> None:
    phases = [snapshot.pod.status.phase for snapshot in watch("pull: 429\npod: patched at 15s", seconds=20)]
    assert phases[-1] == "Pending"
    assert "Failed" in phases


def test_a_cluster_that_is_closed_holds_on_to_nothing() -> None:
    class Body:
        """Something to hold on to."""

        def __call__(self, *_: object) -> BodyEnd:
            return BodyEnd(0)

    async def story(body: Any) -> None:
        cluster = SandboxCluster(Plan.parse("node: lost at 1h\nbody: 40m"), body=body)
        await cluster.create(NAMESPACE, manifest())
        await cluster.wait_for_change(NAMESPACE, NAME, cluster.now() + LATER)
        cluster.close()

    body = Body()
    gc.disable()
    try:
        asyncio.run(story(body))
        held = weakref.ref(body)
        del body
        assert held() is None
    finally:
        gc.enable()
