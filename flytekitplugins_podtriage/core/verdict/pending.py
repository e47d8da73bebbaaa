"""Podtriage's verdict on a pod that has not started yet.

Waiting is free: the kubelet keeps retrying within one pod, and a new pod would restart the back-off. So a pod that
fails to start is held, by default for half an hour if the cause is the platform's, and for three minutes if it is the
user's (an image may still be pushed, a secret still be created) or unknown.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.model import Category, ErrorKind, Evidence, Phase, Verdict
from flytekitplugins_podtriage.core.verdict.context import PodContext, quote
from flytekitplugins_podtriage.core.verdict.crash_loops import init_crash_loop, main_crash_loop
from flytekitplugins_podtriage.core.verdict.terminated import deleted
from flytekitplugins_podtriage.core.verdict.waiting_causes import WaitingCause, waiting_cause

_PERMANENT = frozenset({Category.INVALID_REFERENCE, Category.CONFIG_INVALID, Category.CONFIG_MISSING})
"""Causes that another attempt would hit again: permanent, as in stock Flyte."""


def pending(context: PodContext) -> Verdict:
    """The pod's phase is Pending."""
    verdict = _pending(context)
    timeout = context.policy.pod_pending_timeout
    if timeout <= 0 or verdict.phase.terminal:
        return verdict
    due = later(context.since, timeout)
    if context.now < due:
        return attrs.evolve(verdict, recheck_at=_earlier(verdict.recheck_at, due))
    overdue = context.by_rule(
        "pod-pending-timeout",
        code="PodPendingTimeout",
        detail=verdict.reason,
        evidence=verdict.evidence,
        cleanup=True,
    )
    if verdict.category is None or verdict.kind is None:
        return overdue
    return attrs.evolve(overdue, kind=verdict.kind, category=verdict.category, remedy=verdict.remedy)


def _pending(context: PodContext) -> Verdict:
    cause = waiting_cause(context)
    if context.metadata.deletion_timestamp is not None:
        # The kubelet does not abort a pull, and may still start the container until the grace period ends.
        if context.now >= context.metadata.deletion_timestamp:
            return deleted(context, cause)
        return context.by_rule(
            "pod-starting",
            Phase.INITIALIZING,
            detail="it is being deleted",
            recheck_at=context.metadata.deletion_timestamp,
        )
    if cause is not None:
        return _waiting(context, cause)
    return (
        _unscheduled(context)
        or main_crash_loop(context, Phase.INITIALIZING)
        or init_crash_loop(context)
        or _starting(context)
    )


def _unscheduled(context: PodContext) -> Verdict | None:
    """The scheduler has not bound the pod to a node: that is never charged, however long it takes."""
    for condition in context.status.conditions or ():
        if condition.type != "PodScheduled" or condition.status != "False":
            continue
        text, at = f"{condition.reason or ''}: {condition.message or ''}", condition.last_transition_time
        evidence = (Evidence("condition", quote(text), at=at),)
        if condition.reason == "SchedulingGated":
            detail = quote(condition.message)
            return context.by_rule("pod-scheduling-gated", Phase.QUEUED, detail=detail, evidence=evidence)
        match = context.match(condition.message or "", condition.reason)
        if match.rule.category is Category.UNKNOWN:
            return context.by_rule("pod-queued", Phase.QUEUED, detail=quote(text), evidence=evidence)
        code = condition.reason or "Unschedulable"
        return context.by_match(match, Phase.QUEUED, code=code, source="condition", at=at)
    return None


def _starting(context: PodContext) -> Verdict:
    """Nothing has failed, as far as is known; a start that takes longer than ``system_patience`` fails."""
    if not context.main and not context.init:
        return context.by_rule("pod-queued", Phase.QUEUED)
    pulls = [(pull.pulling_since, name) for name, pull in context.events.pulls.items() if pull.pulling_since]
    since, name = min(pulls) if pulls else (context.since, "")
    due = later(since, context.policy.system_patience)
    if context.now < due:
        detail = "its image is being pulled" if pulls else ""
        return context.by_rule("pod-starting", Phase.INITIALIZING, detail=detail, recheck_at=due)
    return context.by_rule(
        "pod-pull-hangs" if pulls else "pod-start-hangs",
        code="ContainerCreating",
        detail=f"since {since.isoformat()}",
        evidence=(Evidence("event" if pulls else "status", "pulling" if pulls else "starting", name or None, since),),
        container=name or None,
        cleanup=True,
    )


def _waiting(context: PodContext, cause: WaitingCause) -> Verdict:
    """Something failed and is retried by the kubelet: hold the pod for as long as the policy allows."""
    match, policy = cause.match, context.policy
    category = match.rule.category
    if category is Category.INVALID_REFERENCE:
        limit = 0.0  # it cannot succeed later
    elif match.rule.kind is ErrorKind.SYSTEM and category is not Category.UNKNOWN:
        limit = policy.system_patience
    else:
        limit = policy.user_patience
    phase, recheck, due = Phase.INITIALIZING, None, later(cause.since, limit)
    if context.now >= due:
        phase = Phase.PERMANENT_FAILURE if category in _PERMANENT else Phase.RETRYABLE_FAILURE
    else:
        recheck = due if cause.stale_at is None else _earlier(due, cause.stale_at)
        if match.retry_after is not None and cause.at is not None:
            again = later(cause.at, match.retry_after)
            if again > context.now:
                recheck = _earlier(recheck, again)
    return context.by_match(
        match,
        phase,
        code=cause.reason,
        source=cause.source,
        container=cause.container,
        at=cause.at,
        recheck_at=recheck,
    )


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other < one else one
