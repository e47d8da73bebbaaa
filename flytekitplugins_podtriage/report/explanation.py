"""Explanations of pods: what happened, who pays, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.container_reasons import PULL_REASONS
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Phase, Verdict
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.triage import triage
from flytekitplugins_podtriage.report.text.humanize import from_now, length
from flytekitplugins_podtriage.report.text.rule_text import means
from flytekitplugins_podtriage.report.text.sanitize import line
from flytekitplugins_podtriage.report.timeline import Mark, last_moment, next_try, story
from flytekitplugins_podtriage.report.who_pays import Bill, Case, bills

_STALE = timedelta(hours=1)


@attrs.frozen
class Explanation:
    """A pod at one moment: what happened, who pays, and what to do."""

    name: str
    namespace: str
    task: str | None
    """Name of the Flyte task, if the pod tells."""
    execution: str | None
    node: str | None
    """Id of the Flyte node, if the pod tells."""
    attempt: int
    """Number of the attempt, from 1."""
    attempts: int
    """How many the user's budget allows in all."""
    now: datetime
    """The moment of the explanation."""
    state: str
    """The pod's state in a word or two: ``ImagePullBackOff``, ``Failed: Evicted``."""
    since: datetime | None
    """Since when it is in that state (for a pod that waits: since it is on its node)."""
    verdict: Verdict
    """Podtriage's own."""
    over: bool
    """Whether the pod has ended: what is charged for it is charged at its end."""
    cause: str
    """What happened, in a sentence."""
    story: tuple[Mark, ...]
    """What happened to the pod, in order."""
    next_try: datetime | None
    """The earliest moment at which the kubelet pulls again; some seconds may be added by its sync."""
    bills: tuple[Bill, ...]
    """Who pays, backend by backend; empty where nothing is wrong."""
    notes: tuple[str, ...] = ()
    """What the answer assumes, and what is worth knowing."""

    @property
    def failing(self) -> bool:
        """Whether the pod's attempt is over and lost."""
        return self.verdict.failing

    @property
    def well(self) -> bool:
        """Whether nothing is wrong with the pod."""
        return self.verdict.kind is None and not self.failing

    @property
    def calm(self) -> bool:
        """Whether nothing is wrong, and no backend is going to charge for it all the same."""
        return self.well and not any(bill.charge.kind is not None for bill in self.bills)

    def when(self, bill: Bill) -> str:
        """Say when a backend charges, for a person."""
        at = bill.charge.at
        if at is None or bill.charge.kind is None:
            return "never"
        return "at its end" if self.over and at >= self.now else from_now(at, self.now)

    @property
    def standing(self) -> str:
        """The pod's state and its age, for a person: ``ImagePullBackOff for 2m 41s``, ``Failed 3s ago``."""
        if self.since is None or self.since > self.now:
            return self.state
        span = length(self.now - self.since)
        return f"{self.state} {span} ago" if self.over else f"{self.state} for {span}"

    @property
    def unknown(self) -> bool:
        """Whether nobody knows whose fault it is: the kind is then only a default."""
        return self.verdict.category is not None and self.verdict.category.value == "unknown"


def explain(
    pod: wire.Pod,
    *,
    events: Sequence[wire.Event] = (),
    attempts_before: int = 0,
    memory: Memory | None = None,
    policies: Mapping[str, Policy],
    limits: Limits,
    now: datetime,
    asked_for_now: bool = True,
) -> Explanation:
    """Explain a pod at one moment.

    Args:
        pod: the pod, decoded.
        events: the events about it, decoded.
        attempts_before: how many attempts of the task failed before this pod.
        memory: what a watcher remembers of it, if one has.
        policies: of each backend, by name.
        limits: what the task's budgets allow.
        now: the moment, with a zone.
        asked_for_now: whether somebody chose the moment; if not, an old record is pointed out.
    """
    ours = policies["podtriage"]
    verdict = triage(pod, events=events, memory=memory, policy=ours, now=now)
    case = Case(pod, events, memory, verdict, now, limits, attempts_before)
    wrong = verdict.kind is not None or verdict.failing
    state, since = _state(pod, verdict)
    metadata = pod.metadata or wire.Metadata()
    # Where podtriage sees nothing wrong a stock backend may still charge somebody: a task that has done its work while
    # a sidecar waits, for one.
    charges = bills(case, policies)
    if not wrong and all(bill.charge.kind is None for bill in charges):
        charges = ()
    waits = wrong and not verdict.failing and state in PULL_REASONS
    return Explanation(
        name=line(metadata.name or "a pod without a name", 120),
        namespace=line(metadata.namespace or "", 120),
        task=_label(metadata, "task-name"),
        execution=_label(metadata, "execution-id"),
        node=_label(metadata, "node-id"),
        attempt=attempts_before + 1,
        attempts=max(limits.max_attempts, attempts_before + 1),
        now=now,
        state=line(state, 80),
        since=since,
        over=pod.status is not None and pod.status.phase in ("Failed", "Succeeded"),
        verdict=verdict,
        cause=line(means(verdict, ours.rules), 300),
        story=story(pod, events, now),
        next_try=next_try(pod, events, verdict.container) if waits else None,
        bills=charges,
        notes=tuple(_notes(case, asked_for_now, bool(charges))),
    )


