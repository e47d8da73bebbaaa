"""The connector for tasks of the type ``podtriage``: it makes their pods and tells propeller how they fare.

It keeps nothing that it could not do without: where an attempt stands is in its pod, at its output prefix and in the
resource meta. So any replica answers for any attempt, and whatever one leaves undone is done at the next question.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any, Final

import attrs
from flyteidl.admin.agent_pb2 import GetTaskLogsResponse, GetTaskLogsResponseBody
from flytekit.extend.backend.base_connector import AsyncConnectorBase, Resource

from flytekitplugins_podtriage.connector import idl, pod_manifest
from flytekitplugins_podtriage.connector.attempt_record import Intent, read_intent, read_record
from flytekitplugins_podtriage.connector.garbage_collector import Collector
from flytekitplugins_podtriage.connector.hook import TaskAttempt, TriageHook
from flytekitplugins_podtriage.connector.launcher import GRACE, Launch, Launcher, Sleep, annotation
from flytekitplugins_podtriage.connector.output_prefix import STOPPED, OutputPrefix, PrefixError
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.responses import PackedResource, Told, custom_info, message, pack, resource
from flytekitplugins_podtriage.connector.settlement import Ending
from flytekitplugins_podtriage.core.absent_pods import pod_gone, pod_not_created, template_refused
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodCluster, PodSnapshot
from flytekitplugins_podtriage.flyte.task import TASK_TYPE

_log = logging.getLogger("flytekitplugins_podtriage")
PATIENCE: Final = 0.5
"""How long ``create`` waits for the pod, and ``delete`` for its end, in seconds; what takes longer goes on behind."""
WITHIN: Final = 5.0
"""How long ``get`` may take, in seconds: half of what propeller waits for it (``defaultTimeout``)."""
_LINES: Final = 1000
_THREADS: Final = 32

Open = Callable[[], Awaitable[PodCluster]]
Over = Callable[[str, str], Awaitable["bool | None"]]


@attrs.frozen(slots=True)
class _Known:
    """An answer that holds until something changes, or until a moment."""

    version: int
    until: datetime | None
    packed: bytes


class PodTriageConnector(AsyncConnectorBase):
    """Runs tasks of the type ``podtriage`` as pods.

    Args:
        open_cluster: returns the cluster, opened at the first need; it raises ClusterError where there is none to be
            had, and is asked again then.
        hook: what makes answers of pods; None: one with the plugin's settings.
        execution_over: tells of a namespace and an execution's name whether that is over; None: it cannot be known.
        patience: how long ``create`` waits for the pod, and ``delete`` for its end, in seconds.
        within: how long ``get`` may take, in seconds.
        sleep: how the launcher waits between two tries.
        clock: the collector's, in seconds.
    """

    name = "PodTriage Connector"

    def __init__(
        self,
        open_cluster: Open,
        hook: TriageHook | None = None,
        execution_over: Over | None = None,
        *,
        patience: float = PATIENCE,
        within: float = WITHIN,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(task_type_name=TASK_TYPE, metadata_type=PodMeta)
        self._open = open_cluster
        self._opened: PodCluster | None = None
        self._opening: asyncio.Lock | None = None
        self._hook = hook or TriageHook()
        self._patience = patience
        self._within = within
        # A store that hangs must hold up neither the event loop nor the threads that others wait for.
        self._threads = ThreadPoolExecutor(_THREADS, "podtriage-store")
        self._launcher = Launcher(self._cluster, self._prefix, self._in_thread, sleep)
        self._known: dict[PodMeta, _Known] = {}
        self._settling: dict[PodMeta, asyncio.Future[Told]] = {}
        self._behind: set[asyncio.Task[Any]] = set()
        self.collector = Collector(
            self._hook, self._settled, self._removed, self._in_thread, self._forget, execution_over, clock=clock
        )

    async def create(
        self,
        task_template: Any,
        output_prefix: str,
        inputs: Any = None,
        task_execution_metadata: Any = None,
        **kwargs: Any,
    ) -> PodMeta:
        """Have an attempt's pod made; return at once what to ask for it with, whatever the cluster does.

        It does not raise for what is wrong with the task or the cluster, since propeller charges that to the user
        without a word of whose fault it is: ``get`` tells it.
        """
        attempt = TaskAttempt.of(task_template, output_prefix)
        prefix = self._hook.prefix(attempt)
        where = pod_manifest.place(prefix, task_execution_metadata, self._default_namespace())
        now = self._opened.now() if self._opened is not None else _now()
        meta = PodMeta(
            namespace=where.namespace,
            pod=where.name,
            prefix=output_prefix,
            created=int(now.timestamp()),
            outputs=attempt.outputs,
            marker=attempt.marker,
            retries=attempt.retries,
            user_patience=attempt.user_patience,
            system_patience=attempt.system_patience,
        )
        try:
            pod = pod_manifest.pod(
                task_template, where, prefix, task_execution_metadata, meta.encode(), self._defaults()
            )
            intent = Intent(now, where.namespace, where.name, pod)
        except pod_manifest.TemplateRefused as error:
            intent = Intent(now, where.namespace, where.name, refused=str(error), refused_for=error.kind)
        launch = self._launcher.start(meta, intent)
        await self._for_a_while(launch.task)
        return meta

    async def get(self, resource_meta: PodMeta, **kwargs: Any) -> Resource:
        """Tell how an attempt fares. It never raises: errors of get are counted over the task's whole life."""
        try:
            known = self._at_once(resource_meta)
            if known is not None:
                return known
            return await asyncio.wait_for(self._answer(resource_meta), self._within)
        except asyncio.TimeoutError:  # settling goes on behind, and is told when it is next asked for
            return _held(
                f"neither the API server nor the store of {resource_meta.prefix} has answered within {self._within:g} s"
            )
        except Exception as error:  # noqa: BLE001  # a bug, or settings that cannot be read: nobody is to be charged for it
            _log.exception("podtriage: no answer about pod %s/%s", resource_meta.namespace, resource_meta.pod)
            return _held(f"podtriage cannot tell how the task fares: {type(error).__name__}: {error}")

    async def delete(self, resource_meta: PodMeta, **kwargs: Any) -> None:
        """Give an attempt up and have its pod deleted. It never raises: an error would fail the workflow's round."""
        if resource_meta.unreadable:
            _log.error("podtriage: nothing can be deleted: %s", resource_meta.unreadable)
            return
        self._launcher.stop(resource_meta)
        await self._for_a_while(self._behind_it(self._give_up(resource_meta)))

    async def get_logs(self, resource_meta: PodMeta, **kwargs: Any) -> GetTaskLogsResponse:
        """Return the last lines of the task's container, or why there are none."""
        try:
            cluster = await self._cluster()
            snapshot = cluster.get_cached(resource_meta.namespace, resource_meta.pod)
            container = annotation(snapshot, PRIMARY_CONTAINER) if snapshot is not None else ""
            text = await cluster.logs(resource_meta.namespace, resource_meta.pod, container, _LINES)
            lines = text.splitlines()
        except ClusterError as error:
            lines = [f"podtriage: {error}"]
        return GetTaskLogsResponse(body=GetTaskLogsResponseBody(results=lines))

    async def close(self) -> None:
        """End what goes on in the background."""
        self.collector.stop()
        await self._launcher.close()
        for task in list(self._behind):
            task.cancel()
        await asyncio.gather(*self._behind, return_exceptions=True)
        self._threads.shutdown(wait=False)

    def _at_once(self, meta: PodMeta) -> Resource | None:
        """Return the answer that still holds; None: there is none."""
        known = self._known.get(meta)
        if known is None or self._opened is None:
            return None
        snapshot = self._opened.get_cached(meta.namespace, meta.pod)
        if snapshot is None or known.version != snapshot.version:
            return None
        if known.until is not None and known.until <= self._opened.now():
            return None
        self.collector.asked(meta)
        return PackedResource(known.packed)

    async def _answer(self, meta: PodMeta) -> Resource:
        if meta.unreadable:
            return _held(f"{meta.unreadable}; nothing is charged, and a replica of its version may answer")
        cluster = self._opened
        if cluster is None:
            try:
                cluster = await self._cluster()
            except ClusterError as error:
                return await self._without_cluster(meta, error)
        now = cluster.now()
        snapshot = cluster.get_cached(meta.namespace, meta.pod)
        if snapshot is None or annotation(snapshot, pod_manifest.PREFIX) != meta.prefix:
            self.collector.asked(meta)
            return await self._unseen(meta, cluster, now)
        if meta not in self._known:
            # Each text is kept once: here, for as long as the pod is there, those of the pod.
            meta = attrs.evolve(meta, prefix=annotation(snapshot, pod_manifest.PREFIX))
        self.collector.asked(meta)
        return await self._seen(meta, snapshot, now)

    async def _seen(self, meta: PodMeta, snapshot: PodSnapshot, now: datetime) -> Resource:
        told = self._hook.tell(snapshot, meta.attempt, now)
        if isinstance(told, Told) and (meta not in self._known or _is_being_deleted(snapshot)):
            # It may be over all the same: put on record by another replica, or by this one before a restart, and the
            # pod is not gone yet.
            ending = self._hook.ending(pod_gone(), meta.attempt, now, snapshot)
            if await self._in_thread(_has_record, ending.prefix):
                told = ending
        if isinstance(told, Ending):
            return (await self._settled(meta, told)).resource
        self._known[meta] = _Known(snapshot.version, told.recheck_at, await pack(told.resource))
        return told.resource

    async def _unseen(self, meta: PodMeta, cluster: PodCluster, now: datetime) -> Resource:
        """Answer for an attempt whose pod is not to be seen: not made yet, not known here, or over."""
        launch = self._launcher.of(meta)
        if launch is not None:
            return await self._launching(meta, launch, now)
        prefix = self._prefix(meta)
        try:
            record, intent, stopped = await self._in_thread(_on_file, prefix)
        except PrefixError as error:
            return _held(f"the task's pod is not seen, and what was told of it cannot be read: {error}")
        if record is None and not stopped:
            if not cluster.synced():
                return _held(f"the task's pod is not seen: {cluster.watch_error() or 'the pods are being listed'}")
            try:
                snapshot = await cluster.get(meta.namespace, meta.pod)
            except ClusterError as error:
                return _held(f"the task's pod is not seen: {error}")
            if snapshot is not None and annotation(snapshot, pod_manifest.PREFIX) == meta.prefix:
                return await self._seen(meta, snapshot, now)
            if intent is not None and not intent.uid:
                launch = self._launcher.start(meta, intent)
                await self._for_a_while(launch.task)
                return await self._launching(meta, launch, now)
        ending = self._hook.ending(pod_gone(), meta.attempt, now)
        return (await self._settled(meta, ending)).resource

    async def _launching(self, meta: PodMeta, launch: Launch, now: datetime) -> Resource:
        """Answer for a pod that is being made."""
        refused, error = launch.intent.refused, launch.error
        if refused:
            verdict = template_refused(refused, launch.intent.refused_for)
        elif error is not None:
            verdict = pod_not_created(error, since=launch.intent.at, policy=self._hook.policy(meta.attempt), now=now)
        else:
            return resource(idl.QUEUED, "the pod is being created")
        if not verdict.phase.terminal:
            return resource(idl.phase(verdict.phase), message(verdict), custom_info(verdict))
        told = await self._settled(meta, self._hook.ending(verdict, meta.attempt, now))
        if told.settled:
            self._launcher.stop(meta)
        return told.resource

    async def _without_cluster(self, meta: PodMeta, error: ClusterError) -> Resource:
        """Answer while there is no cluster to be had: by what is on record, or else by the error."""
        try:
            record = await self._in_thread(read_record, self._prefix(meta))
        except PrefixError:
            record = None
        now = _now()
        if record is not None:
            return (await self._settled(meta, self._hook.ending(pod_gone(), meta.attempt, now))).resource
        launch = self._launcher.of(meta)
        if launch is not None:
            return await self._launching(meta, attrs.evolve(launch, error=launch.error or error), now)
        return _held(str(error))

    async def _settled(self, meta: PodMeta, ending: Ending) -> Told:
        """Put the end of an attempt on record, once however many ask, and have its pod deleted if it is not over."""
        settling = self._settling.get(meta)
        if settling is None:
            loop = asyncio.get_running_loop()
            settling = self._settling[meta] = loop.run_in_executor(self._threads, self._hook.settle, ending)
            settling.add_done_callback(lambda _: self._settling.pop(meta, None))
        told = await asyncio.shield(settling)
        if told.settled:
            self._known.pop(meta, None)
            if self.collector.due(meta, ending.snapshot):
                self._behind_it(self._removed(meta, ending.snapshot))
        return told

    async def _give_up(self, meta: PodMeta) -> None:
        """Note that an attempt is given up, then delete its pod; the note is for a pod that somebody makes late."""
        try:
            await self._in_thread(self._prefix(meta).write, STOPPED, b"")
        except PrefixError as error:
            _log.warning("podtriage: %s", error)
        await self._removed(meta, None)
        self._known.pop(meta, None)

    async def _removed(self, meta: PodMeta, snapshot: PodSnapshot | None) -> None:
        """Delete an attempt's pod; what cannot be deleted now is found by the collector."""
        try:
            cluster = await self._cluster()
            found = (
                snapshot or cluster.get_cached(meta.namespace, meta.pod) or await cluster.get(meta.namespace, meta.pod)
            )
            if found is None or found.gone or annotation(found, pod_manifest.PREFIX) != meta.prefix:
                return
            metadata = found.pod.metadata
            uid = metadata.uid if metadata is not None else None
            await cluster.delete(meta.namespace, meta.pod, uid=uid, grace=GRACE)
        except ClusterError as error:
            _log.warning("podtriage: pod %s/%s is left for now: %s", meta.namespace, meta.pod, error)
            self.collector.left(meta)

    def _forget(self, present: set[PodMeta]) -> None:
        """Let go of the answers about pods that are no longer there: propeller may have asked another replica last."""
        for meta in [meta for meta in self._known if meta not in present]:
            del self._known[meta]

    async def _cluster(self) -> PodCluster:
        """Return the cluster, opened at the first need.

        Raises:
            ClusterError: there is none to be had.
        """
        if self._opened is None:
            if self._opening is None:
                self._opening = asyncio.Lock()
            async with self._opening:
                if self._opened is None:
                    self._opened = await self._open()
                    self.collector.start(self._opened)
        return self._opened

    def _default_namespace(self) -> str:
        try:
            return (*self._hook.settings.namespaces, "default")[0]
        except ValueError:  # what is wrong with the settings is told by get
            return "default"

    def _defaults(self) -> pod_manifest.PodDefaults:
        try:
            settings = self._hook.settings
        except ValueError:
            return pod_manifest.PodDefaults()
        return pod_manifest.PodDefaults(settings.pod_labels, settings.pod_annotations, settings.image_pull_policy)

    def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Have something run that may wait for a store."""
        return asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _prefix(self, meta: PodMeta) -> OutputPrefix:
        return self._hook.prefix(meta.attempt)

    async def _for_a_while(self, task: asyncio.Task[Any] | None) -> None:
        """Wait for something that goes on, but not long."""
        if task is not None:
            await asyncio.wait({task}, timeout=self._patience)

    def _behind_it(self, coroutine: Any) -> asyncio.Task[Any]:
        """Have something done in the background."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)
        return task


def _is_being_deleted(snapshot: PodSnapshot) -> bool:
    return snapshot.pod.metadata is not None and snapshot.pod.metadata.deletion_timestamp is not None


def _has_record(prefix: OutputPrefix) -> bool:
    try:
        return read_record(prefix) is not None
    except PrefixError as error:  # then nothing was told of it that could be told again
        _log.warning("podtriage: %s", error)
        return False


def _on_file(prefix: OutputPrefix) -> tuple[Any, Intent | None, bool]:
    record = read_record(prefix)
    if record is not None:
        return record, None, False
    return None, read_intent(prefix), prefix.exists(STOPPED)


def _held(text: str) -> Resource:
    return resource(idl.WAITING_FOR_RESOURCES, text)


def _now() -> datetime:
    return datetime.now(timezone.utc)
