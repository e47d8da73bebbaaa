"""Verdicts on the pod of an attempt as a cluster reports it: observed, gone, or never created."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs

from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.match import Match, excerpt, match_message
from flytekitplugins_podtriage.core.model import Category, ErrorKind, Evidence, Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterDenied,
    ClusterError,
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


def triage_snapshot(snapshot: PodSnapshot, policy: Policy, now: datetime) -> Verdict:
    """Return podtriage's verdict on a pod; a pod that is gone and did not end by itself is a SYSTEM failure.

    Raises:
        InvalidPod: the pod cannot be read.
        ValueError: ``now`` has no zone.
    """
    verdict = triage(snapshot.pod, events=snapshot.events, memory=snapshot.memory, policy=policy, now=now)
    if not snapshot.gone or verdict.phase.terminal:
        return verdict
    gone = pod_gone(started=verdict.started)
    return attrs.evolve(
        gone,
        category=verdict.category or gone.category,
        evidence=verdict.evidence,
        rule=verdict.rule if verdict.kind is ErrorKind.SYSTEM else gone.rule,
    )


def pod_gone(*, started: bool = False) -> Verdict:
    """Return the verdict on a pod that no longer exists and of which nothing else is known."""
    return ABSENT_POD_RULES["pod-gone"].verdict(Phase.RETRYABLE_FAILURE, code="PodGone", started=started)


def pod_not_created(error: ClusterError, *, since: datetime, policy: Policy, now: datetime) -> Verdict:
    """Return the verdict on a pod that a cluster has not created.

    An invalid pod (400, 422) fails for good; one whose name is taken fails at once. Everything else is held and created
    again: the quota has room later, a permission is granted, the server recovers. It is held for the policy's patience,
    from the first request on. For comparison, stock Flyte 1.16 (flytepropeller nodes/task/k8s/plugin_manager.go,
    ``launchResource``) fails 400 and 422 for good, waits for a quota, and charges the user for any other error at once.

    Args:
        error: the error of the last attempt to create it.
        since: when the first attempt was made.
        policy: podtriage's own.
        now: the moment.
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
    if error.permanent:
        phase = Phase.RETRYABLE_FAILURE if isinstance(error, PodNameTaken) else Phase.PERMANENT_FAILURE
    else:
        phase = Phase.WAITING_FOR_RESOURCES if now < due else Phase.RETRYABLE_FAILURE
    return rule.verdict(
        phase,
        code=code,
        detail=message,
        evidence=(Evidence("message", excerpt(message)),),
        recheck_at=None if phase.failing else due,
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
