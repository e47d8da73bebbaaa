"""The description of a metric, and labels of which there are few whatever pods, users and servers do."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

import attrs

from flytekitplugins_podtriage.core.model import Category

NO_RESPONSE: Final = "none"
CODES: Final = frozenset({401, 403, 404, 409, 410, 422, 429})
"""The statuses that are counted each by itself; of others the class is (``2xx``)."""
BUILT_IN_CATEGORIES: Final = frozenset(map(str, Category))
OTHER: Final = "other"
_OWN: Final = 20


@attrs.frozen
class Metric:
    """A metric as its documentation has it."""

    name: str
    type: str
    """``counter``, ``gauge`` or ``histogram``."""
    labels: tuple[str, ...]
    help: str


class BoundedLabel:
    """The values of a label that may be anything: users' own rules may name any number of categories.

    Args:
        known: values that always are labels of their own.
        most: how many further values get a label of their own, the first that come; later ones are ``other``.
    """

    def __init__(self, known: Iterable[str], most: int = _OWN) -> None:
        self._known = frozenset(known)
        self._most = most
        self._own: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, value: str) -> str:
        """Return the label of a value."""
        if value in self._known:
            return value
        with self._lock:
            if len(self._own) < self._most:
                self._own.add(value)
            return value if value in self._own else OTHER


def code_label(status: int | None) -> str:
    """Return the label of an HTTP status; None: there was no response."""
    if status is None or not 100 <= status < 600:
        return NO_RESPONSE
    return str(status) if status in CODES else f"{status // 100}xx"
