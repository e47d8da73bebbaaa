"""Which permissions the guard needs, and how the missing ones are named."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy
from flytekitplugins_podtriage.guard.permissions import missing_permissions, needs
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.kube.model import status
from tests.kube.scripted import Scripted

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def wanted(policy: GuardPolicy, *namespaces: str) -> list[str]:
    return [need.operation.permission for need in needs(policy, namespaces, "flyte")]


def test_flyte_2_needs_no_right_to_change_pods_beside_their_status() -> None:
    on_1_16, on_2 = wanted(GuardPolicy()), wanted(GuardPolicy(backend="flyte-2"))
    assert "patch pods in all namespaces" in on_1_16
    assert "patch pods in all namespaces" not in on_2
    assert "get flyteworkflows in all namespaces" in on_1_16
    assert "get taskactions in all namespaces" in on_2
    for both in ("patch pods/status in all namespaces", "delete pods in all namespaces"):
        assert both in on_1_16
        assert both in on_2
    assert "update leases in namespace 'flyte'" in on_2


def test_what_is_needed_in_some_namespaces_is_asked_for_there() -> None:
    asked = wanted(GuardPolicy(), "a", "b")
    assert "delete pods in namespace 'a'" in asked
    assert "delete pods in namespace 'b'" in asked
    assert "delete pods in all namespaces" not in asked
    assert "get nodes in all namespaces" in asked


def test_each_missing_permission_is_one_line(scripted: Connection, script: Scripted) -> None:
    allowed = {"status": {"allowed": True}}
    for need in needs(GuardPolicy(), ["ns"], "flyte"):
        refused = need.operation.resource == "pods/status"
        script.reply("POST", REVIEWS, 201, {"status": {"allowed": False}} if refused else allowed)
    (missing,) = missing_permissions(scripted, GuardPolicy(), ["ns"], "flyte")
    assert missing.missing == (
        "may not patch pods/status in namespace 'ns': no pod can be ended; a role that may: "
        "kubectl create role NAME --verb=patch --resource=pods/status -n ns"
    )
    reviews = [request.body["spec"]["resourceAttributes"] for request in script.requests]
    assert {
        "verb": "patch",
        "group": "",
        "resource": "pods",
        "subresource": "status",
        "namespace": "ns",
    } in reviews
    assert {
        "verb": "update",
        "group": "coordination.k8s.io",
        "resource": "leases",
        "subresource": "",
        "namespace": "flyte",
    } in reviews


def test_an_api_server_that_does_not_answer_is_an_error(scripted: Connection, script: Scripted) -> None:
    script.reply("POST", REVIEWS, 500, status(500, "etcd"))
    with pytest.raises(ClusterBusy):
        missing_permissions(scripted, GuardPolicy(), [], "flyte")
