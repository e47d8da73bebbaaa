"""``KubeCluster``: what is asked of an API server, and what becomes of its answers."""

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
from tests.kube.scripted import PATIENCE, Scripted

PODS = f"/api/v1/namespaces/{NS}/pods"
POD = f"{PODS}/f1-n0-0"
HURRY = WatchOptions(first_wait=0.01, max_wait=0.02, lag_wait=0.01, min_duration=0.0)
MANIFEST = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "f1-n0-0", "labels": {TASK_LABEL: "x"}}, "spec": {}}
MADE = pod(name="f1-n0-0", version=10, uid="u1", labels={TASK_LABEL: "x"})
FOREVER = datetime(9999, 1, 1, tzinfo=timezone.utc)
NO_RIGHT = 'User "ann" cannot {verb} resource "{resource}" in API group "" in the namespace "' + NS + '"'


@pytest.fixture
def kube(scripted: Connection) -> KubeCluster:
    """A cluster that nobody watches."""
    return KubeCluster(scripted, NS)


@asynccontextmanager
async def watching(cluster: Connection, namespace: str | None = NS, **options: Any) -> AsyncIterator[KubeCluster]:
    """Watch, from a whole first list on."""
    found = KubeCluster(cluster, namespace, **{"watch_options": HURRY, **options})
    await found.start()
    try:
        yield found
    finally:
        await found.close()


async def until(kube: KubeCluster, name: str, so: Callable[[PodSnapshot | None], bool]) -> PodSnapshot | None:
    """Wait until a pod is seen to be so."""

    async def seen() -> PodSnapshot | None:
        while not so(found := kube.get_cached(NS, name)):
            await kube.wait_for_change(NS, name, FOREVER)
        return found

    return await asyncio.wait_for(seen(), PATIENCE)


async def synced(kube: KubeCluster) -> None:
    assert await asyncio.to_thread(kube._pods.listed.wait, PATIENCE)


def test_it_is_a_pod_cluster(kube: KubeCluster) -> None:
    assert isinstance(kube, PodCluster)


def test_a_selector_that_cannot_be_read_is_refused(scripted: Connection) -> None:
    with pytest.raises(ValueError, match="allowed: key"):
        KubeCluster(scripted, NS, "a=b=c")


def test_its_time_is_the_real_one_or_the_one_that_is_given(scripted: Connection, kube: KubeCluster) -> None:
    assert abs(kube.now() - datetime.now(timezone.utc)) < timedelta(minutes=1)
    assert KubeCluster(scripted, now=lambda: FOREVER).now() == FOREVER


# Create


async def test_a_pod_that_is_made_is_known_at_once(script: Scripted, scripted: Connection) -> None:
    script.reply("POST", PODS, 201, MADE)
    async with watching(scripted) as kube:
        await synced(kube)
        assert await kube.create(NS, MANIFEST) == "u1"
        assert kube.get_cached(NS, "f1-n0-0").pod.metadata.uid == "u1"
    (asked,) = script.wait_for("POST", PODS)
    assert asked.body == MANIFEST
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["authorization"] == "Bearer first"


