"""How many acts a second can be made, as measured: it decides how early the first of many has to begin."""

from __future__ import annotations

from typing import Final

_FIRST: Final = 0.05
"""Seconds that a request is taken to need before any was measured."""
_WEIGHT: Final = 0.1
"""How much a new measurement counts."""
_WRITES: Final = 4
"""Writes of an act: Event, finalizer, status, deletion."""


class Pace:
    """Measures how long requests take.

    Args:
        concurrency: how many requests are made at a time.
    """

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._read = self._write = _FIRST

    def note_read(self, seconds: float) -> None:
        """Note how long the reads before a decision took."""
        self._read += _WEIGHT * (seconds - self._read)

    def note_write(self, seconds: float) -> None:
        """Note how long a write took, with the time for which the API server postponed it."""
        self._write += _WEIGHT * (seconds - self._write)

    @property
    def rate(self) -> float:
        """Acts a second, with their reads."""
        return self._concurrency / max(1e-3, self._read + _WRITES * self._write)
