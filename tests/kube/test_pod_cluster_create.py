"""``KubeCluster`` creates a pod once, caches it if it is watched, and tells apart why it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterDenied,
    ClusterError,
    PodExists,
    PodRejected,
    QuotaExceeded,
)
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import Forbidden
from flytekitplugins_podtriage.kube.pod_cluster import TASK_LABEL, KubeCluster
from tests.builders import NAMESPACE as NS
from tests.builders import pod
from tests.kube.model import status
from tests.kube.pod_requests import MADE, MANIFEST, NO_RIGHT, PODS, forbidden
from tests.kube.scripted import Scripted
from tests.kube.watched_cluster import synced, watching


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
