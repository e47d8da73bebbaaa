"""A ``KubeCluster`` that is watched for the length of a block, and waits for what its watch brings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from typing import Any

from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster
from tests.builders import NAMESPACE as NS
from tests.kube.scripted import TIMEOUT

HURRY = WatchOptions(first_wait=0.01, max_wait=0.02, persistent_wait=0.02, lag_wait=0.01, min_duration=0.0)
FOREVER = datetime(9999, 1, 1, tzinfo=timezone.utc)


@asynccontextmanager
async def watching(cluster: Connection, namespace: str | None = NS, **options: Any) -> AsyncIterator[KubeCluster]:
    """Watch for the length of a block."""
    kube = KubeCluster(cluster, namespace, **{"watch_options": HURRY, **options})
    await kube.start()
    try:
        yield kube
    finally:
        await kube.close()


async def until(kube: KubeCluster, name: str, so: Callable[[PodSnapshot | None], bool]) -> PodSnapshot | None:
    """Wait until a cached pod fulfils a condition."""

    async def wait() -> PodSnapshot | None:
        while not so(snapshot := kube.get_cached(NS, name)):
            await kube.wait_for_change(NS, name, FOREVER)
        return snapshot

    return await asyncio.wait_for(wait(), TIMEOUT)


async def synced(kube: KubeCluster) -> None:
    assert await asyncio.to_thread(kube._pods.listed.wait, TIMEOUT)
