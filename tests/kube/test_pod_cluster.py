"""``KubeCluster``: its requests to an API server, and how it handles the responses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterDenied,
    ClusterError,
    PodCluster,
    PodExists,
    PodRejected,
    PodSnapshot,
    QuotaExceeded,
)
from flytekitplugins_podtriage.kube import pod_cluster
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import Forbidden
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions
from flytekitplugins_podtriage.kube.pod_cluster import TASK_LABEL, KubeCluster
from tests.builders import NAMESPACE as NS
from tests.builders import event, pod
from tests.kube.model import line, status
from tests.kube.scripted import TIMEOUT, Scripted

PODS = f"/api/v1/namespaces/{NS}/pods"
POD = f"{PODS}/f1-n0-0"
HURRY = WatchOptions(first_wait=0.01, max_wait=0.02, lag_wait=0.01, min_duration=0.0)
MANIFEST = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "f1-n0-0", "labels": {TASK_LABEL: "x"}}, "spec": {}}
MADE = pod(name="f1-n0-0", version=10, uid="u1", labels={TASK_LABEL: "x"})
FOREVER = datetime(9999, 1, 1, tzinfo=timezone.utc)
NO_RIGHT = 'User "ann" cannot {verb} resource "{resource}" in API group "" in the namespace "' + NS + '"'


@pytest.fixture
def kube(scripted: Connection) -> KubeCluster:
    """A cluster that is not watched."""
    return KubeCluster(scripted, NS)


@asynccontextmanager
async def watching(cluster: Connection, namespace: str | None = NS, **options: Any) -> AsyncIterator[KubeCluster]:
    """Watch for the length of a block."""
    kube = KubeCluster(cluster, namespace, **{"watch_options": HURRY, **options})
    await kube.start()
    try:
        yield kube
    finally:
        await kube.close()


async def until(kube: KubeCluster, name: str, so: Callable[[PodSnapshot | None], bool]) -> PodSnapshot | None:
    """Wait until a cached pod fulfils a condition."""

    async def wait() -> PodSnapshot | None:
        while not so(snapshot := kube.get_cached(NS, name)):
            await kube.wait_for_change(NS, name, FOREVER)
        return snapshot

    return await asyncio.wait_for(wait(), TIMEOUT)


async def synced(kube: KubeCluster) -> None:
    assert await asyncio.to_thread(kube._pods.listed.wait, TIMEOUT)


def test_it_is_a_pod_cluster(kube: KubeCluster) -> None:
    assert isinstance(kube, PodCluster)


def test_an_invalid_selector(scripted: Connection) -> None:
    with pytest.raises(ValueError, match="allowed: key"):
        KubeCluster(scripted, NS, "a=b=c")


def test_the_clock_is_the_real_one_by_default(scripted: Connection, kube: KubeCluster) -> None:
    assert abs(kube.now() - datetime.now(timezone.utc)) < timedelta(minutes=1)
    assert KubeCluster(scripted, now=lambda: FOREVER).now() == FOREVER


# Create


async def test_a_created_pod_is_cached_at_once(script: Scripted, scripted: Connection) -> None:
    script.reply("POST", PODS, 201, MADE)
    async with watching(scripted) as kube:
        await synced(kube)
        assert await kube.create(NS, MANIFEST) == "u1"
        assert kube.get_cached(NS, "f1-n0-0").pod.metadata.uid == "u1"
    (request,) = script.wait_for("POST", PODS)
    assert request.body == MANIFEST
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer first"


@pytest.mark.parametrize(
    "made",
    [
        pod(name="f1-n0-0", version=10, uid="u1"),
        pod(name="f1-n0-0", version=10, uid="u1", namespace="other", labels={TASK_LABEL: "x"}),
    ],
)
async def test_a_created_pod_that_is_not_watched_is_not_cached(
    script: Scripted, kube: KubeCluster, made: dict[str, Any]
) -> None:
    script.reply("POST", PODS, 201, made)
    assert await kube.create(NS, MANIFEST) == "u1"
    assert list(kube.list_cached()) == []


def forbidden(message: str) -> dict[str, Any]:
    details = {"name": "f1-n0-0", "kind": "pods"}
    return status(403, message, reason="Forbidden", details=details)


@pytest.mark.parametrize(
    ("code", "body", "kind", "words"),
    [
        (
            409,
            status(
                409,
                'pods "f1-n0-0" already exists',
                reason="AlreadyExists",
                details={"name": "f1-n0-0", "kind": "pods"},
            ),
            PodExists,
            "it already exists",
        ),
        (
            409,
            status(409, 'Operation cannot be fulfilled on resourcequotas "q"', reason="Conflict"),
            ClusterBusy,
            "HTTP 409",
        ),
        (
            409,
            status(409, 'secrets "s" already exists', reason="AlreadyExists", details={"kind": "secrets"}),
            ClusterBusy,
            "HTTP 409",
        ),
        (400, status(400, "Pod in version v1 cannot be handled as a Pod", reason="BadRequest"), PodRejected, "(400)"),
        (422, status(422, 'Pod "F1" is invalid: metadata.name', reason="Invalid"), PodRejected, "metadata.name"),
        (413, status(413, "Request entity too large", reason="RequestEntityTooLarge"), PodRejected, "(413)"),
        (
            404,
            status(404, f'namespaces "{NS}" not found', reason="NotFound"),
            PodRejected,
            f'namespaces "{NS}" not found',
        ),
        (
            403,
            forbidden("pods is forbidden: " + NO_RIGHT.format(verb="create", resource="pods")),
            Forbidden,
            f"may not create pods in namespace '{NS}' (403)",
        ),
        (
            403,
            forbidden('pods "f1-n0-0" is forbidden: User "a\\"b" cannot create resource "pods" in API group ""'),
            Forbidden,
            "--verb=create --resource=pods",
        ),
        (
            403,
            forbidden(
                'pods "f1-n0-0" is forbidden: exceeded quota: compute, requested: cpu=2, used: cpu=9, limited: cpu=10'
            ),
            QuotaExceeded,
            "exceeded quota: compute, requested: cpu=2",
        ),
        (
            403,
            forbidden('pods "f1-n0-0" is forbidden: status unknown for quota: compute, resources: cpu'),
            QuotaExceeded,
            "status unknown",
        ),
        (
            403,
            forbidden('pods "f1-n0-0" is forbidden: failed quota: compute: must specify cpu for: main'),
            PodRejected,
            "must specify cpu",
        ),
        (
            403,
            forbidden('pods "f1-n0-0" is forbidden: [maximum cpu usage per Container is 1, but limit is 2]'),
            PodRejected,
            "maximum cpu usage",
        ),
        (
            403,
            forbidden('pods "f1-n0-0" is forbidden: violates PodSecurity "restricted:latest": privileged'),
            PodRejected,
            "violates PodSecurity",
        ),
        (
            403,
            forbidden(
                'pods "f1-n0-0" is forbidden: admission webhook "v.io" denied the request: '
                'pods is forbidden: User "ann" cannot create resource "pods": exceeded quota: x'
            ),
            PodRejected,
            "denied the request",
        ),
        (403, b"<html>Forbidden by the proxy</html>", Forbidden, "Forbidden by the proxy"),
        (401, status(401, "Unauthorized", reason="Unauthorized"), ClusterDenied, "not logged in (401)"),
        (404, b"404 page not found", ClusterError, "HTTP 404"),
        (302, b"", ClusterError, "is it the address of an API server?"),
        (429, status(429, "too many requests", reason="TooManyRequests"), ClusterBusy, "HTTP 429"),
        (500, status(500, 'failed calling webhook "v.io": context deadline exceeded'), ClusterBusy, "failed calling"),
        (503, b"no server is available", ClusterBusy, "HTTP 503"),
        (504, status(504, "Timeout: request did not complete", reason="Timeout"), ClusterBusy, "HTTP 504"),
        (201, b'{"kind": "Pod", "metad', ClusterBusy, "the response is not a pod"),
    ],
)
async def test_errors_of_a_create(
    script: Scripted, kube: KubeCluster, code: int, body: Any, kind: type[ClusterError], words: str
) -> None:
    script.reply("POST", PODS, code, body)
    with pytest.raises(ClusterError) as caught:
        await kube.create(NS, MANIFEST)
    assert type(caught.value) is kind
    assert words in str(caught.value) and "\n" not in str(caught.value)
    if isinstance(caught.value, PodRejected):
        assert (caught.value.status, caught.value.reason) == (code, body["reason"])
    else:
        assert "pods" in str(caught.value)
    assert list(kube.list_cached()) == []


async def test_a_lost_response_to_a_create_is_busy_and_not_repeated(script: Scripted, kube: KubeCluster) -> None:
    script.reply("POST", PODS, 201, MADE, lost=True)
    with pytest.raises(ClusterBusy, match="create pods 'f1-n0-0'"):
        await kube.create(NS, MANIFEST)
    assert len(script.requests) == 1, "it is not repeated: it may have succeeded"


@pytest.mark.parametrize("manifest", [{"metadata": {"name": "x", "at": object()}}, {"spec": float("nan"), 1j: 2}])
async def test_a_manifest_that_is_not_json_is_rejected(script: Scripted, kube: KubeCluster, manifest: Any) -> None:
    with pytest.raises(PodRejected, match="JSON"):
        await kube.create(NS, manifest)
    assert script.requests == []


@pytest.mark.parametrize("name", ["", "..", "../kube-system", "A", "a b"])
async def test_invalid_names_are_not_requested(script: Scripted, kube: KubeCluster, name: str) -> None:
    with pytest.raises(PodRejected):
        await kube.create(name, MANIFEST)
    await kube.delete(NS, name)
    await kube.delete(name, "f1")
    assert await kube.get(NS, name) is None and await kube.get(name, "f1") is None
    assert await kube.logs(NS, name, "main", 10) == "" and await kube.list(name, {}) == []
    assert await kube.execution_over(NS, name) is None
    assert script.requests == []


# Delete


async def test_a_deletion_with_a_uid_and_a_grace_period(script: Scripted, kube: KubeCluster) -> None:
    script.reply("DELETE", POD, 200, MADE)
    await kube.delete(NS, "f1-n0-0", uid="u1", grace=0)
    await kube.delete(NS, "f1-n0-0")
    options = {"apiVersion": "v1", "kind": "DeleteOptions"}
    assert [request.body for request in script.requests] == [
        {**options, "preconditions": {"uid": "u1"}, "gracePeriodSeconds": 0},
        options,
    ]


CONFLICT = status(409, "Precondition failed: UID in precondition: u1, UID in object meta: u2", reason="Conflict")


@pytest.mark.parametrize(
    ("code", "body", "there"),
    [
        (404, status(404, 'pods "f1-n0-0" not found', reason="NotFound"), None),
        (409, CONFLICT, pod(name="f1-n0-0", version=11, uid="u2")),
        (409, CONFLICT, None),
    ],
)
async def test_deleting_a_pod_that_is_gone_or_has_another_uid_does_nothing(
    script: Scripted, kube: KubeCluster, code: int, body: Any, there: Any
) -> None:
    script.reply("DELETE", POD, code, body)
    script.reply("GET", POD, *((200, there) if there else (404, status(404, "not found", reason="NotFound"))))
    await kube.delete(NS, "f1-n0-0", uid="u1")


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        (409, CONFLICT, ClusterBusy),
        (403, forbidden("pods is forbidden: " + NO_RIGHT.format(verb="delete", resource="pods")), Forbidden),
        (404, b"404 page not found", ClusterError),
        (500, b"", ClusterBusy),
    ],
)
async def test_errors_of_a_deletion(
    script: Scripted, kube: KubeCluster, code: int, body: Any, kind: type[ClusterError]
) -> None:
    script.reply("DELETE", POD, code, body)
    script.reply("GET", POD, 200, MADE)
    with pytest.raises(ClusterError, match="delete pods") as caught:
        await kube.delete(NS, "f1-n0-0", uid="u1")
    assert type(caught.value) is kind


async def test_a_conflict_without_a_uid_is_an_error(script: Scripted, kube: KubeCluster) -> None:
    script.reply("DELETE", POD, 409, status(409, "the object has been modified", reason="Conflict"))
    with pytest.raises(ClusterBusy):
        await kube.delete(NS, "f1-n0-0")


# Get, list, logs


async def test_a_requested_pod_comes_with_cached_events(script: Scripted, scripted: Connection) -> None:
    script.reply("GET", POD, 200, pod(name="f1-n0-0", version=12, uid="u1", labels={TASK_LABEL: "x"}))
    async with watching(scripted) as kube:
        script.wait_for_watch("pods").write(line("ADDED", MADE))
        script.wait_for_watch("events").write(
            line("ADDED", event("Failed", "Failed to pull image", uid="u1", name="e", version=11))
        )
        await until(kube, "f1-n0-0", lambda snapshot: snapshot is not None and bool(snapshot.events))
        snapshot = await kube.get(NS, "f1-n0-0")
        assert snapshot.pod.metadata.resource_version == "12" and len(snapshot.events) == 1
        assert kube.get_cached(NS, "f1-n0-0").pod.metadata.resource_version == "12"


@pytest.mark.parametrize(
    ("code", "body", "kind", "words"),
    [
        (404, b"404 page not found", ClusterError, "HTTP 404"),
        (403, status(403, "no"), Forbidden, f"may not get pods in namespace '{NS}'"),
        (500, b"", ClusterBusy, "get pods 'f1-n0-0'"),
        (200, b"{", ClusterBusy, "the response is not a pod"),
        (200, MADE, ClusterBusy, "none within"),
    ],
)
async def test_errors_of_a_get(
    script: Scripted, scripted: Connection, code: int, body: Any, kind: type[ClusterError], words: str
) -> None:
    held = threading.Event() if words == "none within" else None
    script.reply("GET", POD, code, body, held=held)
    kube = KubeCluster(scripted, NS, timeouts=Timeouts(total=0.02 if held else 20.0))
    with pytest.raises(ClusterError, match=words) as caught:
        await kube.get(NS, "f1-n0-0")
    assert type(caught.value) is kind
    if held is not None:
        held.set()


async def test_a_missing_pod_is_none(script: Scripted, kube: KubeCluster) -> None:
    script.reply("GET", POD, 404, status(404, 'pods "f1-n0-0" not found', reason="NotFound"))
    assert await kube.get(NS, "f1-n0-0") is None


async def test_pods_are_listed_by_all_labels(script: Scripted, kube: KubeCluster) -> None:
    script.reply("GET", PODS, 200, {"kind": "PodList", "items": [MADE]})
    (snapshot,) = await kube.list(NS, {TASK_LABEL: "x", "a": "b"})
    assert snapshot.pod.metadata.uid == "u1"
    assert script.requests[0].query == {"labelSelector": f"a=b,{TASK_LABEL}=x"}
    assert await kube.list(NS, {"no label": "can be so"}) == []
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("code", "body", "kind"), [(403, b"", Forbidden), (200, b"[]", ClusterBusy), (503, b"", ClusterBusy)]
)
async def test_errors_of_a_list(
    script: Scripted, kube: KubeCluster, code: int, body: bytes, kind: type[ClusterError]
) -> None:
    script.reply("GET", PODS, code, body)
    with pytest.raises(ClusterError, match="list pods") as caught:
        await kube.list(NS, {"a": "b"})
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (200, b"one\ntwo \xff\n", "one\ntwo \ufffd\n"),
        (204, b"", ""),
        (404, status(404, 'pods "f1-n0-0" not found', reason="NotFound"), ""),
        (400, status(400, 'container "main" in pod "f1-n0-0" is waiting to start', reason="BadRequest"), ""),
        (403, status(403, "no"), Forbidden),
        (500, status(500, "dial tcp 10.0.0.1:10250: connection refused"), ClusterBusy),
        (404, b"404 page not found", ClusterError),
    ],
)
async def test_the_end_of_a_log(script: Scripted, kube: KubeCluster, code: int, body: Any, expected: Any) -> None:
    script.reply("GET", f"{POD}/log", code, body)
    if isinstance(expected, str):
        assert await kube.logs(NS, "f1-n0-0", "main", 50) == expected
    else:
        with pytest.raises(expected, match="pods/log"):
            await kube.logs(NS, "f1-n0-0", "main", 50)
    assert script.requests[0].query == {"container": "main", "tailLines": "50", "limitBytes": "1000000"}


# Has the execution ended?

WORKFLOW = f"/apis/flyte.lyft.com/v1alpha1/namespaces/{NS}/flyteworkflows/f1"


def not_found(**about: str) -> dict[str, Any]:
    details = {"name": "f1", "group": "flyte.lyft.com", "kind": "flyteworkflows", **about}
    return status(404, 'flyteworkflows.flyte.lyft.com "f1" not found', reason="NotFound", details=details)


@pytest.mark.parametrize(
    ("code", "body", "expected"),
    [
        (200, {"metadata": {"name": "f1", "labels": {"termination-status": "terminated"}}}, True),
        (200, {"metadata": {"name": "f1", "labels": {"termination-status": "running"}}}, False),
        (200, {"metadata": {"name": "f1", "labels": {"terminated": "termination-status"}}}, False),
        (200, {"metadata": {"name": "f1"}, "spec": {"tasks": {}}}, False),
        (404, not_found(), True),
        (404, not_found(kind="pods"), None),
        (404, not_found(name="f2"), None),
        (404, not_found(group="flyte.org"), None),
        (404, status(404, "the server could not find the requested resource", reason="NotFound", details={}), None),
        (404, b"404 page not found", None),
        (403, status(403, "forbidden"), None),
        (500, b"", None),
        (200, b"{", None),
        (200, {"metadata": {"name": "f2"}}, None),
        (200, {}, None),
    ],
)
async def test_whether_an_execution_is_over(
    script: Scripted, kube: KubeCluster, code: int, body: Any, expected: Any
) -> None:
    script.reply("GET", WORKFLOW, code, body)
    assert await kube.execution_over(NS, "f1") is expected


async def test_whether_an_execution_is_over_is_unknown_without_a_response(script: Scripted, kube: KubeCluster) -> None:
    script.reply("GET", WORKFLOW, 200, lost=True)
    assert await kube.execution_over(NS, "f1") is None


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


# An API server that hangs


async def test_a_request_that_gets_no_thread_in_time_is_never_sent(script: Scripted, scripted: Connection) -> None:
    held = threading.Event()
    script.reply("GET", POD, 200, MADE, held=held)
    script.reply("POST", PODS, 201, MADE)
    kube = KubeCluster(scripted, NS, threads=1, timeouts=Timeouts(total=0.05))
    reading = asyncio.ensure_future(kube.get(NS, "f1-n0-0"))
    await asyncio.to_thread(script.wait_for, "GET", POD)
    with pytest.raises(ClusterBusy, match=r"none within 0.05 s"):
        await kube.create(NS, MANIFEST)
    with pytest.raises(ClusterBusy):
        await reading
    held.set()
    patient = KubeCluster(scripted, NS)
    assert await patient.get(NS, "f1-n0-0") is not None
    await kube.close()
    assert [request.method for request in script.requests] == ["GET", "GET"]


# Login


async def test_a_401_reads_the_login_again_once(
    script: Scripted, scripted: Connection, kube: KubeCluster, tmp_path: Path
) -> None:
    script.reply("GET", POD, 200, MADE)
    script.token = "first"
    await kube.get(NS, "f1-n0-0")
    script.token = "second"
    with pytest.raises(ClusterDenied, match="not logged in"):
        await kube.get(NS, "f1-n0-0")
    assert len(script.requests) == 3, "the login was read again, was the same, and was tried once more"
    (tmp_path / "token").write_text("second")
    assert await kube.get(NS, "f1-n0-0") is not None
    assert [request.headers["authorization"] for request in script.requests[3:]] == ["Bearer first", "Bearer second"]


async def test_the_watch_logs_in_again_too(script: Scripted, scripted: Connection, tmp_path: Path) -> None:
    script.token = "second"
    (tmp_path / "token").write_text("second")
    async with watching(scripted) as kube:
        script.wait_for_watch("events")
        assert kube.synced()


async def test_simultaneous_401s_log_in_once(script: Scripted, scripted: Connection, tmp_path: Path) -> None:
    script.reply("GET", POD, 200, MADE)
    script.token = "second"
    (tmp_path / "token").write_text("second")
    logins = []

    def login() -> None:
        logins.append(1)
        assert scripted.login is not None
        scripted.login()

    kube = KubeCluster(Connection(scripted.client, login=login), NS)
    await asyncio.gather(*(kube.get(NS, "f1-n0-0") for _ in range(8)))
    assert logins == [1]


async def test_a_login_that_fails_leaves_the_401(script: Scripted, scripted: Connection) -> None:
    def fail() -> None:
        raise RuntimeError("exec plugin: no such file")

    script.token = "second"
    with pytest.raises(ClusterDenied, match="not logged in"):
        await KubeCluster(Connection(scripted.client, login=fail), NS).get(NS, "f1-n0-0")
    with pytest.raises(ClusterDenied, match="not logged in"):
        await KubeCluster(Connection(scripted.client), NS).get(NS, "f1-n0-0")
