"""The guard's audit log: one line of JSON for each act, since pod and Event vanish.

``podtriage audit`` reads the lines, ``docs/guard_runbook.md`` documents their fields. Texts are masked, put on one line
and cut. A line is written at once: what was done must not be lost with the process.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import datetime
from typing import BinaryIO, Final

import msgspec

from flytekitplugins_podtriage.core.guard.values import Act, Outcome
from flytekitplugins_podtriage.telemetry.log_fields import bounded

AUDIT: Final = "podtriage-guard/1"
"""What the key ``audit`` of each line says: by it the lines are recognised among others."""
_LONGEST_MESSAGE: Final = 1000


class AuditLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line. Fields without a value are left out."""

    audit: str
    """``podtriage-guard/1``."""
    time: datetime
    """When the act was complete or given up, by the API server's clock."""
    outcome: str
    """``acted``, ``would-act``, ``refused``, ``late``, ...: see ``Outcome``."""
    why: str = ""
    """The outcome's reason, a word: a cap's name."""
    act: str = ""
    """``end-as-system``, ``end-as-user``, ``rescue-as-system`` or ``rescue-as-user``."""
    cluster: str = ""
    execution: str = ""
    namespace: str = ""
    node: str = ""
    attempt: int | None = None
    """From 0."""
    pod: str = ""
    uid: str = ""
    category: str = ""
    kind: str = ""
    """Whose fault the failure is: ``USER`` or ``SYSTEM``."""
    rule: str = ""
    registry: str = ""
    evidence: str = ""
    """The text that decided."""
    before: Stock | None = None
    """What stock Flyte would have charged."""
    after: Effect | None = None
    """What is charged now; it is there only if the act was made."""
    spending: str = ""
    """Which budget pays and why, in a sentence."""
    detail: str = ""
    """The outcome in a sentence."""


class Stock(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The charge of the stock backend: kind, code, and when."""

    kind: str = ""
    code: str = ""
    at: datetime | None = None


class Effect(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the guard wrote into the pod's status."""

    kind: str = ""
    reason: str = ""
    message: str = ""


def audit_line(
    act: Act, outcome: Outcome, now: datetime, *, why: str = "", detail: str = "", cluster: str = ""
) -> AuditLine:
    """Return the line of an act, whatever became of it."""
    verdict, charge = act.verdict, act.charge
    made = outcome is Outcome.ACTED
    return AuditLine(
        audit=AUDIT,
        time=now,
        outcome=str(outcome),
        why=bounded(why),
        act=str(act.kind),
        cluster=bounded(cluster),
        execution=bounded(act.execution),
        namespace=bounded(act.namespace),
        node=bounded(act.node),
        attempt=act.attempt,
        pod=bounded(act.name),
        uid=bounded(act.uid),
        category=str(verdict.category or ""),
        kind=str(verdict.kind or ""),
        rule=bounded(verdict.rule),
        registry=bounded(verdict.registry or ""),
        evidence=bounded(verdict.evidence[0].text) if verdict.evidence else "",
        before=Stock(kind=str(charge.kind or ""), code=bounded(charge.code or ""), at=charge.at) if charge else None,
        after=Effect(kind=str(act.kind.kind), reason=act.reason, message=bounded(act.message, _LONGEST_MESSAGE))
        if made
        else None,
        spending=bounded(act.why),
        detail=bounded(detail),
    )


class AuditLog:
    """Writes audit lines, one at a time, from any thread.

    Args:
        file: where they go; it is not closed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.failures = 0
        """How many lines could not be written."""

    def write(self, line: AuditLine) -> None:
        """Write a line. A disk that is full must not keep the guard from its work: it is counted."""
        data = _ENCODER.encode(line) + b"\n"
        with self._lock:
            try:
                self._file.write(data)
                self._file.flush()
            except (OSError, ValueError):
                self.failures += 1

    def close(self) -> None:
        """Flush what is left."""
        with suppress(OSError, ValueError):
            self._file.flush()


_ENCODER: Final = msgspec.json.Encoder()
