"""The API server's clock, as far as its responses show it.

Kubernetes writes the times in a pod by the clocks of the API server and the nodes. The host of podtriage may have
another time, and its wall clock may jump (NTP, a virtual machine that was paused). So time is counted by the monotonic
clock, from an offset that the ``Date`` headers of responses give (RFC 9110, 6.6.1; net/http writes one on every
response, in whole seconds, rounded down).

A response that was requested at ``sent`` and had arrived at ``received`` was dated somewhere in between, so it bounds
the offset on both sides; the bounds of several responses narrow it down to some milliseconds. The lower bound is the
one that is used: the estimate lags behind the server rather than running ahead, so that nothing is decided early.
Bounds that contradict each other mean that one of the clocks jumped: Linux stops the monotonic one while it is
suspended. Then the newest response counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Final

_RESOLUTION: Final = 1.0
"""Seconds by which a ``Date`` may be too early."""


class ServerClock:
    """An estimate of the API server's time, usable from any thread.

    Args:
        monotonic: seconds of a clock that never jumps.
        wall: seconds since 1970; read once, for the time before the first response.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self.monotonic = monotonic
        """The clock that :meth:`at` takes the time of."""
        self._lock = threading.Lock()
        self._offset = wall() - monotonic()
        self._latest: float | None = None

    def now(self) -> datetime:
        """Return the server's time, with a zone."""
        return datetime.fromtimestamp(self._offset + self.monotonic(), timezone.utc)

    def at(self, moment: float) -> datetime:
        """Return the server's time at a moment of the monotonic clock."""
        return datetime.fromtimestamp(self._offset + moment, timezone.utc)

    def observe(self, date: str | None, sent: float, received: float) -> None:
        """Take the ``Date`` header of a response into account; one that is missing or unreadable tells nothing.

        Args:
            date: the header.
            sent: when the request was sent, by the monotonic clock.
            received: when the response, or its beginning, had arrived.
        """
        if not date:
            return
        try:
            dated = parsedate_to_datetime(date)
            if dated.tzinfo is None:  # "-0000": the zone is not known, and HTTP allows no other than GMT
                dated = dated.replace(tzinfo=timezone.utc)
            seconds = dated.timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            return
        earliest, latest = seconds - received, seconds + _RESOLUTION - sent
        with self._lock:
            if self._latest is None or earliest > self._latest or latest < self._offset:
                self._offset, self._latest = earliest, latest
            else:
                self._offset, self._latest = max(self._offset, earliest), min(self._latest, latest)
