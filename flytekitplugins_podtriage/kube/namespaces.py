"""Several namespaces of one cluster, each watched by itself: what a Role in each of them allows, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied, ClusterError, PodSnapshot
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster


class Namespaces:
    """A :class:`~flytekitplugins_podtriage.core.pod_cluster.PodCluster` of some namespaces; of others nothing is known.

    Args:
        clusters: the cluster as each of the namespaces has it, by name; at least one.
    """

    def __init__(self, clusters: Mapping[str, KubeCluster]) -> None:
        self._clusters = dict(clusters)

    async def start(self) -> None:
        """Begin to watch; it does not wait for anybody."""
        await asyncio.gather(*(cluster.start() for cluster in self._clusters.values()))

    async def close(self) -> None:
        """End the watches."""
        await asyncio.gather(*(cluster.close() for cluster in self._clusters.values()))

    def now(self) -> datetime:
        """Return the time."""
        return next(iter(self._clusters.values())).now()

    async def create(self, namespace: str, pod: Mapping[str, Any]) -> str:
        """Create a pod from its manifest; return its uid.

        Raises:
            ClusterError: as the seam says.
        """
        return await self._of("create", namespace).create(namespace, pod)

    async def delete(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        """Ask for a pod's deletion.

        Raises:
            ClusterError: it could not be asked for.
        """
        await self._of("delete", namespace).delete(namespace, name, uid=uid, grace=grace)

    async def get(self, namespace: str, name: str) -> PodSnapshot | None:
        """Ask the API server for a pod.

        Raises:
            ClusterError: it could not be asked for.
        """
        return await self._of("get", namespace).get(namespace, name)

    async def logs(self, namespace: str, name: str, container: str, lines: int) -> str:
        """Return the last lines that a container has written.

        Raises:
            ClusterError: they could not be asked for.
        """
        return await self._of("get logs of", namespace).logs(namespace, name, container, lines)

    def synced(self) -> bool:
        """Whether the pods of all the namespaces are known."""
        return all(cluster.synced() for cluster in self._clusters.values())

    def watch_error(self) -> ClusterError | None:
        """Return what keeps pods from being watched now, in the first namespace where something does."""
        return next(
            (found for found in (one.watch_error() for one in self._clusters.values()) if found is not None), None
        )

    def list_cached(self) -> Sequence[PodSnapshot]:
        """Return all the pods that are there, as far as is known."""
        return [snapshot for cluster in self._clusters.values() for snapshot in cluster.list_cached()]

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return what is known of a pod."""
        cluster = self._clusters.get(namespace)
        return None if cluster is None else cluster.get_cached(namespace, name)

    async def wait_for_change(self, namespace: str, name: str, until: datetime) -> PodSnapshot | None:
        """Wait until something new is seen of a pod, or until a moment.

        Raises:
            ClusterDenied: the namespace is none of these.
        """
        return await self._of("watch", namespace).wait_for_change(namespace, name, until)

    async def execution_over(self, namespace: str, name: str) -> bool | None:
        """Return whether an execution of Flyte is over; None: it cannot be known."""
        cluster = self._clusters.get(namespace)
        return None if cluster is None else await cluster.execution_over(namespace, name)

    @property
    def default_namespace(self) -> str:
        """The first of them."""
        return next(iter(self._clusters))

    async def list(self, namespace: str, labels: Mapping[str, str]) -> list[PodSnapshot]:
        """Ask the API server for the pods of a namespace that carry all these labels.

        Raises:
            ClusterError: they could not be listed.
        """
        return await self._of("list", namespace).list(namespace, labels)

    def _of(self, verb: str, namespace: str) -> KubeCluster:
        found = self._clusters.get(namespace)
        if found is None:
            raise ClusterDenied(
                f"{verb} pods in namespace {namespace!r}: podtriage is not set to run pods there; allowed by its "
                f"setting namespaces: {', '.join(self._clusters)}"
            )
        return found
