"""How long a watch waits, and for what."""

from __future__ import annotations

from collections.abc import Callable

import attrs


@attrs.frozen
class Pace:
    """How a watch goes about it; times in seconds."""

    page: int = 500
    """Items of a page; client-go's pager has as many."""
    shortest: float = 300.0
    """After what time, at least, the server is asked to end a watch."""
    longest: float = 600.0
    """At most."""
    idle: float = 90.0
    """How long nothing may come before the connection is given up: bookmarks come every minute."""
    first_wait: float = 0.8
    """The wait after a first failure; each further one is twice as long, and up to as long again by chance."""
    longest_wait: float = 30.0
    """The longest wait, likewise before chance; it is the wait after a refusal, too."""
    lag: float = 1.0
    """The wait for a server that does not know of a version yet."""
    short: float = 1.0
    """A watch that ends within this time counts as a failure."""


class Waits:
    """The waits after failures: longer each time, until there was a step forward.

    Args:
        pace: how long they are.
        chance: a number in [0, 1).
    """

    def __init__(self, pace: Pace, chance: Callable[[], float]) -> None:
        self._pace = pace
        self._chance = chance
        self.failures = 0
        """How many there have been since the last step forward."""

    def after_failure(self) -> float:
        """Return the wait after a failure, which is counted."""
        pace = self._pace
        wait = min(pace.first_wait * 2.0 ** min(self.failures, 16), pace.longest_wait)
        self.failures += 1
        return self._jittered(wait)

    def after_refusal(self) -> float:
        """Return the wait after something that will not change soon; it counts as a failure."""
        self.failures += 1
        return self._jittered(self._pace.longest_wait)

    def of_watch(self) -> int:
        """Return after what time the server is to end a watch: not that of all watches at once."""
        pace = self._pace
        return int(pace.shortest + self._chance() * (pace.longest - pace.shortest))

    def _jittered(self, wait: float) -> float:
        return wait * (1.0 + self._chance())
