"""A connector that may look into some namespaces only, by a Role in each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied, PodCluster
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.namespaces import MultiNamespaceCluster
from flytekitplugins_podtriage.kube.pod_cluster import TASK_LABEL, KubeCluster
from tests.apiserver.api import Api
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.rights import chart_rules
from tests.apiserver.watching import HURRY, eventually
from tests.builders import manifest

RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces"


def allow_in(admin: Api, namespace: str, user: str) -> None:
    """Give a user the rights of the chart in one namespace."""
    meta = {"metadata": {"name": "podtriage"}, "apiVersion": "rbac.authorization.k8s.io/v1"}
    admin.post(f"{RBAC}/{namespace}/roles", {**meta, "kind": "Role", "rules": chart_rules()})
    group = "rbac.authorization.k8s.io"
    binding = {
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "podtriage"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }
    admin.post(f"{RBAC}/{namespace}/rolebindings", {**meta, "kind": "RoleBinding", **binding})


@asynccontextmanager
async def opened(connection: Connection, *names: str) -> AsyncIterator[MultiNamespaceCluster]:
    cluster = MultiNamespaceCluster({name: KubeCluster(connection, name, watch_options=HURRY) for name in names})
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.close()


async def test_each_namespace_is_watched_with_its_own_role(
    admin: Api,
    kubelet: ScriptedKubelet,
    make_namespace: Callable[[], str],
    cluster_of: Callable[..., Connection],
) -> None:
    one, two, other = (make_namespace() for _ in range(3))
    watched = manifest(name="p", labels={TASK_LABEL: "t"}, automountServiceAccountToken=False)
    for name in (one, two):
        allow_in(admin, name, "nobody")
    async with opened(cluster_of("nobody"), one, two) as cluster:
        assert isinstance(cluster, PodCluster)
        await eventually(cluster.synced)
        assert cluster.watch_error() is None and cluster.default_namespace == one
        for namespace in (one, two):
            uid = await cluster.create(namespace, watched)
            kubelet.running(namespace, "p")

            def runs(namespace: str = namespace) -> bool:
                snapshot = cluster.get_cached(namespace, "p")
                return (
                    snapshot is not None and snapshot.pod.status is not None and snapshot.pod.status.phase == "Running"
                )

            await eventually(runs)
            assert [snapshot.pod.metadata.uid for snapshot in await cluster.list(namespace, {TASK_LABEL: "t"})] == [uid]
        assert len(cluster.list_cached()) == 2
        await cluster.delete(one, "p", grace=0)
        await eventually(lambda: len(cluster.list_cached()) == 1)
        assert await cluster.get(one, "p") is None
        with pytest.raises(ClusterDenied, match=f"allowed by its setting namespaces: {one}, {two}"):
            await cluster.create(other, watched)
        assert cluster.get_cached(other, "p") is None
        assert await cluster.execution_over(other, "f1") is None


async def test_a_namespace_without_permission_is_named(
    admin: Api, make_namespace: Callable[[], str], cluster_of: Callable[..., Connection]
) -> None:
    one, two = make_namespace(), make_namespace()
    allow_in(admin, one, "nobody")
    async with opened(cluster_of("nobody"), one, two) as cluster:
        await eventually(lambda: cluster.watch_error() is not None)
        assert two in str(cluster.watch_error()) and "list pods" in str(cluster.watch_error())
        assert not cluster.synced()
