"""Deleting pods that are not needed: FlytePropeller deletes none that has succeeded or has failed for the last time.

Every half minute the watched pods are checked: for those of superseded attempts, those that could not be deleted
before, those of attempts that were aborted or whose execution is over (``orphans.py``), and those that ended a while
ago.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from flytekitplugins_podtriage.connector.attempt_store import AttemptStore
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.in_turns import in_turns
from flytekitplugins_podtriage.connector.lazy_cluster import LazyCluster
from flytekitplugins_podtriage.connector.orphans import ExecutionOver, OrphanFinder
from flytekitplugins_podtriage.connector.pod_evaluation import PodEvaluation
from flytekitplugins_podtriage.connector.pod_manifest import META, annotation
from flytekitplugins_podtriage.connector.pod_remover import PodRemover
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.response_cache import ResponseCache
from flytekitplugins_podtriage.connector.responses import Response
from flytekitplugins_podtriage.connector.settlement import AttemptEnd
from flytekitplugins_podtriage.connector.telemetry import Telemetry
from flytekitplugins_podtriage.core.pod_cluster import PodCluster, PodSnapshot

_log = logging.getLogger("flytekitplugins_podtriage")
INTERVAL: Final = 30.0
"""Seconds between two collections, at most."""
_AT_A_TIME: Final = 4
"""How many pods are deleted, and how many ends put on record, at a time."""
_WITHIN: Final = 20.0
"""Seconds for each part of a collection; the rest is done by the next one."""


class GarbageCollector:
    """Deletes the pods that are not needed any more, once the cluster has been opened; ``clock`` is monotonic."""

    def __init__(
        self,
        cluster: LazyCluster,
        hook: TriageHook,
        store: AttemptStore,
        remover: PodRemover,
        cache: ResponseCache,
        pods: PodEvaluation,
        execution_over: ExecutionOver | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._cluster = cluster
        self._hook = hook
        self._store = store
        self._remover = remover
        self._cache = cache
        self._pods = pods
        self._orphans = OrphanFinder(store, execution_over, clock)
        self._clock = clock
        self._ended: dict[PodMeta, float] = {}
        """When each pod was first observed to have ended."""
        self._telemetry = telemetry or Telemetry()
        self._task: asyncio.Task[None] | None = None

    def deletes_now(self, snapshot: PodSnapshot | None) -> bool:
        """Return whether the pod of an attempt whose end is on record is to be deleted at once.

        A pod that has ended by itself costs nothing and has logs to read: it is kept for a while.
        """
        if snapshot is None or snapshot.gone:
            return snapshot is None
        return not _has_ended(snapshot) or self._hook.settings.keep_finished <= 0

    def start(self) -> None:
        """Collect every :data:`INTERVAL` in the background of the running event loop, unless that is under way."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """Stop collecting."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            try:
                if self._cluster.opened is not None:
                    await self.collect(self._cluster.opened)
            except Exception:  # noqa: BLE001  # the next collection may work
                _log.exception("podtriage: the garbage collection of pods failed")

    @property
    def interval(self) -> float:
        """Seconds between two collections: less where ``orphaned-after`` is that short."""
        try:
            return min(INTERVAL, max(1.0, self._hook.settings.orphaned_after / 2))
        except ValueError:  # settings that cannot be read; get reports them
            return INTERVAL

    async def collect(self, cluster: PodCluster) -> None:
        """Check all pods once, and delete those that are not needed."""
        await self._store.mark_again()
        pods = await self._attempts(cluster)
        newest: dict[tuple[str, str], int] = {}
        for meta in pods:
            prefix = self._store.prefix(meta)
            key = (meta.namespace, prefix.task)
            newest[key] = max(newest.get(key, 0), prefix.attempt)

        def superseded(meta: PodMeta) -> bool:
            prefix = self._store.prefix(meta)
            return prefix.attempt < newest[meta.namespace, prefix.task]

        self._remover.forget_all_but(pods, cluster.synced())
        await self._remove(pods, (meta for meta in pods if superseded(meta) or meta in self._remover.pending))
        running = [(meta, snapshot) for meta, snapshot in pods.items() if not _has_ended(snapshot)]
        await self._remove(pods, await self._orphans.find(running, self._question_period()))

        async def remove_if_ended(meta: PodMeta) -> None:
            await asyncio.sleep(0)  # requests are served meanwhile
            if await self._is_garbage(meta, pods[meta], cluster):
                await self._remover.remove(meta, pods[meta])

        await in_turns(pods, remove_if_ended, at_a_time=_AT_A_TIME, within=_WITHIN)
        self._ended = {meta: ended for meta, ended in self._ended.items() if meta in pods}
        self._cache.keep_only(set(pods))
        self._telemetry.keep_only({meta.prefix for meta in pods})

    async def _attempts(self, cluster: PodCluster) -> dict[PodMeta, PodSnapshot]:
        """Return the attempts that have pods."""
        pods: dict[PodMeta, PodSnapshot] = {}
        for number, snapshot in enumerate(cluster.list_cached()):
            if number % 200 == 199:
                await asyncio.sleep(0)  # requests are served meanwhile
            meta = PodMeta.decode(annotation(snapshot, META).encode())
            if not meta.unreadable and not snapshot.gone:
                pods[meta.sharing_strings(snapshot)] = snapshot
        return pods

    def _question_period(self) -> float:
        """Return in which period each execution is asked about, so that ``orphaned-after`` includes a collection."""
        longest = self._hook.settings.orphaned_after
        return max(longest - INTERVAL, longest / 2, 1.0)

    async def _remove(self, pods: Mapping[PodMeta, PodSnapshot], garbage: Iterable[PodMeta]) -> None:
        async def remove(meta: PodMeta) -> None:
            await self._remover.remove(meta, pods[meta])

        for meta in await in_turns(garbage, remove, at_a_time=_AT_A_TIME, within=_WITHIN):
            self._remover.expect(meta)

    async def _is_garbage(self, meta: PodMeta, snapshot: PodSnapshot, cluster: PodCluster) -> bool:
        now, settings = self._clock(), self._hook.settings
        response = self._pods.evaluate(meta, cluster, snapshot)
        self._telemetry.observed(meta, response.verdict)
        if isinstance(response, Response) and not response.unconfirmed:
            self._ended.pop(meta, None)
            return False
        if now - self._ended.setdefault(meta, now) < settings.keep_finished:
            return False
        _, end = await self._pods.confirm(meta, cluster, snapshot)
        if not isinstance(end, AttemptEnd):
            return False
        # Only the pod knows how the attempt ended, until that is on record.
        settled = (await self._store.settle(meta, end)).settled
        if settled:
            self._cache.discard(meta)
        return settled


def _has_ended(snapshot: PodSnapshot) -> bool:
    """Return whether a pod's containers have all ended."""
    return snapshot.pod.status is not None and snapshot.pod.status.phase in ("Succeeded", "Failed")
