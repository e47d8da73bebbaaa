"""Virtual time: it jumps from one scheduled action to the next."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final

START: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""When a run starts by default."""
_MILLISECOND: Final = timedelta(milliseconds=1)


class Clock:
    """Milliseconds since the start of the run, and the actions scheduled."""

    __slots__ = ("_count", "_scheduled", "_seconds", "_time", "_time_of", "now", "second", "start")

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("start is a naive datetime; allowed: a datetime with a time zone")
        self.start = start
        self.now = 0
        """Milliseconds since the start."""
        self.second = start
        """The current time without fractions, as Kubernetes writes it (metav1.Time)."""
        self._seconds = 0
        """Whole seconds since the start, those of :attr:`second`."""
        self._scheduled: list[tuple[int, int, int, Callable[[], None]]] = []
        self._count = 0
        self._time, self._time_of = start, 0
        """The last result of :meth:`time`, and its milliseconds."""

    def at(self, delay: int, order: int, action: Callable[[], None]) -> None:
        """Schedule an action after a delay in milliseconds; at the same time the lower order goes first."""
        self._count += 1
        heapq.heappush(self._scheduled, (self.now + delay, order, self._count, action))

    @property
    def next(self) -> int | None:
        """The time of the next action; None if nothing is scheduled."""
        return self._scheduled[0][0] if self._scheduled else None

    def advance(self, until: int) -> None:
        """Move to the next action and run it, or to the given time if nothing is scheduled before."""
        scheduled = self._scheduled
        action = None
        if not scheduled or scheduled[0][0] > until:
            self.now = until
        else:
            self.now, _, _, action = heapq.heappop(scheduled)
        seconds = self.now // 1000
        if seconds != self._seconds:
            self._seconds, self.second = seconds, self.start + timedelta(seconds=seconds)
        if action is not None:
            action()

    def clear(self) -> None:
        """Drop all scheduled actions."""
        self._scheduled.clear()

    def time(self) -> datetime:
        """Return the current time."""
        if self._time_of != self.now:
            self._time_of, self._time = self.now, self.start + timedelta(milliseconds=self.now)
        return self._time

    def until(self, time: datetime) -> int:
        """Convert a time to milliseconds since the start."""
        return (time - self.start) // _MILLISECOND
