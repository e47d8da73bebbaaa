"""``KubeCluster`` deletes the pod that is meant, and a pod that is gone already is no error."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterError
from flytekitplugins_podtriage.kube.client.errors import Forbidden
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster
from tests.builders import NAMESPACE as NS
from tests.builders import pod
from tests.kube.model import status
from tests.kube.pod_requests import MADE, NO_RIGHT, POD, forbidden
from tests.kube.scripted import Scripted


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
