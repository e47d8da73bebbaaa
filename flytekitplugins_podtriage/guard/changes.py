"""Changes of pods on their way from the threads of the watch to the event loop, each pod once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from flytekitplugins_podtriage.guard.agenda import Key


class Changes:
    """The pods that have changed and were not taken yet, however often each has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[Key, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()

    def open(self) -> None:
        """Wake this event loop from now on."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Wake nobody any more."""
        self._arrived.set()
        self._loop = None

    def add(self, key: Key) -> None:
        """Note a change, in any thread."""
        with self._lock:
            first = not self._keys
            self._keys[key] = None
        if first:
            self.call(self._arrived.set)

    def call(self, function: Callable[[], object]) -> None:
        """Call a function in the event loop, and wake who waits there; from any thread."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(self._called, function)

    def _called(self, function: Callable[[], object]) -> None:
        function()
        self._arrived.set()

    def take(self) -> list[Key]:
        """Remove and return the pods that have changed."""
        self._arrived.clear()
        with self._lock:
            keys, self._keys = list(self._keys), {}
        return keys

    async def wait(self, seconds: float) -> None:
        """Wait for a change, or so many seconds."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)
