"""The connector's own collection of pods: propeller deletes none that has succeeded or failed for the last time.

Now and then the pods that are watched anyway are gone through: those that have ended and nobody has asked for, those
of attempts that others have followed, those that were given up, and those whose execution is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.launcher import InThread, annotation
from flytekitplugins_podtriage.connector.output_prefix import STOPPED, PrefixError
from flytekitplugins_podtriage.connector.pod_manifest import EXECUTION, META
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.responses import Told
from flytekitplugins_podtriage.connector.settlement import Ending
from flytekitplugins_podtriage.core.pod_cluster import PodCluster, PodSnapshot

_log = logging.getLogger("flytekitplugins_podtriage")
INTERVAL: Final = 30.0
"""Seconds between two rounds."""

Settle = Callable[[PodMeta, Ending], Awaitable[Told]]
Remove = Callable[[PodMeta, "PodSnapshot | None"], Awaitable[None]]
Over = Callable[[str, str], Awaitable["bool | None"]]


@attrs.define(slots=True)
class _Notes:
    """What is known of one pod beside itself; times are the monotonic clock's."""

    asked: float
    """When somebody last asked for it, or else when it was first seen."""
    ended: float | None = None
    """When it was first seen to have ended."""
    checked: float | None = None
    """When it was last found out whether anybody still wants it."""


class Collector:
    """Finds the pods that nobody needs any more."""

    def __init__(
        self,
        hook: TriageHook,
        settle: Settle,
        remove: Remove,
        in_thread: InThread,
        forget: Callable[[set[PodMeta]], None],
        execution_over: Over | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hook = hook
        self._settle = settle
        self._remove = remove
        self._in_thread = in_thread
        self._forget = forget
        self._over = execution_over
        self._clock = clock
        self._notes: dict[PodMeta, _Notes] = {}
        self._left: set[PodMeta] = set()
        self._task: asyncio.Task[None] | None = None

    def asked(self, meta: PodMeta) -> None:
        """Note that somebody has asked for a pod."""
        notes = self._notes.get(meta)
        if notes is None:
            self._notes[meta] = _Notes(self._clock())
        else:
            notes.asked = self._clock()

    def left(self, meta: PodMeta) -> None:
        """Note that a pod is to be deleted and could not be."""
        self._left.add(meta)

    def due(self, meta: PodMeta, snapshot: PodSnapshot | None) -> bool:
        """Whether the pod of an attempt whose end is on record is to be deleted now.

        One that has ended by itself costs nothing and has logs to read: it is kept for a while.
        """
        if snapshot is None or snapshot.gone:
            return snapshot is None
        phase = snapshot.pod.status.phase if snapshot.pod.status is not None else None
        return phase not in ("Succeeded", "Failed") or self._hook.settings.keep_finished <= 0

    def start(self, cluster: PodCluster) -> None:
        """Begin to look, in the background of the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._rounds(cluster))

    def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _rounds(self, cluster: PodCluster) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                await self.round(cluster)
            except Exception:  # noqa: BLE001  # the next round may do better
                _log.exception("podtriage: pods could not be collected")

    async def round(self, cluster: PodCluster) -> None:
        """Look at all pods once."""
        newest: dict[tuple[str, str], int] = {}
        found: list[tuple[PodMeta, PodSnapshot]] = []
        for snapshot in cluster.list_cached():
            meta = PodMeta.decode(annotation(snapshot, META).encode())
            if meta.unreadable or snapshot.gone:
                continue
            prefix = self._hook.prefix(meta.attempt)
            key = (meta.namespace, prefix.task)
            newest[key] = max(newest.get(key, 0), prefix.attempt)
            found.append((meta, snapshot))
        for meta, snapshot in found:
            prefix = self._hook.prefix(meta.attempt)
            superseded = prefix.attempt < newest[meta.namespace, prefix.task]
            if superseded or meta in self._left or await self._is_done_with(meta, snapshot, cluster):
                self._left.discard(meta)
                await self._remove(meta, snapshot)
        present = {meta for meta, _ in found}
        for meta in [meta for meta in self._notes if meta not in present]:
            # Notes of pods that are not made yet are of no use here either.
            del self._notes[meta]
        self._left &= present
        self._forget(present)

    async def _is_done_with(self, meta: PodMeta, snapshot: PodSnapshot, cluster: PodCluster) -> bool:
        now, settings = self._clock(), self._hook.settings
        notes = self._notes.setdefault(meta, _Notes(now))
        told = self._hook.tell(snapshot, meta.attempt, cluster.now())
        if isinstance(told, Ending):
            if notes.ended is None:
                notes.ended = now
            # The pod is the only one to know how it ended, unless that is on record.
            return now - notes.ended >= settings.keep_finished and (await self._settle(meta, told)).settled
        notes.ended = None
        # When first seen too: it may have been given up while nobody was there to delete it.
        if notes.checked is None or now - max(notes.checked, notes.asked) >= settings.orphaned_after:
            wanted = notes.checked is not None
            notes.checked = now
            return await self._is_orphaned(meta, snapshot, ask=wanted)
        return False

    async def _is_orphaned(self, meta: PodMeta, snapshot: PodSnapshot, *, ask: bool) -> bool:
        """Whether a pod that runs was given up, or (if that is to be asked) its execution is over."""
        prefix = self._hook.prefix(meta.attempt)
        try:
            if await self._in_thread(prefix.exists, STOPPED):
                return True
        except PrefixError as error:
            _log.warning("podtriage: %s", error)
        execution = annotation(snapshot, EXECUTION)
        if not ask or self._over is None or not execution:
            return False
        return await self._over(meta.namespace, execution) is True
