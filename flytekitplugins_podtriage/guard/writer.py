"""Carrying out the steps of acts: when they may begin, and again when the API server postpones them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from flytekitplugins_podtriage.core.guard.policy import GuardPolicy, Mode
from flytekitplugins_podtriage.core.guard.values import OBSERVED_ONLY, Act, Step, Write, WriteFailed, Written
from flytekitplugins_podtriage.core.pod_cluster import ClusterError
from flytekitplugins_podtriage.guard.facts import GuardedCluster
from flytekitplugins_podtriage.guard.writes import WRITE_TIMEOUTS, Postponed, WriteResult, carry_out, operation_of
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.client.operation import Operation

_TRIES: Final = 5
"""How often a write is sent that the API server postpones."""
_ALWAYS: Final = frozenset({Step.DELETE, Step.RELEASE})
"""Steps that complete what was begun, whatever the mode is by then."""


class EventBody(Protocol):
    """Makes the Events of acts."""

    def __call__(self, act: Act, now: datetime, *, made: bool) -> Mapping[str, Any]:
        """Return the Event of an act that is made, or of one that would be."""
        ...


class Writer:
    """Carries out steps.

    Args:
        leads: whether this replica leads for as long as a write may take; asked in the thread that sends it.
        event_body: makes the Events.
        timeouts: of each write.
    """

    def __init__(
        self, leads: Callable[[], bool], event_body: EventBody, *, timeouts: Timeouts = WRITE_TIMEOUTS
    ) -> None:
        self._leads = leads
        self._event_body = event_body
        self._timeouts = timeouts

    async def write(
        self,
        cluster: GuardedCluster,
        write: Write,
        policy: Callable[[], GuardPolicy],
        pause: Callable[[float], None],
    ) -> Written | WriteFailed:
        """Carry out a step.

        Args:
            cluster: where.
            write: the step.
            policy: returns the settings of this moment: a step that begins an act needs the mode ``enforce``.
            pause: called with the seconds for which the API server wants to be left alone.
        """
        step, act = write.step, write.act
        event = self._event_body(act, cluster.now(), made=True) if step is Step.EVENT else None
        failure = WriteFailed(step, OBSERVED_ONLY)
        for _ in range(_TRIES):
            if step not in _ALWAYS and policy().mode_of(act.namespace) is not Mode.ENFORCE:
                return WriteFailed(step, OBSERVED_ONLY)
            result = await self._send(cluster, write, event)
            if not isinstance(result, Postponed):
                return result
            failure = result.failure
            pause(result.seconds)
            await asyncio.sleep(result.seconds)
        return failure

    async def announce(self, cluster: GuardedCluster, act: Act) -> None:
        """Leave an Event that says that an act would have been made; if that fails, nothing follows from it."""
        event = self._event_body(act, cluster.now(), made=False)
        await self._send(cluster, Write(Step.EVENT, act), event)

    async def _send(self, cluster: GuardedCluster, write: Write, event: Mapping[str, Any] | None) -> WriteResult:
        def send(connection: Connection, operation: Operation, _: Timeouts) -> WriteResult:
            return carry_out(connection, operation, write, event, self._leads, self._timeouts)

        try:
            return await cluster.request(operation_of(write.step, write.act), send)
        except ClusterError as error:
            return WriteFailed(write.step, str(error), unanswered=True)
