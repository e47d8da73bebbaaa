"""The cache of ``KubeCluster``: pods and Events of a real API server."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable

import pytest

from flytekitplugins_podtriage.core.pod_cluster import PodCluster, PodSnapshot
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.apiserver.api import Api, pods
from tests.apiserver.front import Front
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.watching import HURRY, gone, listed, names, opened, phase, there, until, watching
from tests.builders import manifest

FINALIZER = "flyte.org/finalizer-k8s"
LIMITED = "429 Too Many Requests"

ClusterOf = Callable[..., Connection]


async def test_it_is_a_pod_cluster(cluster_of: ClusterOf, namespace: str) -> None:
    async with watching(cluster_of("connector"), namespace) as kube:
        assert isinstance(kube, PodCluster)


async def test_a_pod_is_cached_from_creation_to_deletion(
    cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, namespace: str
) -> None:
    async with watching(cluster_of("connector"), namespace) as kube:
        assert kube.get_cached(namespace, "p") is None
        made = admin.post(pods(namespace), manifest(name="p"))
        snapshot = await until(kube, namespace, "p", there)
        assert snapshot.pod.metadata.uid == made["metadata"]["uid"]
        kubelet.running(namespace, "p")
        snapshot = await until(kube, namespace, "p", phase("Running"))
        kubelet.failed(namespace, "p", 3, message="out of luck")
        after = await until(kube, namespace, "p", phase("Failed"))
        assert after.version > snapshot.version
        assert after.pod.status.container_statuses[0].state.terminated.message == "out of luck"
        admin.delete(pods(namespace, "p"))
        last = await until(kube, namespace, "p", gone)
        assert last.pod.status.phase == "Failed"
        assert kube.list_cached() == []


async def test_existing_pods_are_listed_in_pages(
    cluster_of: ClusterOf, admin: Api, front: Front, namespace: str
) -> None:
    for number in range(7):
        admin.post(pods(namespace), manifest(name=f"p{number}"))
    options = HURRY.__class__(page_size=2, first_wait=0.02, min_duration=0.0)
    async with watching(cluster_of("connector", front), namespace, watch_options=options) as kube:
        assert names(kube) == [f"p{number}" for number in range(7)]
        assert front.count("list", "pods") == 4
        admin.post(pods(namespace), manifest(name="p7"))
        await until(kube, namespace, "p7", there)
        assert front.count("list", "pods") == 4


async def test_synced_only_after_a_complete_list(
    cluster_of: ClusterOf, admin: Api, front: Front, namespace: str
) -> None:
    admin.post(pods(namespace), manifest(name="p"))
    held = front.hold("list", "pods")
    async with opened(cluster_of("connector", front), namespace) as kube:
        await asyncio.to_thread(held.wait)
        assert not kube.synced()
        assert kube.get_cached(namespace, "p") is None
        held.release()
        await listed(kube)
        assert kube.synced()
        assert names(kube) == ["p"]


async def test_one_namespace_is_watched_or_all(
    cluster_of: ClusterOf, admin: Api, make_namespace: Callable[[], str]
) -> None:
    here, there_ = make_namespace(), make_namespace()
    async with watching(cluster_of("connector"), here) as one, watching(cluster_of("connector")) as both:
        for namespace in (there_, here):
            admin.post(pods(namespace), manifest(name="p"))
        await until(one, here, "p", there)
        await until(both, here, "p", there)
        assert one.get_cached(there_, "p") is None
        assert both.get_cached(there_, "p") is not None


async def test_only_pods_with_the_label_are_cached(cluster_of: ClusterOf, admin: Api, namespace: str) -> None:
    admin.post(pods(namespace), manifest(name="listed", labels={"a": "b"}))
    admin.post(pods(namespace), manifest(name="listed-not"))
    async with watching(cluster_of("connector"), namespace, "a") as kube:
        admin.post(pods(namespace), manifest(name="watched-not"))
        admin.post(pods(namespace), manifest(name="watched", labels={"a": "b"}))
        await until(kube, namespace, "watched", there)
        assert names(kube) == ["listed", "watched"]


async def test_a_pod_that_loses_the_label_is_gone(cluster_of: ClusterOf, admin: Api, namespace: str) -> None:
    admin.post(pods(namespace), manifest(name="p", labels={"a": "b"}))
    async with watching(cluster_of("connector"), namespace, "a") as kube:
        admin.merge(pods(namespace, "p"), {"metadata": {"labels": {"a": None}}})
        await until(kube, namespace, "p", gone)


@pytest.mark.parametrize("when", ["before the watch", "during the watch"])
async def test_events_are_cached_with_their_pod(
    cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, namespace: str, when: str
) -> None:
    admin.post(pods(namespace), manifest(name="p"))
    admin.post(pods(namespace), manifest(name="other"))
    kubelet.event(namespace, "other", "Pulled", "of another pod")
    if when == "before the watch":
        kubelet.event(namespace, "p", "Failed", LIMITED, "Warning")
    async with watching(cluster_of("connector"), namespace) as kube:
        if when == "during the watch":
            kubelet.event(namespace, "p", "Failed", LIMITED, "Warning")
        snapshot = await until(kube, namespace, "p", lambda snapshot: snapshot.events)
        assert [(event.reason, event.message) for event in snapshot.events] == [("Failed", LIMITED)]


async def test_a_repeated_event_is_one_event(
    cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, namespace: str
) -> None:
    made = admin.post(pods(namespace), manifest(name="p"))
    about = {"kind": "Pod", "namespace": namespace, "name": "p", "uid": made["metadata"]["uid"]}
    event = {
        "metadata": {"name": "p.1", "namespace": namespace},
        "involvedObject": about,
        "reason": "BackOff",
        "message": "Back-off",
        "type": "Normal",
    }
    async with watching(cluster_of("connector"), namespace) as kube:
        for count in (1, 2, 3):
            kubelet.tell({**event, "count": count})
        snapshot = await until(kube, namespace, "p", lambda snapshot: snapshot.events and snapshot.events[0].count == 3)
        assert len(snapshot.events) == 1


async def test_a_finalizer_keeps_a_deleted_pod(
    cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, namespace: str
) -> None:
    admin.post(pods(namespace), manifest(name="p", finalizers=[FINALIZER]))
    kubelet.running(namespace, "p")
    async with watching(cluster_of("connector"), namespace) as kube:
        admin.delete(pods(namespace, "p"))
        snapshot = await until(kube, namespace, "p", lambda snapshot: snapshot.pod.metadata.deletion_timestamp)
        kubelet.finish_deletion(namespace, "p")
        after = await until(kube, namespace, "p", lambda now: now.version > snapshot.version)
        assert not after.gone
        admin.merge(pods(namespace, "p"), {"metadata": {"finalizers": None}})
        await until(kube, namespace, "p", gone)


async def test_a_recreated_pod_is_another(cluster_of: ClusterOf, admin: Api, namespace: str) -> None:
    admin.post(pods(namespace), manifest(name="p"))
    async with watching(cluster_of("connector"), namespace) as kube:
        admin.delete(pods(namespace, "p"))
        made = admin.post(pods(namespace), manifest(name="p"))
        snapshot = await until(kube, namespace, "p", lambda now: now.pod.metadata.uid == made["metadata"]["uid"])
        assert not snapshot.gone
        assert snapshot.events == ()


def is_at(version: str, events: int, snapshot: PodSnapshot | None) -> bool:
    """Whether a pod has a resource version and so many events."""
    return snapshot is not None and snapshot.pod.metadata.resource_version == version and len(snapshot.events) == events


async def test_two_replicas_see_the_same(
    cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, namespace: str
) -> None:
    """One from the beginning, the other from the middle, when it is started."""
    async with watching(cluster_of("connector"), namespace) as first:
        for name in ("a", "b"):
            admin.post(pods(namespace), manifest(name=name))
        kubelet.image_pull_failed(namespace, "a", LIMITED)
        async with watching(cluster_of("connector"), namespace) as second:
            kubelet.succeeded(namespace, "b")
            kubelet.image_pull_back_off(namespace, "a", LIMITED)
            for name in ("a", "b"):
                version = admin.get(pods(namespace, name))["metadata"]["resourceVersion"]
                newest = functools.partial(is_at, version, 1 if name == "a" else 0)
                snapshots = [await until(kube, namespace, name, newest) for kube in (first, second)]
                assert snapshots[0].pod == snapshots[1].pod
                assert snapshots[0].events == snapshots[1].events


async def test_the_number_of_requests_does_not_grow_with_the_pods(
    cluster_of: ClusterOf, admin: Api, kubelet: ScriptedKubelet, front: Front, namespace: str
) -> None:
    async with watching(cluster_of("connector", front), namespace) as kube:
        for number in range(30):
            admin.post(pods(namespace), manifest(name=f"p{number}"))
            kubelet.event(namespace, f"p{number}", "Pulling", "the image")
        for number in range(30):
            await until(kube, namespace, f"p{number}", lambda snapshot: snapshot and snapshot.events)
        requests = sorted((each.verb, each.resource) for each in front.asked)
        assert requests == [("list", "events"), ("list", "pods"), ("watch", "events"), ("watch", "pods")]
