"""Stock Flyte's verdict on a pod: ``DemystifyPodStatus`` of flyteplugins, in two versions.

Source: flyteplugins/go/tasks/plugins/k8s/pod/plugin.go and flytek8s/pod_helper.go, at the commits that the
:class:`~flytekitplugins_podtriage.core.policy.Dialect` names; the differences of the versions are its fields.
Odd cases are kept on purpose: the order of conditions and containers decides, an OOM is recognised by substring, a
node's shutdown outweighs it, and the code ``Interrupted`` does not imply the kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.durations import ZERO_TIME, go_format, later
from flytekitplugins_podtriage.core.model import ErrorKind, Evidence, Phase, Verdict
from flytekitplugins_podtriage.core.policy import Dialect, Policy
from flytekitplugins_podtriage.core.rules.demystify import STOCK_RULES

PRIMARY_CONTAINER: Final = "primary_container_name"
"""The annotation that names the container whose end is the task's (flytek8s.PrimaryContainerKey)."""

INTERRUPTED: Final = "Interrupted"
SYSTEM_REASONS: Final = frozenset({"Shutdown", "Terminated", "NodeShutdown", "NodeAffinity"})
"""``retryableStatusReasons``: pod reasons that Flyte attributes to the node."""

_SIGKILL: Final = (137, 247)
_INITIALIZING: Final = frozenset({"ErrImagePull", "ContainerCreating", "PodInitializing"})


def demystify_pod_status(pod: wire.Pod, policy: Policy, dialect: Dialect, now: datetime) -> Verdict:
    """Answer as the dialect's ``DemystifyPodStatus`` does at the time ``now``."""
    status = pod.status or _NO_STATUS
    annotations = (pod.metadata and pod.metadata.annotations) or {}
    primary = annotations.get(PRIMARY_CONTAINER)
    phase = status.phase or ""
    if phase == "Succeeded":
        return _succeeded(status, policy)
    if phase == "Failed":
        return _failed(status, primary or "", policy)
    if phase == "Pending":
        return _pending(status, policy, dialect, now)
    if phase == "Unschedulable":
        return _verdict("stock-phase-unschedulable", policy, Phase.QUEUED, reason="pod unschedulable")
    if phase == "Unknown" and dialect.unknown_phase_is_undefined:
        return _verdict("stock-phase-unknown", policy, Phase.UNDEFINED)
    if primary is None:
        return _running_without_primary(status, policy)
    return _running_with_primary(pod, status, primary, policy)


def _verdict(
    rule: str,
    policy: Policy,
    phase: Phase,
    kind: ErrorKind | None = None,
    code: str | None = None,
    message: str | None = None,
    cleanup: bool = False,
    reason: str = "",
    recheck_at: datetime | None = None,
    evidence: tuple[Evidence, ...] = (),
    container: str | None = None,
) -> Verdict:
    """Return the verdict of a stock rule."""
    return Verdict(
        phase,
        kind,
        code,
        message,
        cleanup,
        reason,
        rule=rule,
        remedy=STOCK_RULES[rule].remedy,
        evidence=evidence,
        container=container,
        recheck_at=recheck_at,
        backend=policy.name,
    )


def _all_statuses(status: wire.PodStatus) -> Iterable[wire.ContainerStatus]:
    return chain(
        status.init_container_statuses or (),
        status.container_statuses or (),
        status.ephemeral_container_statuses or (),
    )


def _succeeded(status: wire.PodStatus, policy: Policy) -> Verdict:
    """``DemystifySuccess``."""
    for c in _all_statuses(status):
        ended = c.state.terminated if c.state else None
        if ended and "OOMKilled" in (ended.reason or ""):
            return _verdict(
                "stock-succeeded-oom",
                policy,
                Phase.RETRYABLE_FAILURE,
                ErrorKind.USER,
                "OOMKilled",
                "Pod reported success despite being OOMKilled",
                evidence=(Evidence("terminated", "OOMKilled", c.name),),
                container=c.name,
            )
    return _verdict("stock-succeeded", policy, Phase.SUCCESS)


