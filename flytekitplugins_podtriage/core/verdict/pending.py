"""What podtriage makes of a pod that has not started yet.

Waiting is free: the kubelet keeps trying within one pod, and a new pod would only begin its back-off anew. So a pod
that fails to start is held, as long as its policy has patience with the cause: half an hour with the platform's, three
minutes with the user's (an image may still be pushed, a secret still be created) and with what nobody knows.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.model import Category, ErrorKind, Evidence, Phase, Verdict
from flytekitplugins_podtriage.core.verdict.context import Case, quote
from flytekitplugins_podtriage.core.verdict.terminated import deleted
from flytekitplugins_podtriage.core.verdict.waiting_causes import Wait, wait_of

_NEVER_MENDS = frozenset({Category.INVALID_REFERENCE})
"""Causes that no waiting mends, so that there is none."""
_PERMANENT = frozenset({Category.INVALID_REFERENCE, Category.CONFIG_INVALID, Category.CONFIG_MISSING})
"""Causes that another attempt would meet again: permanent, as stock Flyte has them."""


def pending(case: Case) -> Verdict:
    """The pod's phase is Pending."""
    verdict = _pending(case)
    timeout = case.policy.pod_pending_timeout
    if timeout <= 0 or verdict.phase.terminal:
        return verdict
    due = later(case.since, timeout)
    if case.now < due:
        return attrs.evolve(verdict, recheck_at=_earlier(verdict.recheck_at, due))
    overdue = case.by_rule(
        "pod-pending-timeout",
        Phase.RETRYABLE_FAILURE,
        code="PodPendingTimeout",
        detail=verdict.reason,
        evidence=verdict.evidence,
        cleanup=True,
    )
    if verdict.category is None or verdict.kind is None:
        return overdue
    return attrs.evolve(overdue, kind=verdict.kind, category=verdict.category, remedy=verdict.remedy)


def _pending(case: Case) -> Verdict:
    wait = wait_of(case)
    if case.metadata.deletion_timestamp is not None:
        # The kubelet does not cut a pull short, and may still start the container: only the end of the grace is one.
        if case.now >= case.metadata.deletion_timestamp:
            return deleted(case, wait)
        return case.by_rule(
            "pod-starting",
            Phase.INITIALIZING,
            detail="it is being deleted",
            recheck_at=case.metadata.deletion_timestamp,
        )
    if wait is not None:
        return _waiting(case, wait)
    unscheduled = _unscheduled(case)
    return unscheduled if unscheduled is not None else _starting(case)


def _unscheduled(case: Case) -> Verdict | None:
    """The scheduler has not placed the pod: that is never charged, however long it takes."""
    for condition in case.status.conditions or ():
        if condition.type != "PodScheduled" or condition.status != "False":
            continue
        text = f"{condition.reason or ''}: {condition.message or ''}"
        said = Evidence("condition", quote(text), at=condition.last_transition_time)
        if condition.reason == "SchedulingGated":
            return case.by_rule("pod-scheduling-gated", Phase.QUEUED, detail=quote(condition.message), evidence=(said,))
        found = case.find(condition.message or "", condition.reason)
        if found.rule.category is Category.UNKNOWN:
            return case.by_rule("pod-queued", Phase.QUEUED, detail=quote(text), evidence=(said,))
        return case.by_finding(
            found,
            Phase.QUEUED,
            code=condition.reason or "Unschedulable",
            source="condition",
            at=condition.last_transition_time,
        )
    return None


def _starting(case: Case) -> Verdict:
    """Nothing has failed, as far as anything tells; what does not end at all is failed when the patience does."""
    if not case.main and not case.init:
        return case.by_rule("pod-queued", Phase.QUEUED)
    pulls = [(pull.pulling_since, name) for name, pull in case.events.pulls.items() if pull.pulling_since is not None]
    since, name = min(pulls) if pulls else (case.since, "")
    due = later(since, case.policy.system_patience)
    rule = "pod-pull-hangs" if pulls else "pod-start-hangs"
    if case.now < due:
        detail = "its image is being pulled" if pulls else ""
        return case.by_rule("pod-starting", Phase.INITIALIZING, detail=detail, recheck_at=due)
    return case.by_rule(
        rule,
        Phase.RETRYABLE_FAILURE,
        code="ContainerCreating",
        detail=f"since {since.isoformat()}",
        evidence=(Evidence("event" if pulls else "status", "pulling" if pulls else "starting", name or None, since),),
        container=name or None,
        cleanup=True,
    )


def _waiting(case: Case, wait: Wait) -> Verdict:
    """Something failed and is tried again: hold until the patience with its cause ends."""
    found = wait.found
    if found.rule.category in _NEVER_MENDS:
        patience = 0.0
    elif found.rule.kind is ErrorKind.SYSTEM and found.rule.category is not Category.UNKNOWN:
        patience = case.policy.system_patience
    else:
        patience = case.policy.user_patience
    due = later(wait.since, patience)
    if case.now < due:
        recheck = due if wait.stale_at is None else _earlier(due, wait.stale_at)
        if found.retry_after is not None and wait.at is not None:
            again = later(wait.at, found.retry_after)
            if again > case.now:
                recheck = _earlier(recheck, again)
        return case.by_finding(
            found,
            Phase.INITIALIZING,
            code=wait.reason,
            source=wait.source,
            container=wait.container,
            at=wait.at,
            recheck_at=recheck,
        )
    phase = Phase.PERMANENT_FAILURE if found.rule.category in _PERMANENT else Phase.RETRYABLE_FAILURE
    return case.by_finding(found, phase, code=wait.reason, source=wait.source, container=wait.container, at=wait.at)


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other < one else one
