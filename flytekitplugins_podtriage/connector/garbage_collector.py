"""Deleting pods that are not needed: FlytePropeller deletes none that has succeeded or has failed for the last time.

Every half minute the watched pods are checked: for those that ended and got no request since, those of superseded
attempts, those that could not be deleted before, and those whose execution is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from flytekitplugins_podtriage.connector.attempt_store import AttemptStore
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.lazy_cluster import LazyCluster
from flytekitplugins_podtriage.connector.pod_manifest import EXECUTION, META, annotation
from flytekitplugins_podtriage.connector.pod_remover import PodRemover
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.response_cache import ResponseCache
from flytekitplugins_podtriage.connector.settlement import AttemptEnd
from flytekitplugins_podtriage.core.pod_cluster import PodCluster, PodSnapshot

_log = logging.getLogger("flytekitplugins_podtriage")
INTERVAL: Final = 30.0
"""Seconds between two collections."""

ExecutionOver = Callable[[str, str], Awaitable["bool | None"]]
"""Returns, for a namespace and the name of an execution, whether that is over; None if that is not known."""


@attrs.define(slots=True)
class _PodTimes:
    """Moments in the life of one pod, by the monotonic clock."""

    requested: float
    """When FlytePropeller last asked about it; until it does, when the pod was first observed."""
    ended: float | None = None
    """When it was first observed to have ended."""
    checked: float | None = None
    """When it was last checked whether the attempt was aborted or its execution is over."""


class GarbageCollector:
    """Deletes the pods that are not needed any more, once the cluster has been opened; ``clock`` is monotonic."""

    def __init__(
        self,
        cluster: LazyCluster,
        hook: TriageHook,
        store: AttemptStore,
        remover: PodRemover,
        cache: ResponseCache,
        execution_over: ExecutionOver | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._hook = hook
        self._store = store
        self._remover = remover
        self._cache = cache
        self._execution_over = execution_over
        self._clock = clock
        self._times: dict[PodMeta, _PodTimes] = {}
        self._task: asyncio.Task[None] | None = None

    def note_request(self, meta: PodMeta) -> None:
        """Note that FlytePropeller has asked about an attempt."""
        now = self._clock()
        self._times.setdefault(meta, _PodTimes(now)).requested = now

    def deletes_now(self, snapshot: PodSnapshot | None) -> bool:
        """Return whether the pod of an attempt whose end is on record is to be deleted at once.

        A pod that has ended by itself costs nothing and has logs to read: it is kept for a while.
        """
        if snapshot is None or snapshot.gone:
            return snapshot is None
        phase = snapshot.pod.status.phase if snapshot.pod.status is not None else None
        return phase not in ("Succeeded", "Failed") or self._hook.settings.keep_finished <= 0

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
            await asyncio.sleep(INTERVAL)
            try:
                if self._cluster.opened is not None:
                    await self.collect(self._cluster.opened)
            except Exception:  # noqa: BLE001  # the next collection may work
                _log.exception("podtriage: the garbage collection of pods failed")

    async def collect(self, cluster: PodCluster) -> None:
        """Check all pods once, and delete those that are not needed."""
        newest: dict[tuple[str, str], int] = {}
        pods: list[tuple[PodMeta, PodSnapshot]] = []
        for snapshot in cluster.list_cached():
            meta = PodMeta.decode(annotation(snapshot, META).encode())
            if meta.unreadable or snapshot.gone:
                continue
            prefix = self._store.prefix(meta)
            key = (meta.namespace, prefix.task)
            newest[key] = max(newest.get(key, 0), prefix.attempt)
            pods.append((meta, snapshot))
        for meta, snapshot in pods:
            prefix = self._store.prefix(meta)
            superseded = prefix.attempt < newest[meta.namespace, prefix.task]
            if superseded or meta in self._remover.pending or await self._is_garbage(meta, snapshot, cluster):
                self._remover.pending.discard(meta)
                await self._remover.remove(meta, snapshot)
        present = {meta for meta, _ in pods}
        self._times = {meta: times for meta, times in self._times.items() if meta in present}
        self._remover.pending &= present
        self._cache.keep_only(present)

    async def _is_garbage(self, meta: PodMeta, snapshot: PodSnapshot, cluster: PodCluster) -> bool:
        now, settings = self._clock(), self._hook.settings
        times = self._times.setdefault(meta, _PodTimes(now))
        response = self._hook.evaluate(snapshot, meta.attempt, cluster.now())
        if isinstance(response, AttemptEnd):
            if times.ended is None:
                times.ended = now
            if now - times.ended < settings.keep_finished:
                return False
            # Only the pod knows how the attempt ended, until that is on record.
            settled = (await self._store.settle(meta, response)).settled
            if settled:
                self._cache.discard(meta)
            return settled
        times.ended = None
        # Checked at the first sight too: the attempt may have been aborted while no connector was there to delete it.
        if times.checked is None or now - max(times.checked, times.requested) >= settings.orphaned_after:
            first_check = times.checked is None
            times.checked = now
            return await self._is_orphaned(meta, snapshot, ask=not first_check)
        return False

    async def _is_orphaned(self, meta: PodMeta, snapshot: PodSnapshot, *, ask: bool) -> bool:
        """Return whether the attempt of a running pod was aborted or (if that is to be asked) its execution is over."""
        if await self._store.is_stopped(meta):
            return True
        execution = annotation(snapshot, EXECUTION)
        if not ask or self._execution_over is None or not execution:
            return False
        return await self._execution_over(meta.namespace, execution) is True
