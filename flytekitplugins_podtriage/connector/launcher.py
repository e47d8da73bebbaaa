"""Making pods in the background: from the moment that one is asked for until it is there, refused, or given up.

``create`` of a connector has ten seconds, and past them the user is charged (flyteplugins internal/webapi, ``launch``).
So the intent is written down, and the pod is made by whoever is at it: this process, or, if it dies, the replica that
is asked about the attempt next. A pod's name comes from its output prefix: the API server sees to it that there is one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.connector.attempt_record import Intent, read_intent
from flytekitplugins_podtriage.connector.output_prefix import INTENT, RECORD, STOPPED, OutputPrefix, PrefixError
from flytekitplugins_podtriage.connector.pod_manifest import PREFIX, TASK, task_hash
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodCluster, PodExists, PodNameTaken, PodSnapshot

_log = logging.getLogger("flytekitplugins_podtriage")
GRACE: Final = 30
"""How long a pod that is not wanted any more has to end, in seconds. Propeller gives pods with copilot an hour, so that
what they made is uploaded (flytek8s/copilot.go); nobody waits for that of an attempt that is over."""
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 15.0

Cluster = Callable[[], Awaitable[PodCluster]]
"""Returns the cluster; raises ClusterError where there is none to be had."""
Sleep = Callable[[float], Awaitable[None]]
InThread = Callable[..., Awaitable[Any]]
"""Has a function run, with arguments, in a thread that may wait for a store."""


@attrs.define(slots=True, eq=False)
class Launch:
    """A pod that is being made."""

    intent: Intent
    error: ClusterError | None = None
    """What the last try met; None: none has failed yet."""
    task: asyncio.Task[None] | None = None


class Launcher:
    """Makes pods, each until it is there."""

    def __init__(
        self,
        cluster: Cluster,
        prefix: Callable[[PodMeta], OutputPrefix],
        in_thread: InThread,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._cluster = cluster
        self._in_thread = in_thread
        self._prefix = prefix
        self._sleep = sleep
        self._launches: dict[PodMeta, Launch] = {}

    def of(self, meta: PodMeta) -> Launch | None:
        """Return the launch of an attempt's pod, if it goes on here."""
        return self._launches.get(meta)

    def start(self, meta: PodMeta, intent: Intent) -> Launch:
        """Begin to make a pod; a launch that goes on already is returned as it is."""
        known = self._launches.get(meta)
        if known is not None:
            return known
        launch = self._launches[meta] = Launch(intent)
        launch.task = asyncio.get_running_loop().create_task(self._launch(meta, launch))
        return launch

    def stop(self, meta: PodMeta) -> None:
        """Give up a launch, if it goes on here."""
        launch = self._launches.pop(meta, None)
        if launch is not None and launch.task is not None:
            launch.task.cancel()

    async def close(self) -> None:
        """Give up all launches; another process takes them up by their intents."""
        tasks = [launch.task for launch in self._launches.values() if launch.task is not None]
        for meta in list(self._launches):
            self.stop(meta)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _launch(self, meta: PodMeta, launch: Launch) -> None:
        prefix, wait, recorded = self._prefix(meta), _FIRST_WAIT, False
        while True:
            known, over = await self._in_thread(_on_file, prefix)
            if over or (known is not None and known.uid):
                break  # made before, by this process or another: propeller may ask for the same attempt twice
            if not recorded and known is None:
                recorded = await self._record(prefix, launch.intent)
            if launch.intent.refused:
                return  # there is nothing to be made; get tells why
            try:
                uid = await self._make(meta, prefix, launch.intent)
            except ClusterError as error:
                launch.error = error
                _log.warning("podtriage: %s", error)
                if error.permanent:
                    return  # kept, for get to tell
            except Exception:  # noqa: BLE001  # a bug, or a cluster that breaks its word: somebody waits for the pod
                _log.exception("podtriage: pod %s/%s could not be made", meta.namespace, meta.pod)
            else:
                await self._record(prefix, attrs.evolve(launch.intent, uid=uid))
                if (await self._in_thread(_on_file, prefix))[1]:  # given up meanwhile, by whichever replica was told
                    await self._unmake(meta, uid)
                break
            await self._sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        self._launches.pop(meta, None)

    async def _make(self, meta: PodMeta, prefix: OutputPrefix, intent: Intent) -> str:
        """Remove the pods of earlier attempts, make this one's, and return its uid.

        Raises:
            ClusterError: it is not there yet.
        """
        cluster = await self._cluster()
        if prefix.attempt:
            for snapshot in await cluster.list(meta.namespace, {TASK: task_hash(prefix)}):
                theirs = OutputPrefix(annotation(snapshot, PREFIX))
                found = snapshot.pod.metadata
                if found is not None and theirs.task == prefix.task and theirs.attempt < prefix.attempt:
                    await cluster.delete(meta.namespace, found.name or "", uid=found.uid, grace=GRACE)
        assert intent.manifest is not None
        try:
            return await cluster.create(meta.namespace, intent.manifest)
        except PodExists:
            there = await cluster.get(meta.namespace, meta.pod)
            if there is None:
                raise ClusterError(f"pod {meta.namespace}/{meta.pod}: it was there, and is gone again") from None
            theirs = OutputPrefix(annotation(there, PREFIX))
            if theirs.path != prefix.path:
                raise PodNameTaken(
                    f"pod {meta.namespace}/{meta.pod} is there already and belongs to another attempt: its annotation "
                    f"{PREFIX} is {theirs.path[:200]!r}, and not {prefix.path[:200]!r}"
                ) from None
            return (there.pod.metadata.uid if there.pod.metadata else None) or ""

    async def _unmake(self, meta: PodMeta, uid: str) -> None:
        try:
            await (await self._cluster()).delete(meta.namespace, meta.pod, uid=uid, grace=GRACE)
        except ClusterError as error:  # the collector finds it
            _log.warning("podtriage: %s", error)

    async def _record(self, prefix: OutputPrefix, intent: Intent) -> bool:
        try:
            await self._in_thread(prefix.write, INTENT, intent.to_json())
        except PrefixError as error:
            _log.warning("podtriage: the pod is made without a note of it: %s", error)
            return False
        return True


def annotation(snapshot: PodSnapshot, name: str) -> str:
    """Return an annotation of a pod; "" if it has none of that name."""
    metadata = snapshot.pod.metadata
    return ((metadata.annotations or {}).get(name) or "") if metadata is not None else ""


def _on_file(prefix: OutputPrefix) -> tuple[Intent | None, bool]:
    """Return the intent on file, and whether the attempt was given up or has an end; nothing where none can be read."""
    try:
        return read_intent(prefix), prefix.exists(STOPPED) or prefix.exists(RECORD)
    except PrefixError as error:
        _log.warning("podtriage: %s", error)
        return None, False
