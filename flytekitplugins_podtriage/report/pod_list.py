"""Many pods, one line each: those with trouble, ranked by the time to the next charge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.flyte_pods import is_of_flyte
from flytekitplugins_podtriage.core.forecast import forecast
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Category, Charge, Verdict
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.triage import triage
from flytekitplugins_podtriage.report.explanation import pod_state
from flytekitplugins_podtriage.report.text.humanize import format_duration, format_relative
from flytekitplugins_podtriage.report.text.rule_text import fault_label, rule_title
from flytekitplugins_podtriage.report.text.sanitize import one_line
from flytekitplugins_podtriage.report.who_pays import BACKEND_LABELS

_ENDED = ("Failed", "Succeeded")


@attrs.frozen
class PodRow:
    """One pod with trouble."""

    namespace: str
    name: str
    task: str
    execution: str
    node: str
    """Id of the Flyte node."""
    machine: str
    """The Kubernetes node."""
    state: str
    since: datetime | None
    ended: bool
    is_flytes: bool
    """Whether Flyte runs it: nobody is charged for other pods."""
    verdict: Verdict
    cause: str
    charge: Charge
    """Of the backend by which pods are ranked."""

    @property
    def fault(self) -> str:
        """Whose fault it is: ``USER``, ``SYSTEM``, ``unknown`` or ``-``."""
        return fault_label(self.verdict.kind, self.verdict.category is Category.UNKNOWN)

    @property
    def category(self) -> str:
        """What went wrong."""
        return one_line(str(self.verdict.category or "-"), 64)

    @property
    def is_charged(self) -> bool:
        """Whether anybody is charged if nothing changes."""
        return self.is_flytes and self.charge.kind is not None and self.charge.at is not None

    @property
    def wrong(self) -> bool:
        """Whether the other party's retries pay; an unknown cause leaves it open."""
        known = self.verdict.kind is not None and self.verdict.category is not Category.UNKNOWN
        return self.is_charged and known and self.charge.kind is not self.verdict.kind

    def charge_text(self, now: datetime) -> str:
        """Return when whose retries are charged, for a person: ``in 19s, user``."""
        if not self.is_flytes:
            return "not Flyte's"
        if self.charge.kind is None or self.charge.at is None:
            return "none"
        payer = self.charge.kind.value.lower()
        return f"{'at once' if self.ended else format_relative(max(self.charge.at, now), now)}, {payer}"

    def state_text(self, now: datetime) -> str:
        """Return the state with its age, for a person: ``ImagePullBackOff 2m 41s``."""
        if self.since is None or self.since > now:
            return self.state
        return f"{self.state} {format_duration(now - self.since)}"

    @property
    def rank(self) -> tuple[object, ...]:
        """What rows are sorted by: the next charge first, then pods that nobody is charged for, then ended ones."""
        at = self.charge.at.timestamp() if self.is_charged and self.charge.at is not None else 0.0
        return self.ended, not self.is_charged, not self.is_flytes, at, self.namespace, self.name


@attrs.frozen
class PodList:
    """The pods with trouble, and how many there are in all."""

    rows: Sequence[PodRow]
    total: int
    now: datetime
    backend: str
    notes: Sequence[str] = ()

    @property
    def failing(self) -> bool:
        """Whether an attempt has failed."""
        return any(row.verdict.failing for row in self.rows)

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        pods = f"{self.total} pod{'' if self.total == 1 else 's'}"
        if not self.rows:
            return f"{pods}, none with trouble" if self.total else "no pods"
        head = f"{len(self.rows)} of {pods} with trouble"
        coming = next((row for row in self.rows if row.is_charged and not row.ended), None)
        if coming is None or coming.charge.kind is None or coming.charge.at is None:
            return head
        when = format_relative(max(coming.charge.at, self.now), self.now)
        return (
            f"{head}; next charge on {BACKEND_LABELS[self.backend]} {when}: {coming.charge.kind.value.lower()} retries"
        )


def pod_row(
    pod: wire.Pod,
    *,
    events: Iterable[wire.Event] = (),
    memory: Memory | None = None,
    backend: str,
    policies: Mapping[str, Policy],
    now: datetime,
) -> PodRow | None:
    """Return a pod's row; None if nothing is wrong with it, and the backend will not charge for it either.

    ``backend`` is the stock backend whose charges rank the pods; ``policies`` are by backend.
    """
    events = tuple(events)
    verdict = triage(pod, events=events, memory=memory, policy=policies["podtriage"], now=now)
    status, metadata = pod.status or wire.PodStatus(), pod.metadata or wire.Metadata()
    is_well = verdict.kind is None and not verdict.failing
    if is_well and status.phase in ("Running", "Succeeded"):
        return None
    charge = forecast(pod, backend=backend, now=now, events=events, memory=memory, policy=policies[backend])
    if is_well and charge.kind is None:
        return None
    state, since = pod_state(pod, verdict)
    labels = metadata.labels or {}
    return PodRow(
        namespace=one_line(metadata.namespace or "", 120),
        name=one_line(metadata.name or "", 253),
        task=one_line(labels.get("task-name", ""), 120),
        execution=one_line(labels.get("execution-id", ""), 120),
        node=one_line(labels.get("node-id", ""), 120),
        machine=one_line((pod.spec.node_name if pod.spec is not None else None) or "", 120),
        state=one_line(state, 80),
        since=since,
        ended=status.phase in _ENDED,
        is_flytes=is_of_flyte(labels),
        verdict=verdict,
        cause=one_line(rule_title(verdict, policies["podtriage"].rules), 300),
        charge=charge,
    )


def ranked(rows: Iterable[PodRow]) -> list[PodRow]:
    """Return rows in the order in which they need attention."""
    return sorted(rows, key=lambda row: row.rank)