@pytest.mark.parametrize(
    "made",
    [
        pod(name="f1-n0-0", version=10, uid="u1"),
        pod(name="f1-n0-0", version=10, uid="u1", namespace="other", labels={TASK_LABEL: "x"}),
    ],
)
async def test_a_pod_that_the_watch_will_not_tell_of_is_not_kept(
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
async def test_what_an_api_server_answers_to_a_create(
    script: Scripted, kube: KubeCluster, code: int, body: Any, kind: type[ClusterError], words: str
) -> None:
    script.reply("POST", PODS, code, body)
    with pytest.raises(ClusterError) as told:
        await kube.create(NS, MANIFEST)
    assert type(told.value) is kind
    assert words in str(told.value) and "\n" not in str(told.value)
    if isinstance(told.value, PodRejected):
        assert (told.value.status, told.value.reason) == (code, body["reason"])
    else:
        assert "pods" in str(told.value)
    assert list(kube.list_cached()) == []


async def test_after_a_lost_answer_it_is_not_known_whether_the_pod_was_made(
    script: Scripted, kube: KubeCluster
) -> None:
    script.reply("POST", PODS, 201, MADE, lost=True)
    with pytest.raises(ClusterBusy, match="create pods 'f1-n0-0'"):
        await kube.create(NS, MANIFEST)
    assert len(script.asked) == 1, "it is not repeated: it may have been done"


@pytest.mark.parametrize("manifest", [{"metadata": {"name": "x", "at": object()}}, {"spec": float("nan"), 1j: 2}])
async def test_a_manifest_that_is_no_json_is_rejected(script: Scripted, kube: KubeCluster, manifest: Any) -> None:
    with pytest.raises(PodRejected, match="JSON"):
        await kube.create(NS, manifest)
    assert script.asked == []


@pytest.mark.parametrize("name", ["", "..", "../kube-system", "A", "a b"])
async def test_of_names_that_no_object_can_have_nothing_is_asked(
    script: Scripted, kube: KubeCluster, name: str
) -> None:
    with pytest.raises(PodRejected):
        await kube.create(name, MANIFEST)
    await kube.delete(NS, name)
    await kube.delete(name, "f1")
    assert await kube.get(NS, name) is None and await kube.get(name, "f1") is None
    assert await kube.logs(NS, name, "main", 10) == "" and await kube.list(name, {}) == []
    assert await kube.execution_over(NS, name) is None
    assert script.asked == []


# Delete


async def test_a_deletion_is_of_a_uid_and_with_a_grace(script: Scripted, kube: KubeCluster) -> None:
    script.reply("DELETE", POD, 200, MADE)
    await kube.delete(NS, "f1-n0-0", uid="u1", grace=0)
    await kube.delete(NS, "f1-n0-0")
    options = {"apiVersion": "v1", "kind": "DeleteOptions"}
    assert [asked.body for asked in script.asked] == [
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
async def test_a_pod_that_is_gone_or_another_by_now_is_none_to_be_deleted(
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
async def test_a_deletion_that_could_not_be_asked_for_is_told(
    script: Scripted, kube: KubeCluster, code: int, body: Any, kind: type[ClusterError]
) -> None:
    script.reply("DELETE", POD, code, body)
    script.reply("GET", POD, 200, MADE)
    with pytest.raises(ClusterError, match="delete pods") as told:
        await kube.delete(NS, "f1-n0-0", uid="u1")
    assert type(told.value) is kind


async def test_a_conflict_without_a_uid_is_told(script: Scripted, kube: KubeCluster) -> None:
    script.reply("DELETE", POD, 409, status(409, "the object has been modified", reason="Conflict"))
    with pytest.raises(ClusterBusy):
        await kube.delete(NS, "f1-n0-0")


# Read, list, logs


async def test_a_pod_that_is_read_comes_with_what_is_known_of_it(script: Scripted, scripted: Connection) -> None:
    script.reply("GET", POD, 200, pod(name="f1-n0-0", version=12, uid="u1", labels={TASK_LABEL: "x"}))
    async with watching(scripted) as kube:
        script.wait_for_watch("pods").write(line("ADDED", MADE))
        script.wait_for_watch("events").write(
            line("ADDED", event("Failed", "Failed to pull image", uid="u1", name="e", version=11))
        )
        await until(kube, "f1-n0-0", lambda seen: seen is not None and bool(seen.events))
        seen = await kube.get(NS, "f1-n0-0")
        assert seen.pod.metadata.resource_version == "12" and len(seen.events) == 1
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
async def test_a_pod_that_could_not_be_read_is_not_said_to_be_missing(
    script: Scripted, scripted: Connection, code: int, body: Any, kind: type[ClusterError], words: str
) -> None:
    held = threading.Event() if words == "none within" else None
    script.reply("GET", POD, code, body, held=held)
    kube = KubeCluster(scripted, NS, timeouts=Timeouts(total=0.02 if held else 20.0))
    with pytest.raises(ClusterError, match=words) as told:
        await kube.get(NS, "f1-n0-0")
    assert type(told.value) is kind
    if held is not None:
        held.set()


async def test_a_pod_that_is_not_there_is_none(script: Scripted, kube: KubeCluster) -> None:
    script.reply("GET", POD, 404, status(404, 'pods "f1-n0-0" not found', reason="NotFound"))
    assert await kube.get(NS, "f1-n0-0") is None


async def test_pods_are_listed_by_all_of_their_labels(script: Scripted, kube: KubeCluster) -> None:
    script.reply("GET", PODS, 200, {"kind": "PodList", "items": [MADE]})
    (seen,) = await kube.list(NS, {TASK_LABEL: "x", "a": "b"})
    assert seen.pod.metadata.uid == "u1"
    assert script.asked[0].query == {"labelSelector": f"a=b,{TASK_LABEL}=x"}
    assert await kube.list(NS, {"no label": "can be so"}) == []
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("code", "body", "kind"), [(403, b"", Forbidden), (200, b"[]", ClusterBusy), (503, b"", ClusterBusy)]
)
async def test_pods_that_could_not_be_listed_are_told(
    script: Scripted, kube: KubeCluster, code: int, body: bytes, kind: type[ClusterError]
) -> None:
    script.reply("GET", PODS, code, body)
    with pytest.raises(ClusterError, match="list pods") as told:
        await kube.list(NS, {"a": "b"})
    assert type(told.value) is kind


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
    assert script.asked[0].query == {"container": "main", "tailLines": "50", "limitBytes": "1000000"}


# Is the execution over?

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


async def test_whether_an_execution_is_over_cannot_be_known_of_a_server_that_is_away(
    script: Scripted, kube: KubeCluster
) -> None:
    script.reply("GET", WORKFLOW, 200, lost=True)
    assert await kube.execution_over(NS, "f1") is None


# The watch


async def test_one_watch_of_ours_and_one_of_events(script: Scripted, scripted: Connection) -> None:
    assert not KubeCluster(scripted, NS).synced()
    async with watching(scripted) as kube:
        script.wait_for_watch("events")
        assert kube.synced()
    lists = [asked for asked in script.asked if "watch" not in asked.query]
    assert [(asked.path, asked.query) for asked in lists] == [
        (PODS, {"labelSelector": TASK_LABEL, "limit": "500"}),
        (f"/api/v1/namespaces/{NS}/events", {"fieldSelector": "involvedObject.kind=Pod", "limit": "500"}),
    ]


async def test_all_namespaces_and_all_labels(script: Scripted, scripted: Connection) -> None:
    async with watching(scripted, None, selector=None):
        script.wait_for_watch("events")
    assert [asked.path for asked in script.asked if "watch" in asked.query] == ["/api/v1/pods", "/api/v1/events"]
    assert "labelSelector" not in script.asked[0].query


async def test_what_the_watch_writes_is_seen(script: Scripted, scripted: Connection) -> None:
    async with watching(scripted) as kube:
        watch = script.wait_for_watch("pods")
        added, modified = line("ADDED", MADE), line("MODIFIED", pod(name="f1-n0-0", version=11, uid="u1"))
        for piece in (added[:10], added[10:] + modified[:40], modified[40:]):
            watch.write(piece)
        seen = await until(kube, "f1-n0-0", lambda seen: seen is not None and seen.version == 2)
        assert not seen.gone
        watch.write(line("DELETED", pod(name="f1-n0-0", version=12, uid="u1")))
        assert (await until(kube, "f1-n0-0", lambda seen: seen.gone)).pod.metadata.resource_version == "12"


async def test_a_cut_in_the_middle_of_a_line_loses_nothing(script: Scripted, scripted: Connection) -> None:
    async with watching(scripted) as kube:
        first = script.wait_for_watch("pods")
        first.write(line("ADDED", MADE) + line("MODIFIED", pod(name="f1-n0-0", version=11, uid="u1"))[:50])
        await until(kube, "f1-n0-0", lambda seen: seen is not None)
        first.cut()
        second = script.wait_for_watch("pods", 2)
        assert second.asked.query["resourceVersion"] == "10"
        second.write(line("MODIFIED", pod(name="f1-n0-0", version=11, uid="u1")))
        await until(kube, "f1-n0-0", lambda seen: seen.pod.metadata.resource_version == "11")


async def test_events_that_may_not_be_read_leave_the_pods(script: Scripted, scripted: Connection) -> None:
    no = forbidden("events is forbidden: " + NO_RIGHT.format(verb="list", resource="events"))
    script.reply("GET", f"/api/v1/namespaces/{NS}/events", 403, no)
    async with watching(scripted) as kube:
        script.wait_for_watch("pods").write(line("ADDED", MADE))
        script.wait_for("GET", f"/api/v1/namespaces/{NS}/events", 2)
        await until(kube, "f1-n0-0", lambda seen: seen is not None)
        assert kube.synced() and kube.watch_error() is None
        assert f"may not list events in namespace '{NS}' (403)" in str(kube.events_error())


async def test_pods_that_may_not_be_read_are_told(script: Scripted, scripted: Connection) -> None:
    script.reply("GET", PODS, 403, forbidden("pods is forbidden: " + NO_RIGHT.format(verb="list", resource="pods")))
    async with watching(scripted) as kube:
        script.wait_for("GET", PODS, 2)
        assert not kube.synced()
        assert f"may not list pods in namespace '{NS}' (403)" in str(kube.watch_error())


async def test_a_watch_that_nothing_comes_from_ends_with_the_cluster(
    script: Scripted, scripted: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(scripted) as kube:
        script.wait_for_watch("events")
        threads = [watch._thread for watch in (kube._pods, kube._events)]
    assert [thread.is_alive() for thread in threads if thread is not None] == [False, False]
    assert (kube.watch_error(), kube.events_error()) == (None, None)
    assert caplog.records == []


async def test_a_silent_connection_is_given_up(script: Scripted, scripted: Connection) -> None:
    async with watching(scripted, watch_options=WatchOptions(idle_timeout=0.02, min_duration=0.0)) as kube:
        second = script.wait_for_watch("pods", 2)
        assert second.asked.query["resourceVersion"] == "7"
        await synced(kube)
        assert kube.watch_error() is None


# Waiting for news


async def test_who_waits_for_a_pod_is_told_each_change_once(script: Scripted, scripted: Connection) -> None:
    async with watching(scripted) as kube:
        waiting = asyncio.ensure_future(kube.wait_for_change(NS, "f1-n0-0", FOREVER))
        watch = script.wait_for_watch("pods")
        watch.write(line("ADDED", MADE))
        assert (await asyncio.wait_for(waiting, PATIENCE)).version == 1
        waiting = asyncio.ensure_future(kube.wait_for_change(NS, "f1-n0-0", FOREVER))
        watch.write(line("ADDED", pod(name="other", version=11)))
        await until(kube, "other", lambda seen: seen is not None)
        assert not waiting.done()
        watch.write(line("MODIFIED", pod(name="f1-n0-0", version=12, uid="u1")))
        assert (await asyncio.wait_for(waiting, PATIENCE)).pod.metadata.resource_version == "12"
        assert kube._waiters == {}


async def test_who_waits_until_a_moment_that_is_past_is_told_what_is_known(script: Scripted, kube: KubeCluster) -> None:
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


async def test_who_waits_is_not_kept_by_a_cluster_that_is_closed(scripted: Connection) -> None:
    async with watching(scripted) as kube:
        waiting = asyncio.ensure_future(kube.wait_for_change(NS, "f1-n0-0", FOREVER))
        await asyncio.sleep(0)  # so that it waits
        assert kube._waiters
    assert await asyncio.wait_for(waiting, PATIENCE) is None
    with pytest.raises(ClusterBusy, match="closing down"):
        await kube.get(NS, "f1-n0-0")


async def test_who_waits_no_longer_is_forgotten(kube: KubeCluster) -> None:
    waiting = asyncio.ensure_future(kube.wait_for_change(NS, "f1-n0-0", FOREVER))
    await asyncio.sleep(0)  # so that it waits
    assert kube._waiters
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert kube._waiters == {}


# An API server that hangs


async def test_a_request_that_no_thread_has_begun_in_time_is_never_made(script: Scripted, scripted: Connection) -> None:
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
    assert [asked.method for asked in script.asked] == ["GET", "GET"]


# Login


async def test_a_login_that_is_not_taken_any_more_is_read_anew_once(
    script: Scripted, scripted: Connection, kube: KubeCluster, tmp_path: Path
) -> None:
    script.reply("GET", POD, 200, MADE)
    script.token = "first"
    await kube.get(NS, "f1-n0-0")
    script.token = "second"
    with pytest.raises(ClusterDenied, match="not logged in"):
        await kube.get(NS, "f1-n0-0")
    assert len(script.asked) == 3, "one try with the login anew, which was the same"
    (tmp_path / "token").write_text("second")
    assert await kube.get(NS, "f1-n0-0") is not None
    assert [asked.headers["authorization"] for asked in script.asked[3:]] == ["Bearer first", "Bearer second"]


async def test_the_watch_logs_in_anew_too(script: Scripted, scripted: Connection, tmp_path: Path) -> None:
    script.token = "second"
    (tmp_path / "token").write_text("second")
    async with watching(scripted) as kube:
        script.wait_for_watch("events")
        assert kube.synced()


async def test_many_who_meet_a_401_at_once_log_in_once(script: Scripted, scripted: Connection, tmp_path: Path) -> None:
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
