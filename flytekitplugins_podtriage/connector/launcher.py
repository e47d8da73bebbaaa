"""Creating pods in the background: from FlytePropeller's request until the pod is there, is refused, or is not wanted.

A connector's ``create`` has ten seconds to answer, else the user is charged (flyteplugins internal/webapi, ``launch``).
So the intent is stored first, and whichever process has it creates the pod: this one, or, if it dies, the replica that
is asked about the attempt next. Once it is stored (or, while the store fails, once the pod exists) the reply can be
sent. The name of a pod follows from its output prefix, so the API server never admits two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

import attrs

from flytekitplugins_podtriage.connector.attempt_record import Intent
from flytekitplugins_podtriage.connector.attempt_store import AttemptStore
from flytekitplugins_podtriage.connector.lazy_cluster import LazyCluster
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix
from flytekitplugins_podtriage.connector.pod_manifest import PREFIX, TASK, annotation, task_hash
from flytekitplugins_podtriage.connector.pod_remover import GRACE, PodRemover
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterError,
    PodCluster,
    PodExists,
    PodNameTaken,
)

_log = logging.getLogger("flytekitplugins_podtriage")
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 15.0
_TURNS: Final = 8
"""How many pods are created at a time: a KubeCluster makes no more requests at a time, and what waits here takes no
processor time from the replies to ``create``."""

Sleep = Callable[[float], Awaitable[None]]


@attrs.define(slots=True, eq=False)
class Launch:
    """A pod that is being created."""

    intent: Intent
    noted: bool
    """Whether the intent is stored."""
    safe: asyncio.Future[None]
    """Done once the pod does not depend on this process any more: the intent is stored, or the launch has ended."""
    error: ClusterError | None = None
    """The error of the last try; None: none has failed yet."""
    refused_at: datetime | None = None
    """When that was, by the cluster's clock; None: the error is no answer, but a sign that the API server is away."""
    task: asyncio.Task[None] | None = None


class Launcher:
    """Creates pods, retrying each until it is there."""

    def __init__(
        self, cluster: LazyCluster, store: AttemptStore, remover: PodRemover, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._remover = remover
        self._sleep = sleep
        self._launches: dict[PodMeta, Launch] = {}
        self._turns = asyncio.Semaphore(_TURNS)

    def get(self, meta: PodMeta) -> Launch | None:
        """Return the launch of an attempt's pod; None if this process is not creating it."""
        return self._launches.get(meta)

    def start(self, meta: PodMeta, intent: Intent, *, noted: bool = False) -> Launch:
        """Begin to create a pod, unless that is under way; return the launch. ``noted``: its intent is stored."""
        launch = self._launches.get(meta)
        if launch is None:
            loop = asyncio.get_running_loop()
            launch = self._launches[meta] = Launch(intent, noted, loop.create_future())
            launch.task = loop.create_task(self._launch(meta, launch))
            launch.task.add_done_callback(partial(_set_safe, launch))
        return launch

    def stop(self, meta: PodMeta) -> None:
        """Stop a launch if it is under way here, and delete what its last request may still create."""
        launch = self._launches.pop(meta, None)
        if launch is not None and launch.task is not None:
            launch.task.cancel()
            self._remover.expect(meta)

    async def close(self) -> None:
        """Stop all launches; another process continues them from the stored intents."""
        tasks = [launch.task for launch in self._launches.values() if launch.task is not None]
        for meta in list(self._launches):
            self.stop(meta)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _launch(self, meta: PodMeta, launch: Launch) -> None:
        wait = _FIRST_WAIT
        while True:
            # Before anything is read: create replies once this is done. An intent that is there already is the same.
            launch.noted = launch.noted or await self._store.write_intent(meta, launch.intent)
            if launch.noted:
                _set_safe(launch)
            async with self._turns:
                over = await self._try(meta, launch)
            if over:
                break
            await self._sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    async def _try(self, meta: PodMeta, launch: Launch) -> bool:
        """Create a pod if it is still wanted; return whether the launch is over."""
        if await self._store.needs_pod(meta):
            if launch.intent.refused:
                return True  # no pod can be created; kept for get to report
            try:
                uid = await self._create(meta, launch.intent)
            except ClusterError as error:
                launch.error, launch.refused_at = error, self._refused_at(error)
                _log.warning("podtriage: %s", error)
                return error.permanent  # kept for get to report
            except Exception:  # noqa: BLE001  # a bug, or a cluster that breaks its contract: the task waits for its pod
                _log.exception("podtriage: pod %s/%s could not be created", meta.namespace, meta.pod)
                return False
            # Read after the pod was created: whoever aborts the attempt later than that deletes the pod.
            if await self._store.write_created(meta, uid):
                await self._remover.delete(meta, uid)
        self._launches.pop(meta, None)
        return True

    async def _create(self, meta: PodMeta, intent: Intent) -> str:
        """Delete the pods of earlier attempts, create this one's, and return its uid.

        Raises:
            ClusterError: the pod could not be created.
        """
        cluster, prefix = await self._cluster.get(), self._store.prefix(meta)
        if prefix.attempt:
            await _delete_earlier(cluster, meta.namespace, prefix)
        assert intent.manifest is not None
        try:
            return await cluster.create(meta.namespace, intent.manifest)
        except PodExists:
            snapshot = await cluster.get(meta.namespace, meta.pod)
            if snapshot is None:
                raise ClusterError(f"pod {meta.namespace}/{meta.pod} existed, and is gone again") from None
            owner = annotation(snapshot, PREFIX)
            if owner != prefix.path:
                raise PodNameTaken(
                    f"pod {meta.namespace}/{meta.pod} exists and belongs to another attempt: its annotation {PREFIX} "
                    f"is {owner[:200]!r}, not {prefix.path[:200]!r}"
                ) from None
            return (snapshot.pod.metadata.uid if snapshot.pod.metadata else None) or ""

    def _refused_at(self, error: ClusterError) -> datetime | None:
        """Return the present time if an error is the API server's answer.

        One that is busy (HTTP 500) may have a reason in the pod, a webhook that fails; or it is not there for anybody,
        so that the pods cannot be watched either.
        """
        cluster = self._cluster.opened
        away = isinstance(error, ClusterBusy) and (cluster is None or cluster.watch_error() is not None)
        return None if away else self._cluster.now()


def _set_safe(launch: Launch, *_: object) -> None:
    if not launch.safe.done():
        launch.safe.set_result(None)


async def _delete_earlier(cluster: PodCluster, namespace: str, prefix: OutputPrefix) -> None:
    """Delete the pods of the task's earlier attempts."""
    for snapshot in await cluster.list(namespace, {TASK: task_hash(prefix)}):
        other, metadata = OutputPrefix(annotation(snapshot, PREFIX)), snapshot.pod.metadata
        if metadata is not None and other.task == prefix.task and other.attempt < prefix.attempt:
            await cluster.delete(namespace, metadata.name or "", uid=metadata.uid, grace=GRACE)
