"""Deleting the pods of attempts that are over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Container
from typing import Final

from flytekitplugins_podtriage.connector.lazy_cluster import LazyCluster
from flytekitplugins_podtriage.connector.pod_manifest import PREFIX, annotation
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodSnapshot

_log = logging.getLogger("flytekitplugins_podtriage")
GRACE: Final = 30
"""The grace period of deleted pods, in seconds. FlytePropeller gives pods with copilot an hour to upload what they made
(flytek8s/copilot.go); the outputs of an attempt that is over are not needed."""

_LATE: Final = 300.0
"""For how many seconds a pod that does not exist is expected: a request to create it ends much sooner."""


class PodRemover:
    """Deletes pods; what could not be deleted yet is pending. ``clock`` is monotonic, in seconds."""

    def __init__(self, cluster: LazyCluster, clock: Callable[[], float] = time.monotonic) -> None:
        self._cluster = cluster
        self._clock = clock
        self.pending: dict[PodMeta, float] = {}
        """The attempts whose pods are to be deleted as soon as that is possible, and since when."""

    def expect(self, meta: PodMeta) -> None:
        """Have the pod of an attempt deleted by a later collection; it may not exist yet."""
        self.pending.setdefault(meta, self._clock())

    def forget_all_but(self, present: Container[PodMeta], synced: bool) -> None:
        """Forget the pending attempts whose pods do not exist, after a while.

        Args:
            present: the attempts whose pods exist.
            synced: whether that is known of all pods.
        """
        now = self._clock()
        for meta, since in list(self.pending.items()):
            if synced and meta not in present and now - since > _LATE:
                del self.pending[meta]

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
        if snapshot is None:
            self.expect(meta)  # a request to create it may be under way, here or elsewhere
        elif not snapshot.gone and annotation(snapshot, PREFIX) == meta.prefix:
            await self.delete(meta, snapshot.pod.metadata.uid if snapshot.pod.metadata is not None else None)

    async def delete(self, meta: PodMeta, uid: str | None) -> None:
        """Delete an attempt's pod, which has this uid."""
        try:
            cluster = await self._cluster.get()
            await cluster.delete(meta.namespace, meta.pod, uid=uid, grace=GRACE)
        except ClusterError as error:
            self._not_deleted(meta, error)
        else:
            self.pending.pop(meta, None)

    def _not_deleted(self, meta: PodMeta, error: ClusterError) -> None:
        _log.warning("podtriage: pod %s/%s is not deleted yet: %s", meta.namespace, meta.pod, error)
        self.expect(meta)
