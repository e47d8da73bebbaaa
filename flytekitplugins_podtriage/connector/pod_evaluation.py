"""Evaluating the pods of the cluster's cache, and again after reading them where an end has to be confirmed."""

from __future__ import annotations

from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.pod_manifest import PREFIX, annotation
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.responses import Response
from flytekitplugins_podtriage.connector.settlement import AttemptEnd
from flytekitplugins_podtriage.connector.view_refresher import ViewRefresher
from flytekitplugins_podtriage.core.pod_cluster import PodCluster, PodSnapshot


class PodEvaluation:
    """Evaluates pods with a hook, by the cluster's time and as far as the view of them reaches."""

    def __init__(self, hook: TriageHook, refresher: ViewRefresher) -> None:
        self._hook = hook
        self._refresher = refresher

    def evaluate(self, meta: PodMeta, cluster: PodCluster, snapshot: PodSnapshot) -> Response | AttemptEnd:
        """Evaluate the pod of an attempt, without a request."""
        freshness = cluster.freshness(snapshot)
        return self._hook.evaluate(snapshot, meta.attempt, cluster.now(), freshness)

    async def confirm(
        self, meta: PodMeta, cluster: PodCluster, snapshot: PodSnapshot
    ) -> tuple[PodSnapshot, Response | AttemptEnd]:
        """Evaluate the pod of an attempt; if its end is due but unconfirmed, read the pod, and evaluate it again."""
        evaluated = self.evaluate(meta, cluster, snapshot)
        if isinstance(evaluated, AttemptEnd) or not evaluated.unconfirmed:
            return snapshot, evaluated
        if await self._refresher.refresh(cluster, snapshot):
            current = cluster.get_cached(meta.namespace, meta.pod)
            if current is not None and annotation(current, PREFIX) == meta.prefix:
                return current, self.evaluate(meta, cluster, current)
        return snapshot, evaluated
