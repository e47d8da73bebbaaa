"""A real cluster as a :class:`~flytekitplugins_podtriage.core.pod_cluster.PodCluster`: requests, and one shared watch.

However many pods there are, and however often they are read, the API server has one watch of pods and one of Events to
serve. Requests run in a few threads of their own, so that an API server that hangs blocks neither the event loop nor
other users of threads.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterDenied,
    ClusterError,
    ClusterUnreachable,
    PodSnapshot,
)
from flytekitplugins_podtriage.kube.client import requests
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.flyteworkflows import execution_over, workflow
from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions
from flytekitplugins_podtriage.kube.informer.pod_entry import Key, Limits
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from flytekitplugins_podtriage.kube.informer.selector import Selector
from flytekitplugins_podtriage.kube.informer.stream import HttpSource
from flytekitplugins_podtriage.kube.informer.watch_events import EVENTS, PODS, Decoder
from flytekitplugins_podtriage.kube.view_reader import SETTLED, ViewReader

TASK_LABEL: Final = "podtriage.flyte.org/task"
"""The label of all pods of the connector and of local runs."""
_STALE: Final = 30.0
"""For how many seconds without the API server the absence of a pod from the cache is still believed."""
_READ_HOLDS: Final = timedelta(seconds=30)
"""For how long a decision may rest on a pod having been read."""
_CATCH_UP: Final = 2.0
"""How many seconds after a response the watch should have reported the same."""
_MAX_DELIVERED: Final = 10_000
"""For how many pods the delivered version is remembered before those that are forgotten are removed."""
_ANY: Final[Key] = ("", "")
"""Stands for any pod among those that are waited for."""
_LIST_POLL: Final = 0.05
"""For how many seconds a thread waits for the first list before errors are looked at."""
_POD_EVENTS: Final = "involvedObject.kind=Pod"

Result = TypeVar("Result")


class KubeCluster:
    """A :class:`~flytekitplugins_podtriage.core.pod_cluster.PodCluster`: a real Kubernetes.

    Args:
        namespace: the namespace whose pods are watched; None: all, which needs a cluster role.
        selector: the labels of the pods that are watched; None: all pods.
        threads: how many requests are made at a time.
        now: returns the time, with a zone; None: the API server's, as its responses show it.
        settled: for how many seconds the API server must have answered before a pod is read to decide about it.
        labels: the labels that pods in the cache keep.
        annotations: the annotations that they keep; None: all.
        pod_type: what pods are decoded as: ``wire.Pod``, or a type with more fields.
        on_change: called with a pod's namespace and name after each change, in the thread that made it; it must be
            quick, and may not raise.

    Raises:
        ValueError: the selector cannot be parsed.
    """

    def __init__(
        self,
        connection: Connection,
        namespace: str | None = None,
        selector: str | None = TASK_LABEL,
        *,
        timeouts: Timeouts | None = None,
        threads: int = 8,
        now: Callable[[], datetime] | None = None,
        limits: Limits | None = None,
        watch_options: WatchOptions | None = None,
        settled: float = SETTLED,
        labels: Sequence[str] = (),
        annotations: Sequence[str] | None = None,
        pod_type: type[wire.Pod] = wire.Pod,
        on_change: Callable[[Key], None] | None = None,
    ) -> None:
        self._connection = connection
        self._namespace = namespace
        self._selector = Selector.parse(selector or "")
        self._timeouts = timeouts or Timeouts()
        self._now = now or connection.clock.now
        self._threads = ThreadPoolExecutor(threads, "podtriage-api")
        self._pod_type = pod_type
        self._on_change = on_change
        self._store = PodStore(self._now, limits, self._changed, labels, annotations)
        self._waiters: dict[Key, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self._waiters_lock = threading.Lock()
        self._delivered: dict[Key, int] = {}
        self._closed = False
        self._events = Reflector(
            connection,
            HttpSource(connection, {"fieldSelector": _POD_EVENTS}, self._timeouts),
            EVENTS,
            self._store.events,
            "events",
            namespace,
            options=watch_options,
            clock=connection.clock.monotonic,
        )
        self._pods = Reflector(
            connection,
            HttpSource(connection, {"labelSelector": selector} if selector else {}, self._timeouts),
            PODS if pod_type is wire.Pod else Decoder(pod_type),
            self._store,
            "pods",
            namespace,
            options=watch_options,
            clock=connection.clock.monotonic,
            # Events come second: for pods that are not known yet, only few are kept.
            on_listed=self._events.start,
        )
        self._moment = connection.clock.at if now is None else lambda _: now()
        self._view = ViewReader(self._store, self._pods, self._events, self._offer, self._moment, settled, pod_type)

    async def start(self) -> None:
        """Start to watch, and return at once."""
        self._pods.start()

    async def close(self) -> None:
        """End the watches and the threads, without waiting for requests in flight."""
        self._closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._stop)
        with self._waiters_lock:
            waiters = [waiter for waiters in self._waiters.values() for waiter in waiters]
        _wake(waiters)

    def _stop(self) -> None:
        for reflector in (self._pods, self._events):
            reflector.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # The protocol

    def now(self) -> datetime:
        """Return the time."""
        return self._now()

    async def create(self, namespace: str, pod: Mapping[str, Any]) -> str:
        """Create a pod from its manifest; return its uid."""
        metadata = pod.get("metadata")
        name = str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""
        operation = Operation("create", "pods", namespace, name)
        created = await self._run(operation, requests.create_pod, pod)
        self._offer(created)
        return (created.metadata.uid if created.metadata is not None else None) or ""

    async def delete(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        """Request a pod's deletion, with a grace period in seconds (None: the pod's own)."""
        operation = Operation("delete", "pods", namespace, name)
        if operation.invalid_name is None:
            await self._run(operation, requests.delete_pod, uid, grace)

    async def get(self, namespace: str, name: str) -> PodSnapshot | None:
        """Request a pod's current state; its events and memory come from the cache."""
        operation = Operation("get", "pods", namespace, name)
        read = functools.partial(requests.get_pod, pod_type=self._pod_type)
        pod = await self._run(operation, read) if operation.invalid_name is None else None
        if pod is None:
            return None
        self._offer(pod)
        return self._store.snapshot_of(pod)

    def freshness(self, snapshot: PodSnapshot) -> Freshness:
        """Return as of when a pod was read; nothing is known to be complete that rests on the watch alone."""
        metadata = snapshot.pod.metadata
        read_at = self._store.read_at((metadata.uid if metadata is not None else None) or "")
        if read_at is not None and self._now() - read_at > _READ_HOLDS:
            read_at = None
        heard = self._pods.heard
        return Freshness(as_of=read_at, heard_at=self._moment(heard) if heard is not None else None)

    async def refresh(self, snapshot: PodSnapshot) -> None:
        """Read a pod, and its events unless their watch is up to date, from the API server into the cache.

        What is missing in the watches is noticed by it too: the one of pods is begun again if it does not report what
        was read.
        """
        metadata = snapshot.pod.metadata or wire.Metadata()
        operation, uid = Operation("get", "pods", metadata.namespace, metadata.name), metadata.uid or ""
        try:
            await self._run(operation, self._view.read, uid)
        finally:
            asyncio.get_running_loop().call_later(_CATCH_UP, self._check_watch, uid)

    def _check_watch(self, uid: str) -> None:
        heard = self._pods.heard
        silent = heard is not None and self._connection.clock.monotonic() - heard > _CATCH_UP
        if silent and not self._closed and self._store.is_ahead(uid):
            self._pods.reconnect()

    async def logs(self, namespace: str, name: str, container: str, lines: int) -> str:
        """Return the last lines of a container's log, at most a megabyte."""
        operation = Operation("get", "pods/log", namespace, name)
        if operation.invalid_name is not None:
            return ""
        return await self._run(operation, requests.get_logs, container, lines)

    async def list(self, namespace: str, labels: Mapping[str, str]) -> list[PodSnapshot]:
        """Request the pods of a namespace that carry all these labels."""
        operation = Operation("list", "pods", namespace)
        try:
            selector = Selector.of(labels).text
        except ValueError:
            return []  # no pod can carry such a label
        if operation.invalid_name is not None:
            return []
        return [self._store.snapshot_of(pod) for pod in await self._run(operation, requests.list_pods, selector)]

    def synced(self) -> bool:
        """Whether every pod that existed half a minute ago is in the cache; it says nothing about Events."""
        return self._pods.fresh(_STALE)

    def view_age(self) -> float:
        """Return how many seconds ago the API server last reported anything on the watch of pods."""
        return self._pods.age()

    def list_cached(self) -> Sequence[PodSnapshot]:
        """Return all pods of the cache that exist."""
        return self._store.list_cached()

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return a pod of the cache; None if it is not there."""
        return self._store.get_cached(namespace, name)

    async def wait_for_change(self, namespace: str, name: str, until: datetime) -> PodSnapshot | None:
        """Wait for a state of a pod that was not returned here before, or until a moment; return what is known then."""
        key = (namespace, name)
        changed = asyncio.Event()
        waiter = (asyncio.get_running_loop(), changed)
        with self._waiters_lock:
            self._waiters.setdefault(key, []).append(waiter)
        try:
            while True:
                changed.clear()
                snapshot = self._store.get_cached(namespace, name)
                if snapshot is not None and snapshot.version != self._delivered.get(key):
                    break
                left = (until - self._now()).total_seconds()
                if left <= 0 or self._closed:
                    break
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(changed.wait(), left)
        finally:
            with self._waiters_lock:
                waiters = self._waiters[key]
                waiters.remove(waiter)
                if not waiters:
                    del self._waiters[key]
        if snapshot is not None:
            self._delivered[key] = snapshot.version
            if len(self._delivered) > _MAX_DELIVERED:
                cached = self._store.get_cached
                self._delivered = {key: value for key, value in self._delivered.items() if cached(*key) is not None}
        return snapshot

    # Beyond the protocol

    async def wait_until_listed(self, timeout: float) -> None:
        """Wait until all pods that there are, and their Events if they may be listed, are in the cache.

        Raises:
            ClusterError: the pods could not be listed within so many seconds, or may not be.
        """
        for reflector in (self._pods, self._events):
            end = time.monotonic() + timeout
            while not await asyncio.to_thread(reflector.listed.wait, _LIST_POLL):
                error = reflector.error
                if isinstance(error, ClusterDenied) or time.monotonic() > end:
                    if reflector is self._pods:
                        raise error or ClusterBusy(f"{self._connection.location}: no list within {timeout:g} s")
                    return

    async def request(self, operation: Operation, function: Callable[..., Result], *arguments: Any) -> Result:
        """Make a request in one of the threads: ``function(connection, operation, *arguments, timeouts)``.

        Raises:
            ClusterUnreachable: no thread was free, or there was no response, within the time.
        """
        return await self._run(operation, function, *arguments)

    @property
    def version(self) -> int:
        """A number that grows with every change of any pod."""
        return self._store.version

    async def wait_for_any_change(self, version: int, until: datetime) -> None:
        """Wait until :attr:`version` is another one, or until a moment."""
        changed = asyncio.Event()
        waiter = (asyncio.get_running_loop(), changed)
        with self._waiters_lock:
            self._waiters.setdefault(_ANY, []).append(waiter)
        try:
            left = (until - self._now()).total_seconds()
            if self._store.version == version and left > 0 and not self._closed:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(changed.wait(), left)
        finally:
            with self._waiters_lock:
                self._waiters[_ANY].remove(waiter)

    @property
    def default_namespace(self) -> str:
        """The namespace of the kubeconfig's context, or of the pod that this runs in."""
        return self._connection.namespace

    def watch_error(self) -> ClusterError | None:
        """Return the error that keeps the pods from being watched; None if there is none."""
        return self._pods.error

    def events_error(self) -> ClusterError | None:
        """Return the error that keeps the Events from being watched: verdicts then rest on the pods alone."""
        return self._events.error

    async def execution_over(self, namespace: str, name: str) -> bool | None:
        """Return whether an execution of Flyte has ended; None if that cannot be known."""
        operation = workflow(namespace, name)
        if operation.invalid_name is not None:
            return None
        try:
            return await self._run(operation, execution_over)
        except ClusterError:
            return None

    def _offer(self, pod: wire.Pod) -> None:
        """Put a pod into the cache at once, if it is one of those that are watched."""
        metadata = pod.metadata or wire.Metadata()
        if self._namespace in (None, metadata.namespace) and self._selector.matches(metadata.labels):
            self._store.offer(pod)

    def _changed(self, key: Key) -> None:
        if self._on_change is not None:
            self._on_change(key)
        with self._waiters_lock:
            waiters = (*self._waiters.get(key, ()), *self._waiters.get(_ANY, ()))
        _wake(waiters)

    async def _run(self, operation: Operation, function: Callable[..., Result], *arguments: Any) -> Result:
        """Make a request in a thread; it is never sent if no thread is free within the time."""
        prefix = f"{self._connection.location}: {operation}: no response"
        if self._closed:
            raise ClusterUnreachable(f"{prefix}: podtriage is closing down")
        call = functools.partial(function, self._connection, operation, *arguments, self._timeouts)
        request = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            result = await asyncio.wait_for(request, self._timeouts.total)
        except asyncio.TimeoutError as error:
            raise ClusterUnreachable(f"{prefix}: none within {self._timeouts.total:g} s") from error
        for reflector in (self._pods, self._events):
            reflector.retry_now()
        return result


def _wake(waiters: Sequence[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
    for loop, changed in waiters:
        with suppress(RuntimeError):  # the waiter's loop is closed
            loop.call_soon_threadsafe(changed.set)
