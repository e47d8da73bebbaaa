"""Verdicts on what a cluster tells of a pod that somebody runs: seen, gone, or never created."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import attrs

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.model import Category, ErrorKind, Evidence, Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterDenied,
    ClusterError,
    PodRejected,
    PodSnapshot,
    QuotaExceeded,
)
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.triage import triage

GONE: Final = "pod-gone"
"""The rule of a pod that is no longer there, and whose last state tells no end."""
NOT_CREATED: Final = "pod-not-created"
"""The rule of a pod that the cluster did not take, where the message tells no cause."""


def judge(snapshot: PodSnapshot, policy: Policy, now: datetime) -> Verdict:
    """Return podtriage's verdict on a pod; one that is gone without an end of its own is the platform's failure.

    Raises:
        InvalidPod: the pod cannot be read.
        ValueError: ``now`` has no zone.
    """
    verdict = triage(snapshot.pod, events=snapshot.events, memory=snapshot.memory, policy=policy, now=now)
    if not snapshot.gone or verdict.phase.terminal:
        return verdict
    return attrs.evolve(
        lost(verdict.started),
        category=verdict.category or Category.DELETED,
        evidence=verdict.evidence,
        rule=verdict.rule if verdict.kind is ErrorKind.SYSTEM else GONE,
    )


def lost(started: bool = False) -> Verdict:
    """Return the verdict on a pod that is not there, of which nothing else is known."""
    return Verdict(
        Phase.RETRYABLE_FAILURE,
        ErrorKind.SYSTEM,
        code="PodGone",
        message="the pod is gone, and nothing tells how it ended",
        category=Category.DELETED,
        rule=GONE,
        remedy="Look for whoever deletes pods: a node that went away, an autoscaler, a person.",
        started=started,
    )


def not_created(error: ClusterError, *, since: datetime, policy: Policy, now: datetime) -> Verdict:
    """Return the verdict on a pod that a cluster has not taken.

    A pod that is no valid one (400, 422) will never be taken. Everything else is held and tried again: a quota has room
    later, a right is given, a server comes back. How long, is the policy's patience, from the first try. What stock
    Flyte does: flytepropeller nodes/task/k8s/plugin_manager.go (``launchResource``): 400 and 422 fail for good, a quota
    waits, any other refusal is charged to the user at once.

    Args:
        error: what the cluster answered to the last try.
        since: when the first try was.
        policy: podtriage's own.
        now: the moment.
    """
    said = str(error)
    found = diagnose(said)
    known = found.category is not Category.UNKNOWN
    if isinstance(error, PodRejected):
        kind = found.kind if known else ErrorKind.USER
        category = found.category if known else Category.CONFIG_INVALID
        code = "PodRejected"
    elif isinstance(error, QuotaExceeded):
        kind, category, code = ErrorKind.SYSTEM, Category.QUOTA, "QuotaExceeded"
    elif isinstance(error, ClusterDenied):
        kind, category, code = ErrorKind.SYSTEM, Category.AUTH, "ClusterDenied"
    else:
        kind, category, code = ErrorKind.SYSTEM, Category.UNKNOWN, "ClusterUnavailable"
    final = isinstance(error, PodRejected) and error.status in (400, 422)
    patience = policy.system_patience if kind is ErrorKind.SYSTEM else policy.user_patience
    until = since + timedelta(seconds=patience)
    ended = final or now >= until
    phase = Phase.WAITING_FOR_RESOURCES
    if ended:
        phase = Phase.PERMANENT_FAILURE if final else Phase.RETRYABLE_FAILURE
    told = known and isinstance(error, (PodRejected, QuotaExceeded))
    remedy = found.remedy if told else _REMEDIES[code]
    text = f"the pod could not be created: {said}"
    return Verdict(
        phase,
        kind,
        code=code if ended else None,
        message=f"{text}\nWhat helps: {remedy}" if ended else None,
        reason="" if ended else text,
        category=category,
        rule=found.rule if told else NOT_CREATED,
        remedy=remedy,
        evidence=(Evidence("message", said),),
        recheck_at=None if ended else until,
    )


_REMEDIES: Final = {
    "PodRejected": "Correct the pod template as the message says.",
    "QuotaExceeded": "Ask for less in the task's resources, or have the platform raise the namespace's quota.",
    "ClusterDenied": "Give podtriage the right that the message names (the chart's role has them all).",
    "ClusterUnavailable": "See to the health of the API server; the pod is created as soon as it answers.",
}
