"""A real cluster behind the seam of :mod:`core.cluster`: pods made and deleted by requests, seen by one shared watch.

However many pods there are, and however often somebody looks, the API server has one watch of pods and one of Events
to serve. Requests are made by a few threads of its own: an API server that hangs holds up neither the event loop nor
the threads of others.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, Final, TypeVar

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterError, PodSnapshot
from flytekitplugins_podtriage.kube.client import requests
from flytekitplugins_podtriage.kube.client.connection import Cluster
from flytekitplugins_podtriage.kube.client.names import is_name, path
from flytekitplugins_podtriage.kube.client.requests import Timeouts
from flytekitplugins_podtriage.kube.flyteworkflows import execution_over
from flytekitplugins_podtriage.kube.informer.backoff import Pace
from flytekitplugins_podtriage.kube.informer.pod_entry import Key, Limits
from flytekitplugins_podtriage.kube.informer.pod_store import PodCache
from flytekitplugins_podtriage.kube.informer.reflector import Watch
from flytekitplugins_podtriage.kube.informer.selector import Selector
from flytekitplugins_podtriage.kube.informer.stream import HttpSource
from flytekitplugins_podtriage.kube.informer.watch_events import EVENTS, PODS

OURS: Final = "podtriage.flyte.org/task"
"""The label that all pods of the connector and of local runs carry."""
_STALE: Final = 30.0
"""How long the watch may have been without the API server before absence is no longer believed, in seconds."""
_DELIVERED: Final = 10_000
"""Of how many pods it is remembered what was told of them, before those that are forgotten are looked for."""
_POD_EVENTS: Final = "involvedObject.kind=Pod"

Answer = TypeVar("Answer")


class KubeCluster:
    """A :class:`~flytekitplugins_podtriage.core.pod_cluster.PodCluster`: a real Kubernetes.

    Args:
        cluster: the way to it.
        namespace: where pods are watched; None: in all namespaces, which takes a cluster role.
        selector: the labels of the pods that are watched; None: all pods.
        timeouts: how long a request may take.
        threads: how many requests are made at a time.
        now: the time, with a zone.
        limits: how much is kept.
        pace: how the watches go about it.

    Raises:
        ValueError: the selector cannot be read.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str | None = None,
        selector: str | None = OURS,
        *,
        timeouts: Timeouts | None = None,
        threads: int = 8,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        limits: Limits | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._selector = Selector.parse(selector or "")
        self._timeouts = timeouts or Timeouts()
        self._now = now
        self._threads = ThreadPoolExecutor(threads, "podtriage-api")
        self._cache = PodCache(now, limits, self._changed)
        self._waiting: dict[Key, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self._waiting_lock = threading.Lock()
        self._delivered: dict[Key, int] = {}
        self._closed = False
        events = self._source("events", {"fieldSelector": _POD_EVENTS})
        self._events = Watch(cluster, events, EVENTS, self._cache.events, "events", namespace, pace=pace)
        pods = self._source("pods", {"labelSelector": selector} if selector else {})
        # Events come second: those of pods that are not known yet are kept for few of them only.
        self._pods = Watch(cluster, pods, PODS, self._cache, "pods", namespace, pace=pace, on_listed=self._events.start)

    def _source(self, resource: str, selectors: dict[str, str]) -> HttpSource:
        where = path(self._namespace, resource)
        return HttpSource(self._cluster, where, selectors, connect=self._timeouts.connect, read=self._timeouts.listing)

    async def start(self) -> None:
        """Begin to watch; it does not wait for anybody."""
        self._pods.start()

    async def close(self) -> None:
        """End the watches and the threads; requests under way are not waited for."""
        self._closed = True
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._end)
        with self._waiting_lock:
            waiting = [waiter for waiters in self._waiting.values() for waiter in waiters]
        for home, event in waiting:
            with suppress(RuntimeError):
                home.call_soon_threadsafe(event.set)

    def _end(self) -> None:
        for watch in (self._pods, self._events):
            watch.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # The seam

    def now(self) -> datetime:
        """Return the time."""
        return self._now()

    async def create(self, namespace: str, pod: Mapping[str, Any]) -> str:
        """Create a pod from its manifest; return its uid.

        Raises:
            ClusterError: as the seam says.
        """
        made = await self._call(f"create pods in namespace {namespace!r}", requests.create, namespace, pod)
        self._offer(made)
        return (made.metadata.uid if made.metadata is not None else None) or ""

    async def delete(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        """Ask for a pod's deletion, with a grace in seconds (None: the pod's own).

        Raises:
            ClusterError: it could not be asked for.
        """
        if is_name(namespace) and is_name(name):
            doing = f"delete pods {name!r} in namespace {namespace!r}"
            await self._call(doing, requests.delete, namespace, name, uid, grace)

    async def get(self, namespace: str, name: str) -> PodSnapshot | None:
        """Ask the API server for a pod; what is remembered of it is returned with it.

        Raises:
            ClusterError: it could not be asked for.
        """
        if not is_name(namespace) or not is_name(name):
            return None
        pod = await self._call(f"get pods {name!r} in namespace {namespace!r}", requests.read, namespace, name)
        if pod is None:
            return None
        self._offer(pod)
        return self._cache.beside(pod)

    async def logs(self, namespace: str, name: str, container: str, lines: int) -> str:
        """Return the last lines that a container has written, at most a megabyte of them.

        Raises:
            ClusterError: they could not be asked for.
        """
        if not is_name(namespace) or not is_name(name):
            return ""
        doing = f"get pods/log of {name!r} in namespace {namespace!r}"
        return await self._call(doing, requests.logs, namespace, name, container, lines)

    async def list(self, namespace: str, labels: Mapping[str, str]) -> list[PodSnapshot]:
        """Ask the API server for the pods of a namespace that carry all these labels.

        Raises:
            ClusterError: they could not be listed.
        """
        if not is_name(namespace):
            return []
        found = await self._call(f"list pods in namespace {namespace!r}", requests.list_pods, namespace, labels)
        return [self._cache.beside(pod) for pod in found]

    def synced(self) -> bool:
        """Whether every pod that there was half a minute ago is known; of the Events of pods that says nothing."""
        return self._pods.fresh(_STALE)

    def list_cached(self) -> Sequence[PodSnapshot]:
        """Return all the pods that are there, as far as is known."""
        return self._cache.list_cached()

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return what is known of a pod."""
        return self._cache.get_cached(namespace, name)

    async def wait_for_change(self, namespace: str, name: str, until: datetime) -> PodSnapshot | None:
        """Wait until something is seen of a pod that was not returned here before, or until a moment."""
        key = (namespace, name)
        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        waiter = (loop, news)
        with self._waiting_lock:
            self._waiting.setdefault(key, []).append(waiter)
        try:
            while True:
                news.clear()
                found = self._cache.get_cached(namespace, name)
                left = (until - self._now()).total_seconds()
                if found is not None and found.version != self._delivered.get(key):
                    break
                if left <= 0 or self._closed:
                    break
                try:
                    await asyncio.wait_for(news.wait(), left)
                except asyncio.TimeoutError:
                    continue
        finally:
            with self._waiting_lock:
                waiters = self._waiting[key]
                waiters.remove(waiter)
                if not waiters:
                    del self._waiting[key]
        if found is not None:
            self._delivered[key] = found.version
            if len(self._delivered) > _DELIVERED:
                here = self._cache.look
                self._delivered = {key: value for key, value in self._delivered.items() if here(*key) is not None}
        return found

    # Beyond the seam

    @property
    def default_namespace(self) -> str:
        """The namespace of the kubeconfig's context, or of the pod that this runs in."""
        return self._cluster.namespace

    def watch_error(self) -> ClusterError | None:
        """Return what keeps the pods from being watched now; None: nothing does."""
        return self._pods.error

    def events_error(self) -> ClusterError | None:
        """Return what keeps the Events from being watched now: verdicts then rest on the pods alone."""
        return self._events.error

    async def execution_over(self, namespace: str, name: str) -> bool | None:
        """Return whether an execution of Flyte is over; None: it cannot be known."""
        try:
            return await self._in_thread(
                "get flyteworkflows", execution_over, self._cluster, namespace, name, self._timeouts.urllib3()
            )
        except ClusterError:
            return None

    def _offer(self, pod: Any) -> None:
        """Have the cache take in a pod at once, if the watch will tell of it too."""
        metadata = pod.metadata
        here = self._namespace in (None, metadata.namespace if metadata is not None else None)
        if here and self._selector.matches(metadata.labels if metadata is not None else None):
            self._cache.offer(pod)

    def _changed(self, key: Key) -> None:
        with self._waiting_lock:
            waiters = list(self._waiting.get(key, ()))
        for loop, news in waiters:
            with suppress(RuntimeError):  # a loop that was closed while somebody waited in it
                loop.call_soon_threadsafe(news.set)

    async def _call(self, doing: str, function: Callable[..., Answer], *arguments: Any) -> Answer:
        return await self._in_thread(doing, function, self._cluster, self._timeouts, *arguments)

    async def _in_thread(self, doing: str, function: Callable[..., Answer], *arguments: Any) -> Answer:
        """Have a request made by one of the threads; one that none has begun within the time is never made."""
        if self._closed:
            raise ClusterBusy(f"{self._cluster.name}: no answer to: {doing}: podtriage is closing down")
        asked = asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*arguments))
        try:
            return await asyncio.wait_for(asked, self._timeouts.total)
        except asyncio.TimeoutError as error:
            raise ClusterBusy(
                f"{self._cluster.name}: no answer to: {doing}: none within {self._timeouts.total:g} s"
            ) from error