def _failed(status: wire.PodStatus, primary: str, policy: Policy) -> Verdict:
    """``DemystifyFailure``: the last container that says something sets the code."""
    code = status.reason or "UnknownError"
    message = status.message or "Pod failed. No message received from kubernetes."
    system = code in SYSTEM_REASONS
    evidence = Evidence("status", f"Failed: {status.reason or 'no reason'}")
    container = None
    for c in _all_statuses(status):
        ended = (c.last_state.terminated if c.last_state else None) or (c.state.terminated if c.state else None)
        if ended is None:
            continue
        name, exit_code = c.name or "", ended.exit_code or 0
        if "OOMKilled" in (ended.reason or ""):
            code, container = "OOMKilled", c.name
            evidence = Evidence("terminated", "OOMKilled", c.name)
        elif exit_code in _SIGKILL:
            code, container = INTERRUPTED, c.name
            evidence = Evidence("terminated", f"exit code {exit_code}", c.name)
            if name == primary:
                system = True
        if exit_code == 0:
            message += f"\r\n[{name}] terminated with ExitCode 0."
        else:
            message += (
                f"\r\n[{name}] terminated with exit code ({exit_code}). "
                f"Reason [{ended.reason or ''}]. Message: \n{ended.message or ''}."
            )
    if system or code == "UnknownError":
        rule, kind, code = "stock-failed-system", ErrorKind.SYSTEM, INTERRUPTED
    else:
        rule, kind = "stock-failed-user", ErrorKind.USER
    failure = Phase.RETRYABLE_FAILURE
    return _verdict(rule, policy, failure, kind, code, message, evidence=(evidence,), container=container)


def _pending(status: wire.PodStatus, policy: Policy, dialect: Dialect, now: datetime) -> Verdict:
    """``DemystifyPending``: the conditions in their order, then the pending timeout."""
    since = now
    verdict = None
    for c in status.conditions or ():
        since = c.last_transition_time or ZERO_TIME
        kind = c.type
        if kind == "PodScheduled":
            if c.status == "False":
                verdict = _unscheduled(c, policy)
        elif kind == "Unschedulable":
            verdict = _unscheduled(c, policy)
        elif kind == "Ready" and c.status == "False":
            name, waiting = _first_waiting(status, dialect)
            if waiting is not None:
                verdict = _waiting(name, waiting, c, since, policy, dialect, now)
        if verdict is not None:
            break
    else:
        verdict = _verdict("stock-pending", policy, Phase.QUEUED, reason="Demistify Pending")
    assert verdict is not None
    if verdict.phase.failing or policy.pod_pending_timeout <= 0:
        return verdict
    due = later(since, policy.pod_pending_timeout)
    if now >= due:
        return _verdict(
            "stock-pod-pending-timeout",
            policy,
            Phase.RETRYABLE_FAILURE,
            dialect.pending_timeout_kind,
            "PodPendingTimeout",
            verdict.reason,
            cleanup=True,
            evidence=(Evidence("condition", verdict.reason[:500], at=since),),
        )
    if verdict.recheck_at is None or due < verdict.recheck_at:
        return attrs.evolve(verdict, recheck_at=due)
    return verdict


def _unscheduled(condition: wire.Condition, policy: Policy) -> Verdict:
    text = f"{condition.reason or ''}:{condition.message or ''}"
    return _verdict("stock-unscheduled", policy, Phase.QUEUED, reason=text)


def _first_waiting(status: wire.PodStatus, dialect: Dialect) -> tuple[str | None, wire.Waiting | None]:
    """Return the waiting container that decides."""
    if dialect.init_containers_first:
        for c in status.init_container_statuses or ():
            if c.state and c.state.waiting is not None:
                return c.name, c.state.waiting
    for c in status.container_statuses or ():
        if not c.ready and c.state and c.state.waiting is not None:
            return c.name, c.state.waiting
    return None, None


