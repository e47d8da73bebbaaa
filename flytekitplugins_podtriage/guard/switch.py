"""The switch: a ConfigMap whose key ``mode`` with the value ``observe`` stops all acts, without a restart.

It is read every two seconds by its name, which needs no right but ``get`` on this one object. It only ever takes away:
nothing in it makes the guard act where its settings say ``observe``. Where it cannot be known whether it is set,
nothing is acted upon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from flytekitplugins_podtriage.core.guard.policy import Mode
from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied, ClusterError
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import NotFound
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import fetch

PERIOD: Final = 2.0
"""Seconds between two reads: with one request's time an act begins at most 5 s after the switch was set."""
KEY: Final = "mode"
_TIMEOUTS: Final = Timeouts(connect=1.0, read=1.5, total=2.5)
_AWAY: Final = 10
"""After how many reads without an answer, in a row, nothing is acted upon."""


class _ConfigMap(msgspec.Struct):
    data: dict[str, str] | None = None


class Switch:
    """The switch of one guard.

    Args:
        connection: to the API server.
        namespace: the namespace of the ConfigMap.
        name: its name.
    """

    def __init__(self, connection: Connection, namespace: str, name: str) -> None:
        self._connection = connection
        self._operation = Operation("get", "configmaps", namespace, name)
        self._unanswered = 0
        self.reason = "the switch has not been read yet"
        """Why nothing may be acted upon, in a sentence; empty: it may."""

    def read(self) -> str:
        """Read the ConfigMap, and return :attr:`reason`; it blocks its thread and raises nothing."""
        self.reason = self._read()
        return self.reason

    def _read(self) -> str:
        name = f"ConfigMap {self._operation.namespace}/{self._operation.name}"
        try:
            body = fetch(self._connection, self._operation, timeouts=_TIMEOUTS)
            mode = (_DECODER.decode(body).data or {}).get(KEY)
        except NotFound:
            self._unanswered = 0
            return ""
        except ClusterDenied as error:
            return f"it cannot be known whether {name} says `observe`: {error}"
        except (ClusterError, *DECODE_ERRORS) as error:
            self._unanswered += 1
            # While the API server is away nothing can be acted upon anyway; one lost answer changes nothing.
            return self.reason if self._unanswered < _AWAY else f"{name} could not be read: {error}"
        self._unanswered = 0
        if mode is None or mode.strip() == Mode.ENFORCE:
            return ""
        if mode.strip() == Mode.OBSERVE:
            return f"{name} says `observe`"
        return f"{name}: invalid {KEY} {mode[:40]!r}; allowed: {', '.join(Mode)}"

    async def follow(self, changed: Callable[[str], None], *, period: float = PERIOD) -> None:
        """Read the switch for ever, and call ``changed`` with :attr:`reason`: at first, and when it is another one."""
        loop, before = asyncio.get_running_loop(), None
        while True:
            reason = await loop.run_in_executor(None, self.read)
            if reason != before:
                before = reason
                changed(reason)
            await asyncio.sleep(period)


_DECODER: Final = msgspec.json.Decoder(_ConfigMap)
