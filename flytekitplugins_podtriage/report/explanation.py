"""Explanations of pods: what happened, who pays, and how to fix it. :func:`explain` builds an :class:`Explanation`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.container_reasons import PULL_REASONS
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Category, Evidence, Phase, Verdict
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.triage import triage
from flytekitplugins_podtriage.report.text.humanize import format_clock, format_duration, format_relative
from flytekitplugins_podtriage.report.text.rule_text import rule_title
from flytekitplugins_podtriage.report.text.sanitize import one_line
from flytekitplugins_podtriage.report.timeline import (
    TimelineEntry,
    build_timeline,
    container_statuses,
    latest_time,
    next_pull_time,
)
from flytekitplugins_podtriage.report.who_pays import AttemptState, BackendCharge, charges_by_backend

_STALE = timedelta(hours=1)
"""A record that ends longer ago than this gets a note."""


@attrs.frozen
class Explanation:
    """A pod at one moment: what happened, who pays, and how to fix it."""

    name: str
    namespace: str
    task: str | None
    """Name of the Flyte task, from the pod's labels."""
    execution: str | None
    node: str | None
    """Id of the Flyte node, from the pod's labels."""
    attempt: int
    """Number of the attempt, from 1."""
    attempts: int
    """How many attempts the user retries allow in all."""
    now: datetime
    state: str
    """The pod's state in a word or two: ``ImagePullBackOff``, ``Failed: Evicted``."""
    since: datetime | None
    """Since when it is in that state (for a waiting pod: since it is on its node)."""
    verdict: Verdict
    """Podtriage's own."""
    ended: bool
    """Whether the pod has ended: a charge is then due at once."""
    cause: str
    """What happened, in a sentence."""
    timeline: tuple[TimelineEntry, ...]
    next_try: datetime | None
    """The earliest time of the kubelet's next pull; its sync may add some seconds."""
    charges: tuple[BackendCharge, ...]
    """Who pays, backend by backend; empty if nothing is wrong and nobody pays."""
    notes: tuple[str, ...] = ()
    """What the answer assumes, and what else is worth knowing."""

    @property
    def failing(self) -> bool:
        """Whether the attempt has failed."""
        return self.verdict.failing

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with the pod."""
        return self.verdict.kind is None and not self.failing

    @property
    def all_clear(self) -> bool:
        """Whether nothing is wrong and no backend is going to charge for it all the same."""
        return self.healthy and not any(charge.is_charged for charge in self.charges)

    @property
    def state_with_age(self) -> str:
        """The pod's state and its age, for a person: ``ImagePullBackOff for 2m 41s``, ``Failed 3s ago``."""
        if self.since is None or self.since > self.now:
            return self.state
        age = format_duration(self.now - self.since)
        return f"{self.state} {age} ago" if self.ended else f"{self.state} for {age}"

    @property
    def who_pays(self) -> str:
        """The title of the charges."""
        return "who pays" if self.ended else "who pays if nothing changes"

    @property
    def cause_unknown(self) -> bool:
        """Whether the cause is unknown; the verdict's kind is then only a default."""
        return self.verdict.category is Category.UNKNOWN

    def source_of(self, item: Evidence) -> str:
        """Return where a piece of evidence comes from: ``event of proxy, 14:02:11``."""
        of = f" of {one_line(item.container, 64)}" if item.container and item.container != self.name else ""
        return f"{item.source}{of}" + (f", {format_clock(item.at, self.now)}" if item.at is not None else "")

    def charge_time(self, charge: BackendCharge) -> str:
        """Return when a backend charges, for a person: ``in 19s``, ``at once``, ``never``."""
        at = charge.charge.at
        if at is None or not charge.is_charged:
            return "never"
        return "at once" if self.ended and at >= self.now else format_relative(at, self.now)


