"""Since when the API server has answered without an interruption.

While it is away the kubelets cannot report what happens on their nodes, and when it is back they need a moment to: a
kubelet sends the statuses that it could not send every ten seconds (kubernetes pkg/kubelet/status/status_manager.go,
``syncPeriod``). Until then a pod that is read shows what was so before the interruption.
"""

from __future__ import annotations

import threading
from typing import Final

_SLOW: Final = 5.0
"""Seconds after which the answer to a read is a sign that the server stood still: it takes milliseconds."""
_READS: Final = frozenset({"get", "list", "watch"})


class ServerHealth:
    """What requests show of the API server's health, usable from any thread; moments are of a monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._away = True
        self._well_since: float | None = None

    @property
    def well_since(self) -> float | None:
        """The first answer since the last sign that the server was away; None: it has not answered since."""
        return None if self._away else self._well_since

    def failed(self) -> None:
        """Note that a request got no response, or that a response broke off."""
        with self._lock:
            self._away = True

    def answered(self, verb: str, resource: str, status: int, sent: float, received: float) -> None:
        """Note a response.

        Only reads of objects tell of the server itself: a create may fail in a webhook, and logs come from the kubelet.
        """
        if verb not in _READS or "/" in resource:
            return
        with self._lock:
            if status >= 500:
                self._away = True
            elif self._away or (verb == "get" and received - sent > _SLOW):
                self._away, self._well_since = False, received
