"""The connector for tasks of the type ``podtriage``: creates their pods and reports to FlytePropeller how they fare.

It keeps nothing in memory that it could not do without: the state of an attempt is in its pod, at its output prefix and
in the resource meta. So any replica answers for any attempt, and continues what another one left unfinished.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar, cast

import attrs
from flyteidl.admin.agent_pb2 import GetTaskLogsResponse, GetTaskLogsResponseBody
from flytekit.extend.backend.base_connector import AsyncConnectorBase, Resource

from flytekitplugins_podtriage.connector import idl, pod_manifest
from flytekitplugins_podtriage.connector.attempt_record import Intent
from flytekitplugins_podtriage.connector.attempt_store import AttemptStore
from flytekitplugins_podtriage.connector.garbage_collector import GarbageCollector
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.launcher import Launch, Launcher, Sleep
from flytekitplugins_podtriage.connector.lazy_cluster import LazyCluster, OpenCluster
from flytekitplugins_podtriage.connector.orphans import ExecutionOver
from flytekitplugins_podtriage.connector.output_prefix import PrefixError
from flytekitplugins_podtriage.connector.pod_evaluation import PodEvaluation
from flytekitplugins_podtriage.connector.pod_manifest import annotation
from flytekitplugins_podtriage.connector.pod_remover import PodRemover
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.response_cache import ResponseCache
from flytekitplugins_podtriage.connector.responses import (
    PackedResource,
    Response,
    custom_info,
    flytekit_resource,
    message,
)
from flytekitplugins_podtriage.connector.settlement import AttemptEnd
from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt
from flytekitplugins_podtriage.connector.telemetry import Telemetry
from flytekitplugins_podtriage.connector.view_refresher import ViewRefresher
from flytekitplugins_podtriage.core.absent_pods import pod_gone, pod_not_created, template_refused
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodCluster, PodSnapshot
from flytekitplugins_podtriage.flyte.settings import Settings
from flytekitplugins_podtriage.flyte.task import TASK_TYPE

_log = logging.getLogger("flytekitplugins_podtriage")
REPLY_WAIT: Final = 0.5
"""Seconds that ``create`` and ``delete`` wait at most until what is asked of them is stored, before they reply."""
GET_TIMEOUT: Final = 5.0
"""Seconds that ``get`` may take: half of what FlytePropeller waits for it (``defaultTimeout``)."""
_LOG_LINES: Final = 1000
_Method = TypeVar("_Method", bound=Callable[..., Awaitable[Any]])


def _timed(operation: str) -> Callable[[_Method], _Method]:
    """Time a method that answers a request of FlytePropeller."""

    def decorate(method: _Method) -> _Method:
        @functools.wraps(method)
        async def timed(self: PodTriageConnector, *arguments: Any, **keywords: Any) -> Any:
            began = time.perf_counter()
            try:
                return await method(self, *arguments, **keywords)
            finally:
                self.telemetry.answer_took(operation, time.perf_counter() - began)

        return cast("_Method", timed)

    return decorate


class PodTriageConnector(AsyncConnectorBase):
    """Runs tasks of the type ``podtriage`` as pods.

    Args:
        open_cluster: called when the cluster is first needed, and again after a ClusterError.
        hook: judges pods and settles attempts; None: one with the plugin's settings.
        execution_over: whether an execution, given by namespace and name, is over; None: that cannot be known.
        reply_wait: how long ``create`` and ``delete`` wait for the store before they reply, in seconds.
        get_timeout: how long ``get`` may take, in seconds.
        sleep: how the launcher waits between two tries.
        clock: a monotonic clock, in seconds: the garbage collector's, and of the pauses between reads.
        telemetry: logs and counts; the hook's observer is the same one. None: one without metrics.
    """

    name = "PodTriage Connector"

    def __init__(
        self,
        open_cluster: OpenCluster,
        hook: TriageHook | None = None,
        execution_over: ExecutionOver | None = None,
        *,
        reply_wait: float = REPLY_WAIT,
        get_timeout: float = GET_TIMEOUT,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        telemetry: Telemetry | None = None,
    ) -> None:
        super().__init__(task_type_name=TASK_TYPE, metadata_type=PodMeta)
        self._reply_wait = reply_wait
        self._get_timeout = get_timeout
        self.telemetry = telemetry or Telemetry()
        self._hook = hook or TriageHook(observer=self.telemetry)
        self._cluster = LazyCluster(open_cluster)
        self._store = AttemptStore(self._hook)
        self._cache = ResponseCache()
        self._refresher = ViewRefresher(clock=clock)
        self._pods = PodEvaluation(self._hook, self._refresher)
        self._remover = PodRemover(self._cluster, clock)
        self._launcher = Launcher(self._cluster, self._store, self._remover, sleep)
        self.garbage_collector = GarbageCollector(
            self._cluster,
            self._hook,
            self._store,
            self._remover,
            self._cache,
            self._pods,
            execution_over,
            clock=clock,
            telemetry=self.telemetry,
        )
        self._background: set[asyncio.Task[None]] = set()

    @_timed("create")
    async def create(
        self,
        task_template: Any,
        output_prefix: str,
        inputs: Any = None,
        task_execution_metadata: Any = None,
        **kwargs: Any,
    ) -> PodMeta:
        """Have an attempt's pod created; return its resource meta as soon as that survives this process.

        That is when the intent is stored, or the pod exists. If neither is so within ``reply_wait``, it replies all the
        same, and the pod is created if this process lives. It raises nothing for a faulty task or cluster, since
        FlytePropeller charges that to the user and reports no cause: ``get`` reports it.
        """
        self.garbage_collector.start()
        attempt = TaskAttempt.of(task_template, output_prefix)
        prefix = self._hook.prefix(attempt)
        try:
            settings = self._hook.settings
        except ValueError:  # get reports what is wrong with them
            settings = Settings(pod_annotations="")
        namespace = (*settings.namespaces, "default")[0]
        location = pod_manifest.pod_location(prefix, task_execution_metadata, namespace)
        now = self._cluster.now()
        meta = PodMeta(
            namespace=location.namespace,
            pod=location.name,
            prefix=output_prefix,
            created=int(now.timestamp()),
            outputs=attempt.outputs,
            marker=attempt.marker,
            retries=attempt.retries,
            user_patience=attempt.user_patience,
            system_patience=attempt.system_patience,
        )
        intent = Intent(at=now, namespace=location.namespace, name=location.name)
        try:
            manifest = pod_manifest.pod(
                task_template, location, prefix, task_execution_metadata, meta.encode(), settings
            )
            intent = attrs.evolve(intent, manifest=manifest)
        except pod_manifest.TemplateRefused as error:
            intent = attrs.evolve(intent, refused=str(error), refused_for=error.kind)
        await self._wait_briefly(self._launcher.start(meta, intent).safe)
        return meta

    @_timed("get")
    async def get(self, resource_meta: PodMeta, **kwargs: Any) -> Resource | PackedResource:
        """Report how an attempt fares. It never raises: errors of get are counted over the task's whole life."""
        try:
            cached = self._cached(resource_meta)
            if cached is not None:
                return cached
            return await asyncio.wait_for(self._respond(resource_meta), self._get_timeout)
        except asyncio.TimeoutError:  # settling goes on in the background, and is reported by the next call
            return _unknown(
                f"neither the API server nor the store of {resource_meta.prefix} has answered within "
                f"{self._get_timeout:g} s"
            )
        except Exception as error:  # noqa: BLE001  # a bug, or settings that cannot be read: nobody is to be charged for it
            _log.exception("podtriage: no response about pod %s/%s", resource_meta.namespace, resource_meta.pod)
            return _unknown(f"podtriage cannot determine the task's state: {type(error).__name__}: {error}")

    async def delete(self, resource_meta: PodMeta, **kwargs: Any) -> None:
        """Abort an attempt; reply as soon as that is stored, from when on any replica deletes the pod.

        It never raises: an error would fail the workflow's round.
        """
        if resource_meta.unreadable:
            _log.error("podtriage: nothing can be deleted: %s", resource_meta.unreadable)
            return
        self.garbage_collector.start()
        self._launcher.stop(resource_meta)
        marking = self._in_background(self._store.mark_stopped(resource_meta))
        self._in_background(self._remove(resource_meta, marking))
        await self._wait_briefly(marking)

    async def get_logs(self, resource_meta: PodMeta, **kwargs: Any) -> GetTaskLogsResponse:
        """Return the last lines of the task's container, or why there are none."""
        try:
            cluster = await self._cluster.get()
            snapshot = cluster.get_cached(resource_meta.namespace, resource_meta.pod)
            container = annotation(snapshot, PRIMARY_CONTAINER) if snapshot is not None else ""
            text = await cluster.logs(resource_meta.namespace, resource_meta.pod, container, _LOG_LINES)
            lines = text.splitlines()
        except ClusterError as error:
            lines = [f"podtriage: {error}"]
        return GetTaskLogsResponse(body=GetTaskLogsResponseBody(results=lines))

    async def close(self) -> None:
        """Stop everything that runs in the background."""
        self.garbage_collector.stop()
        await self._launcher.close()
        await self._refresher.close()
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._store.close()

    def _cached(self, meta: PodMeta) -> PackedResource | None:
        """Return the cached response if it still holds."""
        cluster = self._cluster.opened
        if cluster is None or meta not in self._cache:
            return None
        return self._cache.get(meta, cluster.get_cached(meta.namespace, meta.pod), cluster.now())

    async def _respond(self, meta: PodMeta) -> Resource:
        if meta.unreadable:
            return _unknown(f"{meta.unreadable}; nothing is charged, and a replica of its version may answer")
        self.garbage_collector.start()
        try:
            cluster = self._cluster.opened or await self._cluster.get()
        except ClusterError as error:
            return await self._respond_without_cluster(meta, error)
        snapshot = cluster.get_cached(meta.namespace, meta.pod)
        if snapshot is None or annotation(snapshot, pod_manifest.PREFIX) != meta.prefix:
            return await self._respond_without_pod(meta, cluster)
        if meta not in self._cache:
            meta = meta.sharing_strings(snapshot)  # it is kept for as long as the pod is there
        return await self._respond_for_pod(meta, cluster, snapshot)

    async def _respond_for_pod(self, meta: PodMeta, cluster: PodCluster, snapshot: PodSnapshot) -> Resource:
        snapshot, response = await self._pods.confirm(meta, cluster, snapshot)
        now = cluster.now()
        # The attempt of a pod that is not over may be: recorded by another replica, or by this one before a restart.
        if isinstance(response, Response) and (meta not in self._cache or _is_being_deleted(snapshot)):
            recorded = await self._store.has_record(meta)
            response = self._hook.end(pod_gone(), meta.attempt, now, snapshot) if recorded else response
        if isinstance(response, AttemptEnd):
            return (await self._settle(meta, response)).resource
        self.telemetry.answered(meta, response.verdict, snapshot)
        await self._cache.put(meta, snapshot, response, now)
        return response.resource

    async def _respond_without_pod(self, meta: PodMeta, cluster: PodCluster) -> Resource:
        """Respond about an attempt whose pod is not in the cache: not created yet, not observed yet, or deleted."""
        launch = self._launcher.get(meta)
        if launch is not None:
            return await self._respond_for_launch(meta, launch)
        try:
            stored = await self._store.read(meta)
        except PrefixError as error:
            return _unknown(f"the task's pod is not observed, and the record of its attempt cannot be read: {error}")
        if stored.record is None and not stored.stopped:
            # A pod is missing only if the pods are watched: what a list has refused as outdated (an API server that
            # answers from an old state), a single read may be as well.
            watch_error = cluster.watch_error()
            if watch_error is not None or not cluster.synced():
                return _unknown(f"the task's pod is not observed: {watch_error or 'the pods are being listed'}")
            try:
                snapshot = await cluster.get(meta.namespace, meta.pod)
            except ClusterError as error:
                return _unknown(f"the task's pod is not observed: {error}")
            if snapshot is not None and annotation(snapshot, pod_manifest.PREFIX) == meta.prefix:
                return await self._respond_for_pod(meta, cluster, snapshot)
            if stored.intent is not None and not stored.created:
                launch = self._launcher.start(meta, stored.intent, noted=True)
                await self._wait_briefly(launch.task)
                return await self._respond_for_launch(meta, launch)
        return (await self._settle(meta, self._hook.end(pod_gone(), meta.attempt, cluster.now()))).resource

    async def _respond_for_launch(self, meta: PodMeta, launch: Launch) -> Resource:
        """Respond about an attempt whose pod is being created."""
        intent, now = launch.intent, self._cluster.now()
        if intent.refused:
            verdict = template_refused(intent.refused, intent.refused_for)
        elif launch.error is not None:
            policy = self._hook.policy(meta.attempt)
            freshness = Freshness(as_of=launch.refused_at)
            verdict = pod_not_created(launch.error, since=intent.at, policy=policy, now=now, freshness=freshness)
        else:
            return flytekit_resource(idl.QUEUED, "the pod is being created")
        if not verdict.phase.terminal:
            self.telemetry.answered(meta, verdict)
            return flytekit_resource(idl.phase(verdict.phase), message(verdict), custom_info(verdict))
        response = await self._settle(meta, self._hook.end(verdict, meta.attempt, now))
        if response.settled:
            self._launcher.stop(meta)
        return response.resource

    async def _respond_without_cluster(self, meta: PodMeta, error: ClusterError) -> Resource:
        """Respond while the cluster cannot be opened: with what is on record, else with the error."""
        now = self._cluster.now()
        if await self._store.has_record(meta):
            return (await self._settle(meta, self._hook.end(pod_gone(), meta.attempt, now))).resource
        launch = self._launcher.get(meta)
        if launch is not None:
            if launch.error is None:
                launch = attrs.evolve(launch, error=error, refused_at=now)
            return await self._respond_for_launch(meta, launch)
        return _unknown(str(error))

    async def _settle(self, meta: PodMeta, end: AttemptEnd) -> Response:
        """Put the end of an attempt on record, and delete its pod if that still runs."""
        response = await self._store.settle(meta, end)
        if response.settled:
            self._cache.discard(meta)
            if self.garbage_collector.deletes_now(end.snapshot):
                self._in_background(self._remover.remove(meta, end.snapshot))
        else:
            self.telemetry.answered(meta, response.verdict, end.snapshot)
        return response

    async def _remove(self, meta: PodMeta, marking: asyncio.Task[None]) -> None:
        """Delete the pod of an aborted attempt, once that is noted for whoever is creating the pod."""
        await self._wait_briefly(marking)  # and not longer: a store that hangs keeps no pod
        await self._remover.remove(meta)
        self._cache.discard(meta)

    async def _wait_briefly(self, future: asyncio.Future[None] | None) -> None:
        """Wait for something that goes on in the background, but not long."""
        if future is not None:
            await asyncio.wait({future}, timeout=self._reply_wait)

    def _in_background(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task


def _is_being_deleted(snapshot: PodSnapshot) -> bool:
    return snapshot.pod.metadata is not None and snapshot.pod.metadata.deletion_timestamp is not None


def _unknown(text: str) -> Resource:
    """Return the response while the state of an attempt cannot be determined: it charges nobody."""
    return flytekit_resource(idl.WAITING_FOR_RESOURCES, text)
