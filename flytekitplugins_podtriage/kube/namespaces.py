"""Several namespaces of one cluster, each with its own watch, for a connector that has a Role in each of them only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied, ClusterError, PodSnapshot
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster

Result = TypeVar("Result")


class MultiNamespaceCluster:
    """A :class:`~flytekitplugins_podtriage.core.pod_cluster.PodCluster` of some namespaces; others are denied.

    Args:
        clusters: the cluster of each namespace, by name; at least one.
    """

    def __init__(self, clusters: Mapping[str, KubeCluster]) -> None:
        self._clusters = dict(clusters)

    async def start(self) -> None:
        """Start to watch, and return at once."""
        await asyncio.gather(*(cluster.start() for cluster in self._clusters.values()))

    async def close(self) -> None:
        """End the watches."""
        await asyncio.gather(*(cluster.close() for cluster in self._clusters.values()))

    def now(self) -> datetime:
        """Return the time."""
        return next(iter(self._clusters.values())).now()

    async def create(self, namespace: str, pod: Mapping[str, Any]) -> str:
        """Create a pod from its manifest; return its uid."""
        return await self._cluster("create", namespace).create(namespace, pod)

    async def delete(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        """Request a pod's deletion."""
        await self._cluster("delete", namespace).delete(namespace, name, uid=uid, grace=grace)

    async def get(self, namespace: str, name: str) -> PodSnapshot | None:
        """Request a pod's current state."""
        return await self._cluster("get", namespace).get(namespace, name)

    async def logs(self, namespace: str, name: str, container: str, lines: int) -> str:
        """Return the last lines of a container's log."""
        return await self._cluster("get logs of", namespace).logs(namespace, name, container, lines)

    def freshness(self, snapshot: PodSnapshot) -> Freshness:
        """Return up to which moment a snapshot is known to be complete."""
        cluster = self._clusters.get(_namespace(snapshot))
        return Freshness(as_of=None) if cluster is None else cluster.freshness(snapshot)

    async def refresh(self, snapshot: PodSnapshot) -> None:
        """Read a pod from the API server into the cache."""
        await self._cluster("get", _namespace(snapshot)).refresh(snapshot)

    def synced(self) -> bool:
        """Whether the pods of all the namespaces are in the cache."""
        return all(cluster.synced() for cluster in self._clusters.values())

    def watch_error(self) -> ClusterError | None:
        """Return the error that keeps pods from being watched, of the first namespace that has one."""
        errors = (cluster.watch_error() for cluster in self._clusters.values())
        return next((error for error in errors if error is not None), None)

    def view_age(self) -> float:
        """Return the age of the oldest of the views."""
        return max(cluster.view_age() for cluster in self._clusters.values())

    def list_cached(self) -> Sequence[PodSnapshot]:
        """Return all pods of the cache that exist."""
        return [snapshot for cluster in self._clusters.values() for snapshot in cluster.list_cached()]

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return a pod of the cache; None if it is not there."""
        cluster = self._clusters.get(namespace)
        return None if cluster is None else cluster.get_cached(namespace, name)

    async def wait_for_change(self, namespace: str, name: str, until: datetime) -> PodSnapshot | None:
        """Wait until a pod changes, or until a moment; return what is known then."""
        return await self._cluster("watch", namespace).wait_for_change(namespace, name, until)

    async def execution_over(self, namespace: str, name: str) -> bool | None:
        """Return whether an execution of Flyte has ended; None if that cannot be known."""
        cluster = self._clusters.get(namespace)
        return None if cluster is None else await cluster.execution_over(namespace, name)

    @property
    def default_namespace(self) -> str:
        """The first namespace."""
        return next(iter(self._clusters))

    async def request(self, operation: Operation, function: Callable[..., Result], *arguments: Any) -> Result:
        """Make a request; see :meth:`~flytekitplugins_podtriage.kube.pod_cluster.KubeCluster.request`."""
        namespace = self.default_namespace if operation.namespace is None else operation.namespace
        return await self._cluster(operation.verb, namespace).request(operation, function, *arguments)

    async def list(self, namespace: str, labels: Mapping[str, str]) -> list[PodSnapshot]:
        """Request the pods of a namespace that carry all these labels."""
        return await self._cluster("list", namespace).list(namespace, labels)

    def _cluster(self, verb: str, namespace: str) -> KubeCluster:
        cluster = self._clusters.get(namespace)
        if cluster is None:
            raise ClusterDenied(
                f"{verb} pods in namespace {namespace!r}: podtriage is not set to run pods there; allowed by its "
                f"setting namespaces: {', '.join(self._clusters)}"
            )
        return cluster


def _namespace(snapshot: PodSnapshot) -> str:
    return (snapshot.pod.metadata.namespace if snapshot.pod.metadata is not None else None) or ""
