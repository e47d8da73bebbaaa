"""Creating pods in the background: from FlytePropeller's request until the pod is there, is refused, or is not wanted.

A connector's ``create`` has ten seconds to answer, else the user is charged (flyteplugins internal/webapi, ``launch``).
So the intent is stored first, and whichever process has it creates the pod: this one, or, if it dies, the replica that
is asked about the attempt next. The name of a pod follows from its output prefix, so the API server never admits two.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from flytekitplugins_podtriage.connector.attempt_record import Intent
from flytekitplugins_podtriage.connector.attempt_store import AttemptStore
from flytekitplugins_podtriage.connector.lazy_cluster import LazyCluster
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix, PrefixError
from flytekitplugins_podtriage.connector.pod_manifest import PREFIX, TASK, annotation, task_hash
from flytekitplugins_podtriage.connector.pod_remover import GRACE, PodRemover
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodCluster, PodExists, PodNameTaken

_log = logging.getLogger("flytekitplugins_podtriage")
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 15.0

Sleep = Callable[[float], Awaitable[None]]


@attrs.define(slots=True, eq=False)
class Launch:
    """A pod that is being created."""

    intent: Intent
    error: ClusterError | None = None
    """The error of the last try; None: none has failed yet."""
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

    def get(self, meta: PodMeta) -> Launch | None:
        """Return the launch of an attempt's pod; None if this process is not creating it."""
        return self._launches.get(meta)

    def start(self, meta: PodMeta, intent: Intent) -> Launch:
        """Begin to create a pod; return the launch that is under way if there is one."""
        launch = self._launches.get(meta)
        if launch is None:
            launch = self._launches[meta] = Launch(intent)
            launch.task = asyncio.get_running_loop().create_task(self._launch(meta, launch))
        return launch

    def stop(self, meta: PodMeta) -> None:
        """Stop a launch if it is under way here."""
        launch = self._launches.pop(meta, None)
        if launch is not None and launch.task is not None:
            launch.task.cancel()

    async def close(self) -> None:
        """Stop all launches; another process continues them from the stored intents."""
        tasks = [launch.task for launch in self._launches.values() if launch.task is not None]
        for meta in list(self._launches):
            self.stop(meta)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _launch(self, meta: PodMeta, launch: Launch) -> None:
        wait, recorded = _FIRST_WAIT, False
        while True:
            intent, over = await self._stored(meta)
            if over or (intent is not None and intent.uid):
                break  # created before, here or elsewhere: FlytePropeller may ask for an attempt twice
            if not recorded and intent is None:
                recorded = await self._record(meta, launch.intent)
            if launch.intent.refused:
                return  # no pod can be created; kept for get to report
            try:
                uid = await self._create(meta, launch.intent)
            except ClusterError as error:
                launch.error = error
                _log.warning("podtriage: %s", error)
                if error.permanent:
                    return  # kept for get to report
            except Exception:  # noqa: BLE001  # a bug, or a cluster that breaks its contract: the task waits for its pod
                _log.exception("podtriage: pod %s/%s could not be created", meta.namespace, meta.pod)
            else:
                await self._record(meta, attrs.evolve(launch.intent, uid=uid))
                if (await self._stored(meta))[1]:  # aborted meanwhile, through whichever replica
                    await self._remover.delete(meta, uid)
                break
            await self._sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        self._launches.pop(meta, None)

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

    async def _stored(self, meta: PodMeta) -> tuple[Intent | None, bool]:
        """Return the stored intent, and whether the attempt is over; as if nothing were stored if it cannot be read."""
        try:
            stored = await self._store.read(meta)
        except PrefixError as error:
            _log.warning("podtriage: %s", error)
            return None, False
        return stored.intent, stored.over

    async def _record(self, meta: PodMeta, intent: Intent) -> bool:
        """Store an intent; return whether that worked."""
        try:
            await self._store.write_intent(meta, intent)
        except PrefixError as error:
            _log.warning("podtriage: the pod is created although that cannot be noted: %s", error)
            return False
        return True


async def _delete_earlier(cluster: PodCluster, namespace: str, prefix: OutputPrefix) -> None:
    """Delete the pods of the task's earlier attempts."""
    for snapshot in await cluster.list(namespace, {TASK: task_hash(prefix)}):
        other, metadata = OutputPrefix(annotation(snapshot, PREFIX)), snapshot.pod.metadata
        if metadata is not None and other.task == prefix.task and other.attempt < prefix.attempt:
            await cluster.delete(namespace, metadata.name or "", uid=metadata.uid, grace=GRACE)
