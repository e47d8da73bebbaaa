"""A cluster whose calls fail, and clocks that a test sets."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterDenied, ClusterError, PodSnapshot
from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from tests.connector.world import World

DENIED = ClusterDenied('create pods in namespace "ns": forbidden: User "c" cannot create resource "pods"')
NAMESPACE = "flytesnacks-development"


class FaultyCluster:
    """A sandbox whose calls fail or hang as a test says, and whose cache may be blind."""

    def __init__(self, plan: str = "", **failing: Any) -> None:
        self.real = SandboxCluster(Plan.parse(plan))
        self.failing: dict[str, Any] = failing
        self.calls: list[str] = []
        self.blind = False
        self.stale: dict[str, PodSnapshot | None] | None = None
        """The pods as they are cached, by name, while the watch brings nothing; None: it works."""
        self.hang = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def _fail(self, call: str) -> None:
        self.calls.append(call)
        error = self.failing.get(call)
        if error == "hang":
            await self.hang.wait()
        elif error is not None:
            raise error

    async def create(self, namespace: str, pod: Any) -> str:
        await self._fail("create")
        return await self.real.create(namespace, pod)

    async def delete(self, namespace: str, name: str, **more: Any) -> None:
        await self._fail("delete")
        await self.real.delete(namespace, name, **more)

    async def list(self, namespace: str, labels: Any) -> Any:
        await self._fail("list")
        return await self.real.list(namespace, labels)

    async def get(self, namespace: str, name: str) -> PodSnapshot | None:
        await self._fail("get")
        return await self.real.get(namespace, name)

    def lose_the_watch(self) -> None:
        """Let the cache stay as it is."""
        pods = {str(snapshot.pod.metadata.name): snapshot for snapshot in self.real.list_cached()}
        self.stale = {**pods}

    def freshness(self, snapshot: PodSnapshot) -> Freshness:
        return Freshness(as_of=None) if self.stale is not None else self.real.freshness(snapshot)

    async def refresh(self, snapshot: PodSnapshot) -> None:
        await self._fail("refresh")
        self.stale = None

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        if self.stale is not None:
            return self.stale.get(name)
        return None if self.blind else self.real.get_cached(namespace, name)

    def list_cached(self) -> Any:
        return list(self.stale.values()) if self.stale is not None else self.real.list_cached()

    def synced(self) -> bool:
        return not self.blind

    def watch_error(self) -> ClusterError | None:
        return ClusterBusy("list pods: no answer") if self.blind else None


class Clock:
    """The clock of the garbage collector."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def never(_: float) -> None:
    """Wait for ever."""
    await asyncio.Event().wait()


async def advance(here: World, meta: PodMeta, by: timedelta) -> None:
    """Let cluster time pass."""
    until: datetime = here.cluster.now() + by
    while here.cluster.now() < until:
        await here.cluster.wait_for_change(meta.namespace, meta.pod, until)