def _waiting(
    name: str | None,
    waiting: wire.Waiting,
    condition: wire.Condition,
    since: datetime,
    policy: Policy,
    dialect: Dialect,
    now: datetime,
) -> Verdict:
    """``classifyWaitingContainer``: the reason decides, after its grace."""
    reason = waiting.reason or ""
    code = f"{condition.reason or ''}|{reason}"
    message = f"{condition.message or ''}|{waiting.message or ''}"
    grace: float | None = None
    phase, kind = Phase.PERMANENT_FAILURE, ErrorKind.USER
    if reason == "ImagePullBackOff":
        rule, grace = "stock-image-pull-back-off", policy.image_pull_backoff_grace_period
        phase = Phase.RETRYABLE_FAILURE
        if dialect.rate_limit_words is not None and dialect.rate_limit_words in (waiting.message or ""):
            rule, kind = "stock-image-pull-rate-limited", ErrorKind.SYSTEM
    elif reason in _INITIALIZING:
        return _verdict("stock-starting", policy, Phase.INITIALIZING, reason=f"[{code}]: {message}", container=name)
    elif reason == "CreateContainerError":
        rule, grace = "stock-create-container-error", policy.create_container_error_grace_period
    elif reason == "CreateContainerConfigError":
        rule, grace = "stock-create-container-config-error", policy.create_container_config_error_grace_period
    elif reason == "InvalidImageName":
        rule = "stock-invalid-image-name"
    else:
        rule, phase, kind = "stock-waiting-unknown", Phase.RETRYABLE_FAILURE, ErrorKind.SYSTEM
    evidence = (Evidence("waiting", reason, name, since),)
    if grace is not None:
        due = later(since, grace)
        if now < due:
            return _verdict(
                "stock-grace",
                policy,
                Phase.INITIALIZING,
                reason=f"[{code}]: {message}",
                recheck_at=due,
                evidence=evidence,
                container=name,
            )
        message = f"Grace period [{go_format(grace)}] exceeded|{message}"
    return _verdict(rule, policy, phase, kind, code, message, cleanup=True, evidence=evidence, container=name)


def _has_not_succeeded(statuses: Sequence[wire.ContainerStatus] | None) -> bool:
    """Whether one of them waits, runs or has failed; an empty state counts as ended, as in Go."""
    for c in statuses or ():
        state = c.state
        if state is not None and (
            state.waiting is not None
            or state.running is not None
            or (state.terminated is not None and (state.terminated.exit_code or 0) != 0)
        ):
            return True
    return False


def _running_without_primary(status: wire.PodStatus, policy: Policy) -> Verdict:
    """Running until every container has ended."""
    main, init = status.container_statuses, status.init_container_statuses
    if not main or _has_not_succeeded(main) or _has_not_succeeded(init):
        return _verdict("stock-running", policy, Phase.RUNNING)
    verdict = _succeeded(status, policy)
    return attrs.evolve(verdict, rule="stock-all-ended") if verdict.phase is Phase.SUCCESS else verdict


def _running_with_primary(pod: wire.Pod, status: wire.PodStatus, primary: str, policy: Policy) -> Verdict:
    """``DeterminePrimaryContainerPhase``: the first status of the primary's name that says anything."""
    for c in status.container_statuses or ():
        if (c.name or "") != primary or c.state is None:
            continue
        if c.state.waiting is not None or c.state.running is not None:
            return _verdict("stock-running", policy, Phase.RUNNING)
        if c.state.terminated is not None:
            return _primary_ended(primary, c.state.terminated, policy)
    for container in (pod.spec and pod.spec.containers) or ():
        if (container.name or "") == primary:
            return _verdict("stock-running", policy, Phase.RUNNING)
    return _verdict(
        "stock-primary-not-found",
        policy,
        Phase.PERMANENT_FAILURE,
        ErrorKind.USER,
        "PrimaryContainerNotFound",
        f"Primary container [{primary}] not found in pod's container statuses",
        evidence=(Evidence("spec", f"annotation {PRIMARY_CONTAINER}: {primary[:200]}"),),
    )


def _primary_ended(primary: str, ended: wire.Terminated, policy: Policy) -> Verdict:
    reason, exit_code = ended.reason or "", ended.exit_code or 0
    if "OOMKilled" in reason:
        rule, kind = "stock-primary-oom", ErrorKind.USER
    elif exit_code in _SIGKILL:
        rule, kind = "stock-primary-killed", ErrorKind.SYSTEM
    elif exit_code != 0:
        rule, kind = "stock-primary-failed", ErrorKind.USER
    else:
        return _verdict("stock-primary-succeeded", policy, Phase.SUCCESS, container=primary)
    message = (
        f"\r\n[{primary}] terminated with exit code ({exit_code}). Reason [{reason}]. Message: \n{ended.message or ''}."
    )
    evidence = (Evidence("terminated", f"{reason or 'no reason'}, exit code {exit_code}", primary),)
    failure = Phase.RETRYABLE_FAILURE
    return _verdict(rule, policy, failure, kind, reason, message, evidence=evidence, container=primary)


_NO_STATUS: Final = wire.PodStatus()
