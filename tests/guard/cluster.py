"""A cluster for the guard's loop: pods that a test sets, and requests that go to a scripted API server or a function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodSnapshot
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.client.operation import Operation
from tests.builders import NAME, NAMESPACE, NOW, pod, waiting

OWNER = {"apiVersion": "flyte.lyft.com/v1alpha1", "kind": "FlyteWorkflow", "name": "f3a91c", "uid": "w1"}


def snapshot(
    name: str = NAME, *, phase: str = "Pending", version: int = 7, gone: bool = False, **more: Any
) -> PodSnapshot:
    """Return a pod of stock Flyte on a node, as it is cached."""
    made = pod(
        phase,
        waiting("ImagePullBackOff"),
        name=name,
        version=version,
        labels={"execution-id": "f3a91c"},
        metadata={"ownerReferences": [{**OWNER, "controller": True}]},
        spec={"nodeName": "n1"},
        **more,
    )
    return PodSnapshot(pod=msgspec.convert(made, OwnedPod), gone=gone, at=NOW, version=version)


class FakeCluster:
    """A cluster whose time a test sets."""

    def __init__(self, connection: Connection | None = None) -> None:
        self._connection = connection
        self.time = NOW
        self.pods: dict[tuple[str, str], PodSnapshot] = {}
        self.refreshed: list[str] = []
        self.on_refresh: Callable[[PodSnapshot], None] = lambda _: None
        self.answer: Callable[[Operation], Any] | None = None
        """Answers requests instead of the API server."""
        self.requests: list[Operation] = []

    def put(self, *snapshots: PodSnapshot) -> None:
        """Have these pods in the cache."""
        for each in snapshots:
            assert each.pod.metadata is not None
            self.pods[each.pod.metadata.namespace or "", each.pod.metadata.name or ""] = each

    def pass_time(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.time += timedelta(seconds=seconds)

    # The protocol

    def now(self) -> datetime:
        return self.time

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        return self.pods.get((namespace, name))

    def list_cached(self) -> Sequence[PodSnapshot]:
        return [each for each in self.pods.values() if not each.gone]

    def freshness(self, snapshot: PodSnapshot) -> Freshness:
        return Freshness.current(self.time)

    async def refresh(self, snapshot: PodSnapshot) -> None:
        assert snapshot.pod.metadata is not None
        self.refreshed.append(snapshot.pod.metadata.name or "")
        await asyncio.sleep(0)
        self.on_refresh(snapshot)

    async def request(self, operation: Operation, function: Callable[..., Any], *arguments: Any) -> Any:
        self.requests.append(operation)
        if self.answer is not None:
            await asyncio.sleep(0)
            answer = self.answer(operation)
            if isinstance(answer, ClusterError):
                raise answer
            return answer
        return await asyncio.to_thread(function, self._connection, operation, *arguments, Timeouts(read=5.0))


KEY = (NAMESPACE, NAME)
