"""Requests, a few at a time, the most urgent first: back-pressure for the API server and for the guard itself."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

_log = logging.getLogger("flytekitplugins_podtriage")
Urgency = tuple[Any, ...]
"""What is smaller comes first; urgencies are compared with one another."""


class Dispatcher:
    """Runs jobs in the event loop that submits them.

    Args:
        concurrency: how many at a time.
    """

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self._queue: list[tuple[Urgency, int, Callable[[], Awaitable[None]]]] = []
        self._numbers = itertools.count()
        self._running: set[asyncio.Task[None]] = set()
        self._paused_until = 0.0
        self._wake: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def queued(self) -> int:
        """How many jobs wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """How many jobs run."""
        return len(self._running)

    def submit(self, urgency: Urgency, job: Callable[[], Awaitable[None]]) -> None:
        """Run a job as soon as there is room for it."""
        heapq.heappush(self._queue, (urgency, next(self._numbers), job))
        self._pump()

    def pause(self, seconds: float) -> None:
        """Begin no job for so many seconds: the API server asks for it (429, ``Retry-After``)."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if until > self._paused_until:
            self._paused_until = until
            if self._wake is not None:
                self._wake.cancel()
            self._wake = loop.call_at(until, self._pump)

    async def close(self, timeout: float) -> bool:
        """Begin no further job, and wait so many seconds for those that run; return whether they all ended."""
        self._closed = True
        self._queue.clear()
        if self._wake is not None:
            self._wake.cancel()
        running = set(self._running)
        if not running:
            return True
        _, pending = await asyncio.wait(running, timeout=timeout)
        for task in pending:
            task.cancel()
        return not pending

    def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue and len(self._running) < self.concurrency and not self._closed:
            if loop.time() < self._paused_until:
                return
            _, _, job = heapq.heappop(self._queue)
            task = loop.create_task(_run(job))
            self._running.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._pump()


async def _run(job: Callable[[], Awaitable[None]]) -> None:
    try:
        await job()
    except Exception:  # noqa: BLE001  # a bug: the others must go on
        _log.exception("podtriage: a request of the guard")
