"""``KubeCluster`` reads pods, the end of a log, and whether an execution is over, and tells apart why it cannot."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterError, ClusterUnreachable
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import Forbidden
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.pod_cluster import TASK_LABEL, KubeCluster
from tests.builders import NAMESPACE as NS
from tests.builders import event, pod
from tests.kube.model import line, status
from tests.kube.pod_requests import MADE, POD, PODS
from tests.kube.scripted import Scripted
from tests.kube.watched_cluster import until, watching

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
        (200, MADE, ClusterUnreachable, "none within"),
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