def explain(
    pod: wire.Pod,
    *,
    events: Sequence[wire.Event] = (),
    attempts_before: int = 0,
    memory: Memory | None = None,
    policies: Mapping[str, Policy],
    limits: Limits,
    now: datetime,
    now_is_explicit: bool = True,
    missing: Sequence[str] = (),
    assumed: Sequence[str] = (),
) -> Explanation:
    """Explain a pod at one moment.

    ``attempts_before`` attempts of the task failed before this pod; ``policies`` are by backend. Unless the caller
    chose the moment (``now_is_explicit``), a note points out an old record. ``missing`` is what could not be known of
    the pod, as sentences: it comes before the other notes. ``assumed`` is what the caller did not know of the task and
    its backend, as phrases: a note says so where anybody is charged.
    """
    policy = policies["podtriage"]
    verdict = triage(pod, events=events, memory=memory, policy=policy, now=now)
    attempt_state = AttemptState(pod, events, memory, verdict, now, limits, attempts_before)
    is_wrong = verdict.kind is not None or verdict.failing
    state, since = pod_state(pod, verdict)
    metadata = pod.metadata or wire.Metadata()
    # Even if nothing is wrong a stock backend may charge for it: the task has succeeded while a sidecar waits, say.
    charges = charges_by_backend(attempt_state, policies)
    if not is_wrong and not any(charge.is_charged for charge in charges):
        charges = ()
    notes = _notes(attempt_state, now_is_explicit, bool(charges), are_events_noted=bool(missing))
    if charges and assumed:
        notes.append(f"Assumed: {'; '.join(assumed)}.")
    is_pulling = is_wrong and not verdict.failing and state in PULL_REASONS
    return Explanation(
        name=one_line(metadata.name or "a pod without a name", 120),
        namespace=one_line(metadata.namespace or "", 120),
        task=_label(metadata, "task-name"),
        execution=_label(metadata, "execution-id"),
        node=_label(metadata, "node-id"),
        attempt=attempts_before + 1,
        attempts=max(limits.max_attempts, attempts_before + 1),
        now=now,
        state=one_line(state, 80),
        since=since,
        ended=pod.status is not None and pod.status.phase in ("Failed", "Succeeded"),
        verdict=verdict,
        cause=one_line(rule_title(verdict, policy.rules), 300),
        timeline=build_timeline(pod, events, now),
        next_try=next_pull_time(pod, events, verdict.container) if is_pulling else None,
        charges=charges,
        notes=(*missing, *notes),
    )


def pod_state(pod: wire.Pod, verdict: Verdict) -> tuple[str, datetime | None]:
    """Return a pod's state in a word or two, and since when it is in it."""
    status = pod.status or wire.PodStatus()
    phase = status.phase or "no phase"
    ready = [c for c in status.conditions or () if c.type == "Ready" and c.last_transition_time is not None]
    on_node = ready[0].last_transition_time if ready else status.start_time
    if phase in ("Failed", "Succeeded"):
        return f"{phase}: {status.reason}" if status.reason else phase, _end_time(pod, status)
    if phase == "Pending":
        for condition in status.conditions or ():
            if condition.type == "PodScheduled" and condition.status == "False":
                return condition.reason or "Unschedulable", condition.last_transition_time
    reason = _waiting_reason(status, verdict.container)
    if reason is not None:
        return reason, on_node
    return phase, on_node or (pod.metadata.creation_timestamp if phase == "Pending" and pod.metadata else None)


def _waiting_reason(status: wire.PodStatus, deciding_container: str | None) -> str | None:
    """Return why the container that decided the verdict waits, else why the first waiting container does."""
    states = ((container.name, container.state) for container in container_statuses(status))
    reasons = {name: state.waiting.reason for name, state in states if state and state.waiting and state.waiting.reason}
    first = next((reason for reason in reasons.values() if reason != "PodInitializing"), None)
    return reasons.get(deciding_container, first)


def _end_time(pod: wire.Pod, status: wire.PodStatus) -> datetime | None:
    """Return when a pod ended; None if it does not record that.

    The condition Ready does not: for a pod that was never ready it last changed when its node took it.
    """
    containers = container_statuses(status)
    terminated = [container.state.terminated for container in containers if container.state]
    times = [state.finished_at for state in terminated if state]
    disrupted = [c for c in status.conditions or () if c.type == "DisruptionTarget" and c.status == "True"]
    times.extend(condition.last_transition_time for condition in disrupted)
    known = [at for at in times if at is not None]
    if known:
        return max(known)
    if pod.metadata is not None and pod.metadata.deletion_timestamp is not None:
        return pod.metadata.deletion_timestamp
    return None if containers else status.start_time  # rejected by its node: it ended when it started


def _notes(state: AttemptState, now_is_explicit: bool, is_charged: bool, *, are_events_noted: bool) -> list[str]:
    notes = []
    if is_charged and state.verdict.phase is Phase.SUCCESS:
        notes.append(
            "The task has succeeded, but a sidecar that does not start keeps the pod pending, "
            "and a stock backend fails the task for it."
        )
    if is_charged and state.attempts_before:
        attempts = f"{state.attempts_before} earlier attempts" if state.attempts_before > 1 else "earlier attempt"
        notes.append(
            f"The retries left assume that the {attempts} failed for the same reason; the pod does not record it."
        )
    if is_charged and state.verdict.retry_after:
        notes.append(f"The registry asks clients to retry after {state.verdict.retry_after:g} s.")
    if not are_events_noted and not state.events and not state.verdict.failing and state.verdict.kind is not None:
        notes.append("No events were given; with them (kubectl get events) the timeline is complete.")
    if not now_is_explicit:
        last = latest_time(state.pod, state.events)
        if last is not None and state.now - last > _STALE:
            days = (state.now - last) // timedelta(days=1)
            age = f"{days} days" if days > 1 else f"{(state.now - last) // timedelta(hours=1)} h"
            notes.append(f"The record ends {age} ago; --now last explains the pod as of then.")
    return notes


def _label(metadata: wire.Metadata, name: str) -> str | None:
    value = (metadata.labels or {}).get(name)
    return one_line(value, 120) if value else None
