"""A ``KubeCluster`` for the length of a test, with short waits, and functions that wait for what it caches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster

PATIENCE = 30.0
"""The longest wait of a test for something, in seconds."""
HURRY = WatchOptions(first_wait=0.02, max_wait=0.1, persistent_wait=0.1, lag_wait=0.02, min_duration=0.0)
"""Watches with short waits."""


@asynccontextmanager
async def watching(
    cluster: Connection, namespace: str | None = None, selector: str | None = None, **options: Any
) -> AsyncIterator[KubeCluster]:
    """Watch pods (all of them, without a selector), after a complete first list."""
    async with opened(cluster, namespace, selector, **options) as kube:
        await listed(kube)
        yield kube


@asynccontextmanager
async def opened(
    cluster: Connection, namespace: str | None = None, selector: str | None = None, **options: Any
) -> AsyncIterator[KubeCluster]:
    """Watch pods."""
    kube = KubeCluster(cluster, namespace, selector, **{"watch_options": HURRY, **options})
    await kube.start()
    try:
        yield kube
    finally:
        await kube.close()


async def listed(kube: KubeCluster) -> None:
    """Wait for the first complete lists of pods and Events."""
    for reflector in (kube._pods, kube._events):
        assert await asyncio.to_thread(reflector.listed.wait, PATIENCE), f"no list: {reflector.error}"


async def until(kube: KubeCluster, namespace: str, name: str, so: Callable[[PodSnapshot | None], Any]) -> PodSnapshot:
    """Wait until a cached pod fulfils a condition; return it."""

    async def wait() -> PodSnapshot | None:
        while True:
            snapshot = kube.get_cached(namespace, name)
            if so(snapshot):
                return snapshot
            # The cluster's clock may be a story's; the outer wait is limited.
            await kube.wait_for_change(namespace, name, kube.now() + timedelta(days=1))

    try:
        snapshot = await asyncio.wait_for(wait(), PATIENCE)
    except asyncio.TimeoutError:
        raise AssertionError(f"timed out: {kube.get_cached(namespace, name)}; {kube.watch_error()}") from None
    assert snapshot is not None
    return snapshot


async def eventually(so: Callable[[], Any]) -> None:
    """Wait until a condition holds, by polling."""
    end = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < end, "timed out"
        await asyncio.sleep(0.005)


def there(snapshot: PodSnapshot | None) -> bool:
    """Whether the pod exists."""
    return snapshot is not None and not snapshot.gone


def gone(snapshot: PodSnapshot | None) -> bool:
    """Whether the pod is gone."""
    return snapshot is not None and snapshot.gone


def phase(name: str) -> Callable[[PodSnapshot | None], bool]:
    """Return a condition: the pod is in a phase."""
    return lambda snapshot: (
        snapshot is not None and snapshot.pod.status is not None and snapshot.pod.status.phase == name
    )


def names(kube: KubeCluster) -> list[str]:
    """Return the names of the pods that exist."""
    return sorted(str(snapshot.pod.metadata.name) for snapshot in kube.list_cached())
