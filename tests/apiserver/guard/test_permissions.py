"""The permissions that are missing, as a real API server's authorizer knows them."""

from __future__ import annotations

from collections.abc import Callable

from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.guard.permissions import missing_permissions, needs
from flytekitplugins_podtriage.kube.client.connection import Connection

ClusterOf = Callable[..., Connection]


def test_what_a_user_may_not_do_is_missing(
    cluster_of: ClusterOf, guest_may: Callable[..., None], namespace: str
) -> None:
    everything = list(needs(GuardPolicy(), [namespace], namespace))
    assert missing_permissions(cluster_of("admin"), GuardPolicy(), [namespace], namespace) == []
    guest_may("list pods", "watch pods", "delete pods")
    missing = missing_permissions(cluster_of("guest"), GuardPolicy(), [namespace], namespace)
    given = [need.operation.permission for need in everything if need not in missing]
    assert given == [f"{verb} pods in namespace '{namespace}'" for verb in ("list", "watch", "delete")]
