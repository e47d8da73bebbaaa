"""How many pods may be ended: a ledger of the acts that were admitted, and the caps that it is held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from flytekitplugins_podtriage.core.guard.policy import Caps
from flytekitplugins_podtriage.core.guard.values import Act

EXECUTION_MEMORY: Final = timedelta(hours=1)
"""For how long the acts of an execution count."""
_MINUTE: Final = timedelta(minutes=1)
_SWEEP: Final = timedelta(minutes=1)
"""How often executions whose acts no longer count are forgotten."""


@attrs.frozen
class Entry:
    """One act that was admitted."""

    at: datetime
    namespace: str
    execution: str
    uid: str


@attrs.frozen
class Ledger:
    """The acts that count."""

    latest: tuple[Entry, ...] = ()
    """Those of the last minute."""
    by_execution: Mapping[tuple[str, str], tuple[Entry, ...]] = attrs.field(factory=dict, repr=False)
    """Those of the last hour, by namespace and execution."""
    swept_at: datetime | None = None


def admit(ledger: Ledger, act: Act, caps: Caps, now: datetime) -> tuple[Ledger, str]:
    """Admit an act, or refuse it.

    An act on a pod that was admitted before (it was decided anew) is counted once. An entry from the future, after a
    step of the clock, counts as one of now.

    Returns:
        The ledger with the act, and an empty string; or the ledger and the cap that was hit: ``cap-execution``,
        ``cap-namespace``, ``cap-minute``.
    """
    key = (act.namespace, act.execution)
    of_execution = tuple(entry for entry in ledger.by_execution.get(key, ()) if now - entry.at < EXECUTION_MEMORY)
    if any(entry.uid == act.uid for entry in of_execution):
        return ledger, ""
    latest = ledger.latest
    if latest and now - latest[0].at >= _MINUTE:
        latest = tuple(entry for entry in latest if now - entry.at < _MINUTE)
    if len(of_execution) >= caps.per_execution:
        return ledger, "cap-execution"
    if len(latest) >= caps.per_namespace and _count(latest, act.namespace) >= caps.per_namespace:
        return ledger, "cap-namespace"
    if len(latest) >= caps.per_minute:
        return ledger, "cap-minute"
    entry = Entry(now, act.namespace, act.execution, act.uid)
    executions, swept_at = _swept(ledger, now)
    executions[key] = (*of_execution, entry)
    return Ledger((*latest, entry), executions, swept_at), ""


def rebuild(entries: Iterable[Entry], now: datetime) -> Ledger:
    """Return the ledger of earlier acts, as far as they still count: after a restart, from Events or audit lines."""
    executions: dict[tuple[str, str], tuple[Entry, ...]] = {}
    ordered = sorted(entries, key=lambda entry: entry.at)
    for entry in ordered:
        if now - entry.at < EXECUTION_MEMORY:
            key = (entry.namespace, entry.execution)
            executions[key] = (*executions.get(key, ()), entry)
    return Ledger(tuple(entry for entry in ordered if now - entry.at < _MINUTE), executions, now)


def _count(entries: Iterable[Entry], namespace: str) -> int:
    return sum(1 for entry in entries if entry.namespace == namespace)


def _swept(ledger: Ledger, now: datetime) -> tuple[dict[tuple[str, str], tuple[Entry, ...]], datetime]:
    """Return a copy of the executions, now and then without those of which nothing counts any more."""
    if ledger.swept_at is not None and now - ledger.swept_at < _SWEEP:
        return dict(ledger.by_execution), ledger.swept_at
    kept = {key: of for key, of in ledger.by_execution.items() if now - of[-1].at < EXECUTION_MEMORY}
    return kept, now
