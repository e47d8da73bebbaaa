"""``KubeCluster`` keeps its cache up to date with two watches, and hands out each change once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterUnreachable
from flytekitplugins_podtriage.kube import pod_cluster
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import fetch
from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions
from flytekitplugins_podtriage.kube.pod_cluster import TASK_LABEL, KubeCluster
from tests.builders import NAMESPACE as NS
from tests.builders import pod
from tests.kube.model import line
from tests.kube.pod_requests import MADE, NO_RIGHT, POD, PODS, forbidden
from tests.kube.scripted import TIMEOUT, Scripted
from tests.kube.watched_cluster import FOREVER, synced, until, watching

# The watch


async def test_one_watch_of_labelled_pods_and_one_of_events(script: Scripted, scripted: Connection) -> None:
    assert not KubeCluster(scripted, NS).synced()
    async with watching(scripted) as kube:
        script.wait_for_watch("events")
        assert kube.synced()
    lists = [request for request in script.requests if "watch" not in request.query]
    assert [(request.path, request.query) for request in lists] == [
        (PODS, {"labelSelector": TASK_LABEL, "limit": "500"}),
        (f"/api/v1/namespaces/{NS}/events", {"fieldSelector": "involvedObject.kind=Pod", "limit": "500"}),
    ]


async def test_all_namespaces_and_all_labels(script: Scripted, scripted: Connection) -> None:
    async with watching(scripted, None, selector=None):
        script.wait_for_watch("events")
    assert [request.path for request in script.requests if "watch" in request.query] == [
        "/api/v1/pods",
        "/api/v1/events",
    ]
    assert "labelSelector" not in script.requests[0].query


async def test_the_watch_updates_the_cache(script: Scripted, scripted: Connection) -> None:
    async with watching(scripted) as kube:
        watch = script.wait_for_watch("pods")
        added, modified = line("ADDED", MADE), line("MODIFIED", pod(name="f1-n0-0", version=11, uid="u1"))
        for piece in (added[:10], added[10:] + modified[:40], modified[40:]):
            watch.write(piece)
        snapshot = await until(kube, "f1-n0-0", lambda snapshot: snapshot is not None and snapshot.version == 2)
        assert not snapshot.gone
        watch.write(line("DELETED", pod(name="f1-n0-0", version=12, uid="u1")))
        assert (await until(kube, "f1-n0-0", lambda snapshot: snapshot.gone)).pod.metadata.resource_version == "12"


async def test_a_disconnect_in_the_middle_of_a_line_loses_nothing(script: Scripted, scripted: Connection) -> None:
    async with watching(scripted) as kube:
        first = script.wait_for_watch("pods")
        first.write(line("ADDED", MADE) + line("MODIFIED", pod(name="f1-n0-0", version=11, uid="u1"))[:50])
        await until(kube, "f1-n0-0", lambda snapshot: snapshot is not None)
        first.cut()
        second = script.wait_for_watch("pods", 2)
        assert second.request.query["resourceVersion"] == "10"
        second.write(line("MODIFIED", pod(name="f1-n0-0", version=11, uid="u1")))
        await until(kube, "f1-n0-0", lambda snapshot: snapshot.pod.metadata.resource_version == "11")


async def test_without_permission_for_events_pods_are_still_watched(script: Scripted, scripted: Connection) -> None:
    no = forbidden("events is forbidden: " + NO_RIGHT.format(verb="list", resource="events"))
    script.reply("GET", f"/api/v1/namespaces/{NS}/events", 403, no)
    async with watching(scripted) as kube:
        script.wait_for_watch("pods").write(line("ADDED", MADE))
        script.wait_for("GET", f"/api/v1/namespaces/{NS}/events", 2)
        await until(kube, "f1-n0-0", lambda snapshot: snapshot is not None)
        assert kube.synced() and kube.watch_error() is None
        assert f"may not list events in namespace '{NS}' (403)" in str(kube.events_error())


async def test_without_permission_for_pods_there_is_a_watch_error(script: Scripted, scripted: Connection) -> None:
    script.reply("GET", PODS, 403, forbidden("pods is forbidden: " + NO_RIGHT.format(verb="list", resource="pods")))
    async with watching(scripted) as kube:
        script.wait_for("GET", PODS, 2)
        assert not kube.synced()
        assert f"may not list pods in namespace '{NS}' (403)" in str(kube.watch_error())


async def test_close_ends_idle_watches(
    script: Scripted, scripted: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(scripted) as kube:
        script.wait_for_watch("events")
        threads = [watch._thread for watch in (kube._pods, kube._events)]
    assert [thread.is_alive() for thread in threads if thread is not None] == [False, False]
    assert (kube.watch_error(), kube.events_error()) == (None, None)
    assert caplog.records == []


async def test_a_silent_connection_is_replaced(script: Scripted, scripted: Connection) -> None:
    async with watching(scripted, watch_options=WatchOptions(idle_timeout=0.02, min_duration=0.0)) as kube:
        second = script.wait_for_watch("pods", 2)
        assert second.request.query["resourceVersion"] == "7"
        await synced(kube)
        assert kube.watch_error() is None


# Waiting for changes


async def test_wait_for_change_returns_each_change_once(script: Scripted, scripted: Connection) -> None:
    async with watching(scripted) as kube:
        waiting = asyncio.ensure_future(kube.wait_for_change(NS, "f1-n0-0", FOREVER))
        watch = script.wait_for_watch("pods")
        watch.write(line("ADDED", MADE))
        assert (await asyncio.wait_for(waiting, TIMEOUT)).version == 1
        waiting = asyncio.ensure_future(kube.wait_for_change(NS, "f1-n0-0", FOREVER))
        watch.write(line("ADDED", pod(name="other", version=11)))
        await until(kube, "other", lambda snapshot: snapshot is not None)
        assert not waiting.done()
        watch.write(line("MODIFIED", pod(name="f1-n0-0", version=12, uid="u1")))
        assert (await asyncio.wait_for(waiting, TIMEOUT)).pod.metadata.resource_version == "12"
        assert kube._waiters == {}


async def test_wait_for_change_until_a_past_moment_returns_at_once(script: Scripted, kube: KubeCluster) -> None:
    assert await kube.wait_for_change(NS, "f1-n0-0", kube.now()) is None
    script.reply("GET", POD, 200, MADE)
    await kube.get(NS, "f1-n0-0")
    for _ in range(2):
        assert (await kube.wait_for_change(NS, "f1-n0-0", kube.now())).version == 1


async def test_delivered_versions_of_forgotten_pods_are_removed(
    script: Scripted, kube: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_cluster, "_MAX_DELIVERED", 1)
    kube._delivered = {(NS, "forgotten"): 1}
    script.reply("GET", POD, 200, MADE)
    await kube.get(NS, "f1-n0-0")
    assert (await kube.wait_for_change(NS, "f1-n0-0", kube.now())).version == 1
    assert kube._delivered == {(NS, "f1-n0-0"): 1}


async def test_close_ends_wait_for_change(scripted: Connection) -> None:
    async with watching(scripted) as kube:
        waiting = asyncio.ensure_future(kube.wait_for_change(NS, "f1-n0-0", FOREVER))
        await asyncio.sleep(0)  # so that it waits
        assert kube._waiters
    assert await asyncio.wait_for(waiting, TIMEOUT) is None
    with pytest.raises(ClusterBusy, match="closing down"):
        await kube.get(NS, "f1-n0-0")


async def test_a_cancelled_wait_for_change_leaves_nothing(kube: KubeCluster) -> None:
    waiting = asyncio.ensure_future(kube.wait_for_change(NS, "f1-n0-0", FOREVER))
    await asyncio.sleep(0)  # so that it waits
    assert kube._waiters
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert kube._waiters == {}


async def test_each_change_is_reported_by_namespace_and_name(script: Scripted, scripted: Connection) -> None:
    changed: list[tuple[str, str]] = []
    async with watching(scripted, on_change=changed.append, pod_type=OwnedPod) as kube:
        watch = script.wait_for_watch("pods")
        watch.write(line("ADDED", MADE))
        snapshot = await until(kube, "f1-n0-0", lambda snapshot: snapshot is not None)
        assert snapshot is not None
        assert isinstance(snapshot.pod, OwnedPod)
        assert changed == [(NS, "f1-n0-0")]
        script.reply("GET", POD, 200, {**MADE, "metadata": {**MADE["metadata"], "finalizers": ["x"]}})
        read = await kube.get(NS, "f1-n0-0")
        assert read is not None
        assert isinstance(read.pod, OwnedPod)
        assert read.pod.metadata is not None
        assert read.pod.metadata.finalizers == ["x"]


async def test_other_requests_run_in_the_clusters_threads(script: Scripted, scripted: Connection) -> None:
    script.reply("GET", "/api/v1/nodes/n1", 200, {"kind": "Node", "metadata": {"name": "n1"}})
    kube = KubeCluster(scripted, NS)

    def read(connection: Connection, operation: Operation, suffix: str, timeouts: Timeouts) -> str:
        return f"{threading.current_thread().name}{suffix}{fetch(connection, operation, timeouts=timeouts)!r}"

    answer = await kube.request(Operation("get", "nodes", None, "n1"), read, ": ")
    assert answer.startswith("podtriage-api")
    assert '"Node"' in answer
    await kube.close()
    with pytest.raises(ClusterUnreachable, match="closing down"):
        await kube.request(Operation("get", "nodes", None, "n1"), read, "")
