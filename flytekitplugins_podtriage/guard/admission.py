"""Whether an act may begin: by leadership, by the mode of its namespace, and by the caps.

The caps count the acts of an hour. They survive a restart, and a change of the leader, in the Events that the acts
leave on their pods: whoever begins to lead reads those first, and admits nothing before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import attrs
import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.guard.policy import Caps, GuardPolicy, Mode
from flytekitplugins_podtriage.core.guard.values import NOT_LEADER, OBSERVED_ONLY, Act
from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied, ClusterError
from flytekitplugins_podtriage.guard.events import ACT_REASON, CONTROLLER, EXECUTION_ANNOTATION
from flytekitplugins_podtriage.guard.facts import GuardedCluster
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.client.objects import Page
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import decode, fetch

_log = logging.getLogger("flytekitplugins_podtriage")
_HOUR: Final = timedelta(hours=1)
_PAGE: Final = 500


@attrs.frozen(kw_only=True)
class PastAct:
    """An act as its Event shows it."""

    at: datetime
    namespace: str
    execution: str
    uid: str


class CapLedger(Protocol):
    """Counts the acts that were admitted, and knows the caps (``core/guard/caps``)."""

    def admit(self, act: Act, limits: Caps, now: datetime) -> str:
        """Count an act, or return the name of the cap that refuses it."""
        ...

    def rebuild(self, acts: Iterable[PastAct], now: datetime) -> None:
        """Count these acts, and no others."""
        ...


class Admissions:
    """Answers whether an act may begin.

    Args:
        ledger: counts the acts.
        leads: whether this replica leads for as long as a write may take.
        namespaces: those whose Events tell of earlier acts; none: all.
    """

    def __init__(self, ledger: CapLedger, leads: Callable[[], bool], namespaces: Sequence[str] = ()) -> None:
        self._ledger = ledger
        self._leads = leads
        self._lists = [Operation("list", "events", namespace) for namespace in namespaces or (None,)]
        self._terms = 0
        self._counted: int | None = None
        """The term whose acts were counted."""
        self._counting = asyncio.Lock()

    def forget(self) -> None:
        """Note, in any thread, that leadership has changed: another replica may have acted since."""
        self._terms += 1

    def needs_count(self, act: Act, policy: GuardPolicy) -> bool:
        """Whether the acts of the last hour have to be counted before this one is admitted."""
        return self._counted != self._terms and self._leads() and policy.mode_of(act.namespace) is Mode.ENFORCE

    async def count(self, cluster: GuardedCluster) -> None:
        """Count the acts of the last hour by their Events, once in each term as the leader.

        A guard that may not list Events counts from nothing; where they cannot be read at the moment, nothing is
        counted, and acts are refused.
        """
        if not self._leads():
            return
        async with self._counting:
            term = self._terms
            if self._counted == term:
                return
            acts: list[PastAct] = []
            for operation in self._lists:
                try:
                    acts += await cluster.request(operation, past_acts)
                except ClusterDenied as error:
                    _log.warning("podtriage: guard: the caps count from nothing: %s", error)
                except ClusterError:
                    return
            now = cluster.now()
            self._ledger.rebuild([act for act in acts if now - act.at < _HOUR], now)
            self._counted = term

    def refusal(self, act: Act, policy: GuardPolicy, now: datetime) -> str:
        """Return why an act may not begin; empty: it may, and is counted."""
        if not self._leads():
            return NOT_LEADER
        if policy.mode_of(act.namespace) is not Mode.ENFORCE:
            return OBSERVED_ONLY
        if self._counted != self._terms:
            return NOT_LEADER  # as if it did not lead yet: the act is proposed again shortly
        return self._ledger.admit(act, policy.caps, now)


class _ActEvent(msgspec.Struct, rename="camel"):
    metadata: wire.Metadata | None = None
    involved_object: wire.ObjectReference | None = None
    event_time: wire.Time | None = None


def past_acts(connection: Connection, operation: Operation, timeouts: Timeouts) -> list[PastAct]:
    """Return the acts that left an Event, which the API server keeps for an hour; it blocks its thread.

    Args:
        connection: to the API server.
        operation: lists Events of a namespace, or of all.
        timeouts: of each request.

    Raises:
        ClusterError: the Events could not be listed.
    """
    query: dict[str, str] = {"fieldSelector": f"reportingComponent={CONTROLLER},reason={ACT_REASON}"}
    acts: list[PastAct] = []
    token = ""
    while True:
        page_query = {**query, "limit": str(_PAGE), **({"continue": token} if token else {})}
        body = fetch(connection, operation, page_query, timeouts=timeouts)
        page: Any = decode(connection, operation, body, Page[_ActEvent], "a list of Events")
        for event in page.items or ():
            pod, metadata = event.involved_object, event.metadata or wire.Metadata()
            at = event.event_time or metadata.creation_timestamp
            if pod is not None and at is not None:
                execution = (metadata.annotations or {}).get(EXECUTION_ANNOTATION, "")
                acts.append(PastAct(at=at, namespace=pod.namespace or "", execution=execution, uid=pod.uid or ""))
        token = page.next_token or ""
        if not token:
            return acts
