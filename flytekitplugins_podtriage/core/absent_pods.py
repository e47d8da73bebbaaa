"""Verdicts on the pod of an attempt as a cluster reports it: observed, gone, or never created."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs

from flytekitplugins_podtriage.core.durations import ZERO_TIME, later
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.match import Match, excerpt, match_message
from flytekitplugins_podtriage.core.model import Category, ErrorKind, Evidence, Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterDenied,
    ClusterError,
    ClusterUnreachable,
    PodNameTaken,
    PodRejected,
    PodSnapshot,
    QuotaExceeded,
)
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.rules.absent_pods import ABSENT_POD_RULES
from flytekitplugins_podtriage.core.rules.pod_rule import PodRule
from flytekitplugins_podtriage.core.triage import triage

_REFUSALS: Final[tuple[tuple[type[ClusterError], str, str], ...]] = (
    (PodNameTaken, "PodNameTaken", "pod-name-taken"),
    (PodRejected, "PodRejected", "cluster-rejected"),
    (ClusterDenied, "ClusterDenied", "cluster-denied"),
    (QuotaExceeded, "QuotaExceeded", "pod-not-created"),
    (ClusterError, "ClusterUnavailable", "pod-not-created"),
)
"""The code and the rule of each error of creating a pod; the first that fits decides."""


@attrs.frozen(slots=True)
class PodDecision:
    """What is decided about a pod."""

    verdict: Verdict
    unconfirmed: Verdict | None = None
    """The ending that is due, but rests on time that the view does not reach: ``verdict`` waits until the pod has been
    read. None: there is no such ending."""


def triage_snapshot(snapshot: PodSnapshot, policy: Policy, now: datetime, freshness: Freshness) -> PodDecision:
    """Decide about a pod by podtriage's verdict; one that is gone and did not end by itself is a SYSTEM failure.

    An ending that rests on the passing of time is given as of the moment that the view reaches; see
    :mod:`~flytekitplugins_podtriage.core.freshness`.

    Args:
        snapshot: the pod.
        policy: podtriage's own.
        now: the moment, with a zone, by the same clock as the freshness.
        freshness: up to which moment the snapshot is known to be complete.

    Raises:
        InvalidPod: the pod cannot be read.
        ValueError: ``now`` has no zone.
    """
    as_of = freshness.reach(now)
    if snapshot.gone:
        return PodDecision(_gone(snapshot, policy, max(as_of, _deleted_at(snapshot, now))))
    verdict = _triage(snapshot, policy, now)
    if as_of >= now or not verdict.phase.terminal:
        return PodDecision(verdict)
    earlier = _triage(snapshot, policy, as_of)
    if earlier.phase.terminal:
        return PodDecision(earlier)
    return PodDecision(_awaiting_view(earlier, freshness, now), unconfirmed=verdict)


def _triage(snapshot: PodSnapshot, policy: Policy, now: datetime) -> Verdict:
    return triage(snapshot.pod, events=snapshot.events, memory=snapshot.memory, policy=policy, now=now)


def _gone(snapshot: PodSnapshot, policy: Policy, as_of: datetime) -> Verdict:
    """Return the verdict on a pod that no longer exists, by its last state."""
    verdict = _triage(snapshot, policy, as_of)
    if verdict.phase.terminal:
        return verdict
    gone = pod_gone(started=verdict.started)
    return attrs.evolve(
        gone,
        category=verdict.category or gone.category,
        evidence=verdict.evidence,
        rule=verdict.rule if verdict.kind is ErrorKind.SYSTEM else gone.rule,
    )


def _deleted_at(snapshot: PodSnapshot, now: datetime) -> datetime:
    """Return when the deletion of a pod that is gone was due, at the latest now: so long it existed, or nearly."""
    metadata = snapshot.pod.metadata
    due = metadata.deletion_timestamp if metadata is not None else None
    return ZERO_TIME if due is None else min(due, now)


def _awaiting_view(held: Verdict, freshness: Freshness, now: datetime) -> Verdict:
    """Return the verdict on an attempt whose end is due but unconfirmed; nothing but a new view changes it."""
    waits = f"its time is over, which is decided on a current view of the pod: {freshness.describe(now)}"
    reason = f"{held.reason}; {waits}"
    return attrs.evolve(held, reason=reason, recheck_at=None)


def pod_gone(*, started: bool = False) -> Verdict:
    """Return the verdict on a pod that no longer exists and of which nothing else is known."""
    return ABSENT_POD_RULES["pod-gone"].verdict(Phase.RETRYABLE_FAILURE, code="PodGone", started=started)


def pod_not_created(
    error: ClusterError, *, since: datetime, policy: Policy, now: datetime, freshness: Freshness
) -> Verdict:
    """Return the verdict on a pod that a cluster has not created.

    An invalid pod (400, 422) fails for good; one whose name is taken fails at once. Everything else is held and created
    again: the quota has room later, a permission is granted, the server recovers. It is held for the policy's patience,
    from the first request on, and then until the API server refuses it once more: a quota that was full when the server
    was last heard may have room by now. While nothing answers the pod is held, however long that takes.

    For comparison, stock Flyte 1.16 (flytepropeller nodes/task/k8s/plugin_manager.go, ``launchResource``) fails 400 and
    422 for good, waits for a quota, and charges the user for any other error at once.

    Args:
        error: the error of the last attempt to create it.
        since: when the first attempt was made.
        policy: podtriage's own.
        now: the moment.
        freshness: of the error: as of when the API server gave it.
    """
    message = str(error)
    code, rule_id = next((code, rule_id) for of, code, rule_id in _REFUSALS if isinstance(error, of))
    rule = ABSENT_POD_RULES[rule_id]
    match = _cause(error, message)
    if match is not None:
        cause = match.rule
        rule = PodRule(
            cause.id,
            cause.category,
            ABSENT_POD_RULES["pod-not-created"].means,
            match.remedy,
            cause.source,
            kind=cause.kind,
        )
    patience = policy.system_patience if rule.kind is ErrorKind.SYSTEM else policy.user_patience
    due = later(since, patience)
    answered = not isinstance(error, ClusterUnreachable)
    if error.permanent:
        phase = Phase.RETRYABLE_FAILURE if isinstance(error, PodNameTaken) else Phase.PERMANENT_FAILURE
    elif answered and freshness.reach(now) >= due:
        phase = Phase.RETRYABLE_FAILURE
    else:
        phase = Phase.WAITING_FOR_RESOURCES
    return rule.verdict(
        phase,
        code=code,
        detail=message,
        evidence=(Evidence("message", excerpt(message)),),
        recheck_at=None if phase.failing or now >= due or not answered else due,
    )


def _cause(error: ClusterError, message: str) -> Match | None:
    """Return the cause that the API server's message names; the message of any other error is podtriage's own."""
    if not isinstance(error, (PodRejected, QuotaExceeded)):
        return None
    match = match_message(message)
    if isinstance(error, QuotaExceeded) and match.rule.category is not Category.QUOTA:
        match = match_message("exceeded quota")
    return None if match.rule.category is Category.UNKNOWN else match


def template_refused(message: str, kind: ErrorKind) -> Verdict:
    """Return the verdict on a task whose template makes no pod.

    Args:
        message: what is wrong with it.
        kind: USER, or SYSTEM where Flyte did not render it.
    """
    rule = "template-refused" if kind is ErrorKind.USER else "template-not-rendered"
    # flyteplugins' own code for it (pluginmachinery/core/errors).
    return ABSENT_POD_RULES[rule].verdict(Phase.PERMANENT_FAILURE, code="BadTaskSpecification", detail=message)
