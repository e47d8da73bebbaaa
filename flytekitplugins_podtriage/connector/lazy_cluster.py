"""The connector's cluster, opened by the first call that needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from flytekitplugins_podtriage.core.pod_cluster import PodCluster
from flytekitplugins_podtriage.kube.client.server_clock import ServerClock

OpenCluster = Callable[[], Awaitable[PodCluster]]
"""Opens the cluster; raises ClusterError if it cannot be opened."""


class LazyCluster:
    """A cluster that is opened once, when first needed; after a failure the next call tries again."""

    def __init__(self, open_cluster: OpenCluster) -> None:
        self._open = open_cluster
        self._lock = asyncio.Lock()
        self._clock = ServerClock()
        self.opened: PodCluster | None = None
        """The cluster; None until it has been opened."""

    def now(self) -> datetime:
        """Return the cluster's time; until it has been opened, that of a clock which does not jump with the host's."""
        return self._clock.now() if self.opened is None else self.opened.now()

    async def get(self) -> PodCluster:
        """Return the cluster, opening it first if necessary; a ClusterError says that it cannot be opened."""
        if self.opened is None:
            async with self._lock:
                if self.opened is None:
                    self.opened = await self._open()
        return self.opened