def _state(pod: wire.Pod, verdict: Verdict) -> tuple[str, datetime | None]:
    """Name the pod's state, and since when it is in it."""
    status = pod.status or wire.PodStatus()
    phase = status.phase or "no phase"
    ready = [c for c in status.conditions or () if c.type == "Ready" and c.last_transition_time is not None]
    on_node = ready[0].last_transition_time if ready else status.start_time
    if phase in ("Failed", "Succeeded"):
        reason = f": {status.reason}" if status.reason else ""
        return f"{phase}{reason}", _ended(pod, status)
    if phase == "Pending":
        for condition in status.conditions or ():
            if condition.type == "PodScheduled" and condition.status == "False":
                return condition.reason or "Unschedulable", condition.last_transition_time
    waiting = _waiting(status, verdict.container)
    if waiting is not None:
        return waiting, on_node
    if phase == "Pending":
        return "Pending", on_node or (pod.metadata.creation_timestamp if pod.metadata else None)
    return phase, on_node


def _waiting(status: wire.PodStatus, deciding: str | None) -> str | None:
    """Return the reason of the container that decided, else of the first one that waits."""
    first: str | None = None
    both: list[wire.ContainerStatus] = [*(status.init_container_statuses or ()), *(status.container_statuses or ())]
    for container in both:
        waiting = container.state.waiting if container.state else None
        if waiting is None or not waiting.reason:
            continue
        if container.name == deciding:
            return waiting.reason
        if first is None and waiting.reason != "PodInitializing":
            first = waiting.reason
    return first


def _ended(pod: wire.Pod, status: wire.PodStatus) -> datetime | None:
    """Return when a pod ended; None where nothing in it tells.

    Not its condition Ready: that of a pod which was never ready has not changed since its node took it.
    """
    containers = (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
    ends = [_ended_at(container) for container in containers]
    disrupted = [c for c in status.conditions or () if c.type == "DisruptionTarget" and c.status == "True"]
    ends.extend(condition.last_transition_time for condition in disrupted)
    known = [at for at in ends if at is not None]
    if known:
        return max(known)
    if pod.metadata is not None and pod.metadata.deletion_timestamp is not None:
        return pod.metadata.deletion_timestamp
    return None if containers else status.start_time  # the node refused it: it ended where it began


def _ended_at(container: wire.ContainerStatus) -> datetime | None:
    return container.state.terminated.finished_at if container.state and container.state.terminated else None


def _notes(case: Case, asked_for_now: bool, charged: bool) -> list[str]:
    notes = []
    if charged and case.verdict.phase is Phase.SUCCESS:
        notes.append(
            "The task has done its work; a container beside it that does not start keeps the pod pending, "
            "and a stock backend fails the task for it."
        )
    if charged and case.attempts_before:
        many = case.attempts_before > 1
        notes.append(
            f"The budgets assume that the {case.attempts_before if many else 'one'} earlier "
            f"{'attempts' if many else 'attempt'} ended as this one does; the pod does not tell."
        )
    if charged and case.verdict.retry_after:
        notes.append(f"The registry asks to be left alone for {case.verdict.retry_after:g} s.")
    if not case.events and not case.verdict.failing and case.verdict.kind is not None:
        notes.append("No events were given: with them (kubectl get events) the story is told in full.")
    if not asked_for_now:
        last = last_moment(case.pod, case.events)
        if last is not None and case.now - last > _STALE:
            days = (case.now - last) // timedelta(days=1)
            age = f"{days} days" if days > 1 else f"{(case.now - last) // timedelta(hours=1)} h"
            notes.append(f"The record ends {age} before now: --now last looks at it as it was then.")
    return notes


def _label(metadata: wire.Metadata, name: str) -> str | None:
    value = (metadata.labels or {}).get(name)
    return line(value, 120) if value else None
