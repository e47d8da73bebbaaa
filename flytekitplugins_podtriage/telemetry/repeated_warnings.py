"""Warnings of one cause are logged once while it lasts, and once when it is over.

An outage of the API server or the store meets every poll of every task: the same warning thousands of times, about one
attempt each. The first is logged as it is. Those after it are counted, as long as no more than :data:`QUIET` seconds
lie between two; then one line says how many there were and how long it lasted.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Final

import attrs

QUIET: Final = 60.0
"""After how many seconds without a further warning its cause is over."""
_MOST: Final = 200
"""How many causes are remembered: of more, the one that was quiet longest is over early."""
_SUBJECT: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\S*[/0-9]\S*")
"""What differs between two warnings of one cause: quoted names, paths, pods, and whatever has a digit."""


@attrs.define(slots=True)
class _Cause:
    message: str
    began: float
    last: float
    again: int = 0


class RepeatedWarnings(logging.Filter):
    """A filter for a logger: drops warnings and errors whose cause is logged already; ``clock`` is monotonic.

    Two records have one cause if they come from the same statement, and their texts differ in names and numbers only.
    """

    def __init__(self, logger: logging.Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._logger = logger
        self._clock = clock
        self._causes: dict[tuple[str, int, str], _Cause] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is to be logged."""
        if record.levelno < logging.WARNING or isinstance(record.msg, dict):
            return True
        self.expire()
        now = self._clock()
        error = record.exc_info[1] if record.exc_info else None
        message = record.getMessage()
        text = message if error is None else f"{message}: {type(error).__name__}: {error}"
        key = (record.pathname, record.lineno, _SUBJECT.sub("*", text[:1000]))
        with self._lock:
            cause = self._causes.get(key)
            if cause is not None:
                cause.again += 1
                cause.last = now
                return False
            self._causes[key] = _Cause(message, now, now)
        return True

    def expire(self) -> None:
        """Log which causes are over; to be called now and then, since nothing else may be logged any more."""
        now = self._clock()
        with self._lock:
            over = [key for key, cause in self._causes.items() if now - cause.last >= QUIET]
            if len(self._causes) - len(over) >= _MOST:
                over.append(min(self._causes.keys() - set(over), key=lambda key: self._causes[key].last))
            causes = [self._causes.pop(key) for key in over]
        for cause in causes:
            if cause.again:
                self._logger.info(
                    "podtriage: over after %.0f s, and %d more like it: %s",
                    cause.last - cause.began,
                    cause.again,
                    cause.message.removeprefix("podtriage: ")[:300],
                )
