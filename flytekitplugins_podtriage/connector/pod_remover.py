"""Deleting the pods of attempts that are over."""

from __future__ import annotations

import logging
from typing import Final

from flytekitplugins_podtriage.connector.lazy_cluster import LazyCluster
from flytekitplugins_podtriage.connector.pod_manifest import PREFIX, annotation
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodSnapshot

_log = logging.getLogger("flytekitplugins_podtriage")
GRACE: Final = 30
"""The grace period of deleted pods, in seconds. FlytePropeller gives pods with copilot an hour to upload what they made
(flytek8s/copilot.go); the outputs of an attempt that is over are not needed."""


class PodRemover:
    """Deletes pods; a failure is logged, and the attempt noted as pending."""

    def __init__(self, cluster: LazyCluster) -> None:
        self._cluster = cluster
        self.pending: set[PodMeta] = set()
        """The attempts whose pods are still to be deleted: the cluster did not do it when asked."""

    async def remove(self, meta: PodMeta, snapshot: PodSnapshot | None = None) -> None:
        """Delete the pod of an attempt, if it exists and is this attempt's; without a snapshot it is read first."""
        try:
            cluster = await self._cluster.get()
            snapshot = (
                snapshot or cluster.get_cached(meta.namespace, meta.pod) or await cluster.get(meta.namespace, meta.pod)
            )
        except ClusterError as error:
            self._not_deleted(meta, error)
            return
        if snapshot is not None and not snapshot.gone and annotation(snapshot, PREFIX) == meta.prefix:
            await self.delete(meta, snapshot.pod.metadata.uid if snapshot.pod.metadata is not None else None)

    async def delete(self, meta: PodMeta, uid: str | None) -> None:
        """Delete an attempt's pod, which has this uid."""
        try:
            cluster = await self._cluster.get()
            await cluster.delete(meta.namespace, meta.pod, uid=uid, grace=GRACE)
        except ClusterError as error:
            self._not_deleted(meta, error)

    def _not_deleted(self, meta: PodMeta, error: ClusterError) -> None:
        _log.warning("podtriage: pod %s/%s is not deleted yet: %s", meta.namespace, meta.pod, error)
        self.pending.add(meta)
