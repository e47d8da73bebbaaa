"""How long a watch waits after failures, and its other timings."""

from __future__ import annotations

from collections.abc import Callable

import attrs


@attrs.frozen
class WatchOptions:
    """The page size and timings of a watch; times in seconds."""

    page_size: int = 500
    """Items of a page; client-go's pager has as many."""
    min_timeout: float = 300.0
    """The server is asked to end a watch after a random time between this"""
    max_timeout: float = 600.0
    """and this."""
    idle_timeout: float = 90.0
    """The connection is closed if nothing arrives for so long: bookmarks come every minute."""
    first_wait: float = 0.8
    """The wait after the first failure; it doubles with each further one. Up to as much again is added at random."""
    max_wait: float = 5.0
    """The longest wait before the random part. client-go waits up to 30 s, for thousands of clients; an attempt that
    ended while the API server was away is to be answered within that time after its return."""
    persistent_wait: float = 30.0
    """The longest wait after errors that will not pass soon, such as a missing permission, until there was a list.
    After that they may be a matter of seconds: a kube-apiserver that was started answers 403 until it has read the
    roles."""
    lag_wait: float = 1.0
    """The wait for a server that has not reached the resource version yet."""
    min_duration: float = 1.0
    """A watch that ends within this time counts as a failure."""
    silent_watches: int = 2
    """After how many watches that ended because nothing arrived the objects are listed again: a server that sends no
    bookmarks may be idle, but then a list costs little, and it shows what a watch may have missed."""
    older_for: float = 3600.0
    """For how long lists of an older state than was reached already are refused. An API server that answers from an
    old cache catches up; an etcd that was restored from a backup does not, and is believed after this time."""


class Backoff:
    """Waits after failures that double until there is progress; ``chance`` returns a random number in [0, 1)."""

    def __init__(self, options: WatchOptions, chance: Callable[[], float]) -> None:
        self._options = options
        self._chance = chance
        self.failures = 0
        """The number of failures since the last progress."""

    def after_failure(self, *, persistent: bool = False) -> float:
        """Count a failure; return the wait after it, which may be longer if the error will not pass soon."""
        longest = self._options.persistent_wait if persistent else self._options.max_wait
        wait = min(self._options.first_wait * 2.0 ** min(self.failures, 16), longest)
        self.failures += 1
        return self._jittered(wait)

    def watch_timeout(self) -> int:
        """Return after how many seconds the server is to end a watch; random, so that not all end at once."""
        options = self._options
        return int(options.min_timeout + self._chance() * (options.max_timeout - options.min_timeout))

    def _jittered(self, wait: float) -> float:
        return wait * (1.0 + self._chance())
