"""Reading pods whose end is due, so that it is decided on a current view: few requests, also while none is answered.

FlytePropeller asks about each task every few seconds. An end that rests on time passing is confirmed by one read of its
pod (:mod:`~flytekitplugins_podtriage.core.freshness`). While the API server is away the ends of thousands of pods may
fall due; then one request at a time is made for all of them, and less and less often.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodCluster, PodSnapshot

_log = logging.getLogger("flytekitplugins_podtriage")
WAIT: Final = 2.0
"""Seconds that a caller waits for the response; it must leave time for the store, within the time that ``get`` has."""
_CONCURRENT: Final = 4
"""How many pods are read at a time: the cluster's threads are needed for other requests too."""
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 3.0
"""Seconds between two requests while none succeeds; it doubles with each."""


class ViewRefresher:
    """Reads pods into the cluster's cache.

    Args:
        wait: how long a caller waits for the response, in seconds.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, *, wait: float = WAIT, clock: Callable[[], float] = time.monotonic) -> None:
        self._wait = wait
        self._clock = clock
        self._reading: dict[tuple[str, str], asyncio.Task[bool]] = {}
        self._failures = 0
        self._not_before = 0.0

    async def refresh(self, cluster: PodCluster, snapshot: PodSnapshot) -> bool:
        """Have a pod read; return whether the view of it is complete now.

        False does not mean that anything is wrong: it is another pod's turn, or the response takes longer, in which
        case it is in the cache at the next call.
        """
        metadata = snapshot.pod.metadata
        if metadata is None:
            return False
        key = (metadata.namespace or "", metadata.name or "")
        task = self._reading.get(key)
        if task is None:
            if len(self._reading) >= (1 if self._failures else _CONCURRENT) or self._clock() < self._not_before:
                return False
            task = self._reading[key] = asyncio.get_running_loop().create_task(self._read(cluster, snapshot))
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        done, _ = await asyncio.wait({task}, timeout=self._wait)
        return task in done and not task.cancelled() and task.result()

    async def close(self) -> None:
        """Give up the requests that are under way."""
        tasks = list(self._reading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, cluster: PodCluster, snapshot: PodSnapshot) -> bool:
        try:
            await cluster.refresh(snapshot)
        except ClusterError as error:
            if not self._failures:  # logged once for the whole outage
                _log.warning("podtriage: an end is due, and waits until the pod has been read: %s", error)
            pause = min(_FIRST_PAUSE * 2.0 ** min(self._failures, 16), _LONGEST_PAUSE)
            self._failures += 1
            self._not_before = self._clock() + pause
            return False
        self._failures = 0
        return True
