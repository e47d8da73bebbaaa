"""Time as the sandbox has it: virtual and discrete. It moves from event to event, and never by itself."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final

START: Final = datetime(2026, 1, 1, tzinfo=timezone.utc)
"""When every run begins, unless told otherwise."""
_MILLISECOND: Final = timedelta(milliseconds=1)


class Clock:
    """Milliseconds since the beginning of the run, and what is to happen when."""

    __slots__ = ("_count", "_due", "_second", "_second_of", "_time", "_time_of", "_whole", "now", "start")

    def __init__(self, start: datetime = START) -> None:
        if start.tzinfo is None:
            raise ValueError("start is a naive datetime; allowed: one with a zone")
        self.start = start
        self.now = 0
        self._due: list[tuple[int, int, int, Callable[[], None]]] = []
        self._count = 0
        self._time = self._second = start
        self._time_of = self._second_of = self._whole = 0
        """Of which moment these are, and of how many whole seconds."""

    def at(self, delay: int, order: int, action: Callable[[], None]) -> None:
        """Have something happen after so many milliseconds; at the same moment the lower order goes first."""
        self._count += 1
        heapq.heappush(self._due, (self.now + delay, order, self._count, action))

    @property
    def next(self) -> int | None:
        """When something happens next, if anything does."""
        return self._due[0][0] if self._due else None

    def advance(self, until: int) -> None:
        """Move on to what happens next, and have it happen; if nothing does before a moment, move on to that."""
        due = self._due
        if not due or due[0][0] > until:
            self.now = until
        else:
            self.now, _, _, action = heapq.heappop(due)
            action()

    def clear(self) -> None:
        """Forget what was to happen."""
        self._due.clear()

    def time(self) -> datetime:
        """Return the time."""
        if self._time_of != self.now:
            self._time_of, self._time = self.now, self.start + timedelta(milliseconds=self.now)
        return self._time

    def second(self) -> datetime:
        """Return the time as Kubernetes writes it: without fractions (metav1.Time)."""
        if self._second_of != self.now:
            self._second_of = self.now
            if self._whole != self.now // 1000:
                self._whole = self.now // 1000
                self._second = self.start + timedelta(seconds=self._whole)
        return self._second

    def until(self, moment: datetime) -> int:
        """Return a moment in milliseconds since the beginning."""
        return (moment - self.start) // _MILLISECOND
