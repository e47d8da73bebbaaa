"""How many acts a second can be made, as measured: it decides how early the first of many has to begin."""

from __future__ import annotations

from typing import Final

_FIRST: Final = 0.1
"""Seconds that a request is taken to need before any was measured; an act that begins a little early does no harm."""
_WEIGHT: Final = 0.1
"""How much a new measurement counts."""
_WINDOW: Final = 1.0
"""Seconds over which completed requests are counted."""
_WINDOW_WEIGHT: Final = 0.3
_REQUESTS: Final = 5
"""Jobs of an act: the reads that it rests on, Event, finalizer, status, deletion."""
_CAUTION: Final = 0.75
"""The share of the measured rate that is counted on."""


class Pace:
    """Measures how long requests take, and how many are completed while others wait.

    The first bounds the rate before there is any queue. The second shows what the API server and this process really
    manage: with many requests at a time each of them waits for the others.

    Args:
        concurrency: how many requests are made at a time.
    """

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._took = _FIRST
        self._completed: float | None = None
        """Requests a second that were completed while others waited."""
        self._window: tuple[float, int] | None = None
        """Since when others have waited without a gap, and how many requests were completed since."""

    def note(self, began: float, ended: float, *, waiting: bool) -> None:
        """Note a request, with the time for which the API server postponed it.

        Args:
            began: when it began, by a monotonic clock.
            ended: when it was complete.
            waiting: whether others wait for it.
        """
        self._took += _WEIGHT * (ended - began - self._took)
        if not waiting:
            self._window = None
            return
        since, count = self._window or (ended, -1)
        self._window = (since, count + 1)
        if ended - since >= _WINDOW:
            completed = (count + 1) / (ended - since)
            before = completed if self._completed is None else self._completed
            self._completed = before + _WINDOW_WEIGHT * (completed - before)
            self._window = (ended, 0)

    @property
    def rate(self) -> float:
        """Acts a second that can be counted on."""
        requests = self._concurrency / max(1e-3, self._took)
        if self._completed is not None:
            requests = min(requests, self._completed)
        return _CAUTION * requests / _REQUESTS
