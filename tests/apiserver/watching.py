"""A ``KubeCluster`` for the length of a test, in a hurry, and ways to wait for what it sees."""

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
"""Seconds that something may take which a test waits for."""
HURRY = WatchOptions(first_wait=0.02, max_wait=0.1, lag_wait=0.02, min_duration=0.0)
"""Watches that do not keep a test waiting: what they wait for is beside them."""


@asynccontextmanager
async def watching(
    cluster: Connection, namespace: str | None = None, selector: str | None = None, **options: Any
) -> AsyncIterator[KubeCluster]:
    """Watch pods (all of them, if no selector is given), from a whole first list on."""
    async with opened(cluster, namespace, selector, **options) as found:
        await listed(found)
        yield found


@asynccontextmanager
async def opened(
    cluster: Connection, namespace: str | None = None, selector: str | None = None, **options: Any
) -> AsyncIterator[KubeCluster]:
    """Begin to watch pods, and wait for nothing."""
    found = KubeCluster(cluster, namespace, selector, **{"watch_options": HURRY, **options})
    await found.start()
    try:
        yield found
    finally:
        await found.close()


async def listed(kube: KubeCluster) -> None:
    """Wait for the first whole lists of pods and of Events."""
    for watch in (kube._pods, kube._events):
        assert await asyncio.to_thread(watch.listed.wait, PATIENCE), f"no list: {watch.error}"


async def until(kube: KubeCluster, namespace: str, name: str, so: Callable[[PodSnapshot | None], Any]) -> PodSnapshot:
    """Wait until what is known of a pod is so; return it."""

    async def seen() -> PodSnapshot | None:
        while True:
            found = kube.get_cached(namespace, name)
            if so(found):
                return found
            # The cluster's clock may be a story's: the wait is bounded from outside.
            await kube.wait_for_change(namespace, name, kube.now() + timedelta(days=1))

    try:
        found = await asyncio.wait_for(seen(), PATIENCE)
    except asyncio.TimeoutError:
        raise AssertionError(f"not seen: {kube.get_cached(namespace, name)}; {kube.watch_error()}") from None
    assert found is not None
    return found


async def eventually(so: Callable[[], Any]) -> None:
    """Wait until something is so that nothing tells of."""
    end = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < end, "it is not so"
        await asyncio.sleep(0.005)


def there(snapshot: PodSnapshot | None) -> bool:
    """Whether a pod is seen that is there."""
    return snapshot is not None and not snapshot.gone


def gone(snapshot: PodSnapshot | None) -> bool:
    """Whether a pod is seen that is gone."""
    return snapshot is not None and snapshot.gone


def phase(name: str) -> Callable[[PodSnapshot | None], bool]:
    """Return whether a pod is seen in a phase."""
    return lambda snapshot: (
        snapshot is not None and snapshot.pod.status is not None and snapshot.pod.status.phase == name
    )


def names(kube: KubeCluster) -> list[str]:
    """Return the names of the pods that are there."""
    return sorted(str(snapshot.pod.metadata.name) for snapshot in kube.list_cached())
