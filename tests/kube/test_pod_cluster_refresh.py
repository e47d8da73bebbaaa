"""``KubeCluster.refresh`` reads a pod and its events: only then is the view of it known to be complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterError, ClusterUnreachable, PodSnapshot
from flytekitplugins_podtriage.kube import pod_cluster
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.pod_cluster import TASK_LABEL, KubeCluster
from tests.builders import NAMESPACE as NS
from tests.builders import event, pod, waiting
from tests.kube.model import line, status
from tests.kube.pod_requests import NO_RIGHT, POD, PODS, forbidden
from tests.kube.scripted import OpenWatch, Scripted
from tests.kube.watched_cluster import until, watching

EVENTS = f"/api/v1/namespaces/{NS}/events"


def state(version: int, uid: str = "u1", reason: str = "ErrImagePull") -> dict[str, Any]:
    return pod("Pending", waiting(reason), name="f1-n0-0", version=version, uid=uid, labels={TASK_LABEL: "x"})


def failed(message: str = "Failed to pull image: 429", age: float = 5, **metadata: Any) -> dict[str, Any]:
    item = event("Failed", message, about="f1-n0-0", uid="u1", name="e1", version=12, age=age)
    item["metadata"] |= {"uid": "e1", **metadata}
    return item


def events_of(*items: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "EventList", "metadata": {"resourceVersion": "20"}, "items": list(items)}


@asynccontextmanager
async def watched(
    script: Scripted, scripted: Connection, settled: float = 0.0
) -> AsyncIterator[tuple[KubeCluster, PodSnapshot, OpenWatch]]:
    """Watch a pod, which is at version 10."""
    async with watching(scripted, settled=settled) as kube:
        watch = script.wait_for_watch("pods")
        watch.write(line("ADDED", state(10)))
        snapshot = await until(kube, "f1-n0-0", lambda snapshot: snapshot is not None)
        script.wait_for_watch("events")
        assert snapshot is not None
        yield kube, snapshot, watch


def cached(kube: KubeCluster) -> Any:
    return kube.get_cached(NS, "f1-n0-0")


async def test_a_watch_alone_does_not_show_that_nothing_is_missing(script: Scripted, scripted: Connection) -> None:
    async with watched(script, scripted) as (kube, snapshot, _):
        freshness = kube.freshness(snapshot)
        assert freshness.as_of is None
        assert freshness.heard_at is not None and kube.now() - freshness.heard_at < timedelta(seconds=60)


async def test_what_is_read_is_in_the_cache_and_known_as_of_the_request(script: Scripted, scripted: Connection) -> None:
    async with watched(script, scripted) as (kube, snapshot, _):
        began = kube.now()
        script.reply("GET", POD, 200, state(11, reason="ImagePullBackOff"))
        await kube.refresh(snapshot)
        assert cached(kube).pod.metadata.resource_version == "11"
        as_of = kube.freshness(cached(kube)).as_of
        assert as_of is not None and began - timedelta(seconds=1.1) <= as_of <= kube.now()
        assert kube.freshness(snapshot).as_of == as_of, "the same pod"


async def test_a_read_is_known_by_the_server_s_clock(script: Scripted, scripted: Connection) -> None:
    async with watched(script, scripted) as (kube, snapshot, _):
        there = kube.now() + timedelta(hours=1)
        script.reply("GET", POD, 200, state(10), headers={"Date": format_datetime(there, usegmt=True)})
        script.reply("GET", EVENTS, 200, events_of(), headers={"Date": format_datetime(there, usegmt=True)})
        await kube.refresh(snapshot)
        freshness = kube.freshness(snapshot)
        assert freshness.as_of is not None and abs(freshness.as_of - there) < timedelta(seconds=5)
        assert abs(kube.now() - there) < timedelta(seconds=5)


async def test_a_read_does_not_hold_for_long(
    script: Scripted, scripted: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(script, scripted) as (kube, snapshot, _):
        script.reply("GET", POD, 200, state(10))
        await kube.refresh(snapshot)
        monkeypatch.setattr(pod_cluster, "_READ_HOLDS", timedelta(0))
        assert kube.freshness(snapshot).as_of is None


async def test_its_events_are_read_with_it(script: Scripted, scripted: Connection) -> None:
    async with watched(script, scripted) as (kube, snapshot, _):
        script.reply("GET", POD, 200, state(10))
        script.reply("GET", EVENTS, 200, events_of(failed()))
        await kube.refresh(snapshot)
        (request,) = script.wait_for("GET", EVENTS, 3)[2:]
        assert request.query == {"fieldSelector": "involvedObject.kind=Pod,involvedObject.uid=u1"}
        assert [each.message for each in cached(kube).events] == ["Failed to pull image: 429"]
        assert cached(kube).memory.causes[0].message == "Failed to pull image: 429"


async def test_its_events_are_not_read_if_their_watch_has_just_brought_some(
    script: Scripted, scripted: Connection
) -> None:
    async with watched(script, scripted) as (kube, snapshot, _):
        created = kube.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        script.wait_for_watch("events").write(line("ADDED", failed(creationTimestamp=created)))
        await until(kube, "f1-n0-0", lambda snapshot: snapshot is not None and bool(snapshot.events))
        script.reply("GET", POD, 200, state(10))
        await kube.refresh(snapshot)
        assert kube.freshness(snapshot).as_of is not None
        assert len(script.wait_for("GET", EVENTS)) == 2, "a list and a watch"


async def test_events_that_are_reported_late_do_not_count_as_news(script: Scripted, scripted: Connection) -> None:
    """As when a watch is taken up again after long: what it brings first is old."""
    async with watched(script, scripted) as (kube, snapshot, _):
        created = (kube.now() - timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
        script.wait_for_watch("events").write(line("ADDED", failed(creationTimestamp=created)))
        await until(kube, "f1-n0-0", lambda snapshot: snapshot is not None and bool(snapshot.events))
        script.reply("GET", POD, 200, state(10))
        script.reply("GET", EVENTS, 200, events_of())
        await kube.refresh(snapshot)
        assert len(script.wait_for("GET", EVENTS)) == 3


async def test_without_permission_for_events_the_pod_alone_counts(script: Scripted, scripted: Connection) -> None:
    async with watched(script, scripted) as (kube, snapshot, _):
        script.reply("GET", POD, 200, state(10))
        script.reply("GET", EVENTS, 403, forbidden("events: " + NO_RIGHT.format(verb="list", resource="events")))
        await kube.refresh(snapshot)
        assert kube.freshness(snapshot).as_of is not None


@pytest.mark.parametrize(
    ("path", "code", "body", "kind", "words"),
    [
        (POD, 200, state(9), ClusterBusy, "of an older state than was reported before"),
        (POD, 200, state(30, uid="u2"), ClusterBusy, "another pod of that name"),
        (POD, 500, status(500, "etcdserver: no leader"), ClusterBusy, "no leader"),
        (POD, 403, forbidden("no"), ClusterError, "may not get pods"),
        (POD, 200, b"{", ClusterBusy, "the response is not a pod"),
        (EVENTS, 500, status(500, "etcdserver: no leader"), ClusterBusy, "list events"),
        (EVENTS, 200, b"<html>", ClusterBusy, "the response is not a list of Events"),
    ],
)
async def test_what_does_not_show_that_the_view_is_complete(
    script: Scripted, scripted: Connection, path: str, code: int, body: Any, kind: type[ClusterError], words: str
) -> None:
    async with watched(script, scripted) as (kube, snapshot, _):
        script.reply("GET", path, code, body)
        if path == EVENTS:
            script.reply("GET", POD, 200, state(10))
        with pytest.raises(kind, match=words):
            await kube.refresh(snapshot)
        assert kube.freshness(snapshot).as_of is None


async def test_a_read_shows_nothing_before_the_kubelets_could_report(script: Scripted, scripted: Connection) -> None:
    async with watched(script, scripted, settled=3600.0) as (kube, snapshot, _):
        script.reply("GET", POD, 200, state(11))
        with pytest.raises(ClusterBusy, match="answered again for less than 3600 s; kubelets may not have reported"):
            await kube.refresh(snapshot)
        assert kube.freshness(snapshot).as_of is None
        assert cached(kube).pod.metadata.resource_version == "11", "the news count"


async def test_a_lost_response_shows_nothing(script: Scripted, scripted: Connection) -> None:
    async with watched(script, scripted) as (kube, snapshot, _):
        script.reply("GET", POD, 200, state(10), lost=True)
        with pytest.raises(ClusterUnreachable):
            await kube.refresh(snapshot)
        assert kube.freshness(snapshot).as_of is None


async def test_a_pod_that_is_not_there_is_gone(script: Scripted, scripted: Connection) -> None:
    async with watched(script, scripted) as (kube, snapshot, _):
        script.reply("GET", POD, 404, status(404, "pods not found", reason="NotFound"))
        await kube.refresh(snapshot)
        assert cached(kube).gone
        assert kube.freshness(cached(kube)).as_of is None, "when it went is not known"


@pytest.mark.parametrize("code", [200, 404])
async def test_no_answer_counts_while_the_pods_cannot_be_watched(
    script: Scripted, scripted: Connection, code: int
) -> None:
    """A list of an older state was refused: what the same server says of one pod is no better."""
    async with watched(script, scripted) as (kube, snapshot, watch):
        script.reply("GET", PODS, 410, status(410, "too old resource version", reason="Expired"))
        script.reply("GET", PODS, 200, {"kind": "PodList", "metadata": {"resourceVersion": "8"}, "items": []})
        watch.cut()
        script.wait_for("GET", PODS, 5)
        script.reply("GET", POD, code, state(10) if code == 200 else status(404, "no", reason="NotFound"))
        with pytest.raises(ClusterBusy, match="resource version 8, but 10 was reached before"):
            await kube.refresh(snapshot)
        assert not cached(kube).gone and kube.freshness(snapshot).as_of is None


async def test_a_watch_that_misses_what_was_read_is_begun_again(
    script: Scripted, scripted: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod_cluster, "_CATCH_UP", 0.05)
    async with watched(script, scripted) as (kube, snapshot, _):
        script.reply("GET", POD, 200, state(11))
        await asyncio.sleep(0.06)
        await kube.refresh(snapshot)
        second = await asyncio.to_thread(script.wait_for_watch, "pods", 2)
        assert second.request.query["resourceVersion"] == "10"


async def test_a_request_that_is_answered_has_a_failing_watch_tried_again_at_once(
    script: Scripted, scripted: Connection
) -> None:
    from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions

    slow = WatchOptions(first_wait=600.0, max_wait=600.0)
    script.reply("GET", PODS, 200, b"", lost=True)
    script.reply("GET", PODS, 200, {"kind": "PodList", "metadata": {"resourceVersion": "8"}, "items": []})
    script.reply("GET", POD, 200, state(10))
    async with watching(scripted, watch_options=slow) as kube:
        while kube.watch_error() is None:  # noqa: ASYNC110  # the watch has a thread of its own
            await asyncio.sleep(0.005)
        await kube.get(NS, "f1-n0-0")
        script.wait_for("GET", PODS, 2)
