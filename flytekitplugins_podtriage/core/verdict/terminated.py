"""What podtriage makes of containers that have ended, and of a pod that has failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.demystify import SYSTEM_REASONS
from flytekitplugins_podtriage.core.durations import FOREVER
from flytekitplugins_podtriage.core.memory import NEVER_RAN
from flytekitplugins_podtriage.core.model import Category, ErrorKind, Evidence, Phase, Verdict
from flytekitplugins_podtriage.core.rules.pod_states import DISRUPTIONS
from flytekitplugins_podtriage.core.verdict.context import Case, quote
from flytekitplugins_podtriage.core.verdict.waiting_causes import Wait, wait_of

_SIGNALS = {137: "SIGKILL", 247: "SIGKILL", 143: "SIGTERM"}
"""Exit codes of a process that a signal ended: 128 + 9, 256 - 9, 128 + 15."""
_LOST = "ContainerStatusUnknown"


def end_of(container: wire.ContainerStatus) -> wire.Terminated | None:
    """Return how a container ended for good."""
    return container.state.terminated if container.state else None


def ended_well(case: Case) -> bool:
    """Whether every main container has ended with 0."""
    if not case.main:
        return False
    for container in case.main:
        end = end_of(container)
        if end is None or end.exit_code or end.reason in NEVER_RAN:
            return False
    return True


def succeeded(case: Case) -> Verdict:
    """The main containers ended with 0: success, unless the kernel had to kill a part of them."""
    killed = _oom_killed(case)
    return case.by_rule("pod-succeeded", Phase.SUCCESS) if killed is None else _oom(case, killed)


def failed(case: Case) -> Verdict:
    """The pod's phase is Failed: find what ended it."""
    own = first_end(case.main)
    killed = _oom_killed(case)
    if killed is not None:
        return _oom(case, killed)
    disruption = case.disruption
    if disruption is not None:
        return disrupted(case, disruption)
    reason = case.status.reason or ""
    if reason and reason != "Error":
        return _for_reason(case, reason)
    if own is not None and own[1].reason not in NEVER_RAN:
        return ended_badly(case, *own)
    wait = wait_of(case)
    if case.metadata.deletion_timestamp is not None or (own is not None and own[1].reason == _LOST):
        return deleted(case, wait)
    if own is not None:
        return ended_badly(case, *own)
    init = first_end(case.init)
    if init is not None:
        return _init_ended_badly(case, *init)
    other = first_end(case.others)
    if other is not None and not case.has_started:
        return ended_badly(case, *other)
    if wait is not None:
        return _never_started(case, wait)
    return case.by_rule(
        "pod-failed-without-reason",
        Phase.RETRYABLE_FAILURE,
        code="UnknownError",
        detail=quote(case.status.message),
        evidence=(Evidence("status", "phase Failed, no reason"),),
    )


def first_end(containers: Iterable[wire.ContainerStatus]) -> tuple[str, wire.Terminated] | None:
    """Return the container that ended badly first; names decide between equals, the order of the list never does."""
    found: list[tuple[datetime, str, wire.Terminated]] = []
    for container in containers:
        end = end_of(container)
        if end is not None and (end.exit_code or end.reason in NEVER_RAN):
            found.append((end.finished_at or FOREVER, container.name or "", end))
    if not found:
        return None
    _, name, end = min(
        found, key=lambda item: (*item[:2], item[2].exit_code or 0, item[2].reason or "", item[2].message or "")
    )
    return name, end


def ended_badly(case: Case, name: str, end: wire.Terminated) -> Verdict:
    """A main container ended with another code than 0, and nothing else ended the pod."""
    code = end.exit_code or 0
    said = Evidence("terminated", _told(end), name, end.finished_at)
    if "OOMKilled" in (end.reason or ""):
        return _oom(case, name)
    if end.reason in NEVER_RAN and end.reason != _LOST:
        found = case.find(end.message or "", end.reason)
        return case.by_finding(
            found,
            Phase.RETRYABLE_FAILURE,
            code=end.reason or "StartError",
            source="terminated",
            container=name,
            at=end.finished_at,
        )
    asked = case.deletion_asked_at
    # Once the kubelet is done it deletes the pod anew with grace 0, and the first deletion's time is lost; an end by
    # a signal of a pod under deletion is the deletion's all the same.
    if asked is not None and (end.finished_at is None or end.finished_at >= asked or code in _SIGNALS):
        return case.by_rule(
            "pod-deleted", Phase.RETRYABLE_FAILURE, code="Deleted", detail=_told(end), evidence=(said,), container=name
        )
    if _says_exec_format(end.message):
        found = case.find("exec format error")
        return case.by_finding(
            found,
            Phase.RETRYABLE_FAILURE,
            code=end.reason or "Error",
            source="terminated",
            container=name,
            at=end.finished_at,
            also=(said,),
        )
    if code in _SIGNALS:
        return case.by_rule(
            "pod-killed",
            Phase.RETRYABLE_FAILURE,
            code="Interrupted",
            detail=f"exit code {code} ({_SIGNALS[code]})",
            evidence=(said,),
            container=name,
        )
    return case.by_rule(
        "pod-exit-code",
        Phase.RETRYABLE_FAILURE,
        code=end.reason or "Error",
        detail=_told(end),
        evidence=(said,),
        container=name,
    )


def _says_exec_format(message: str | None) -> bool:
    """Whether the log's tail ends as a binary for another machine does, which is started and ends at once with 1."""
    return message is not None and message.rstrip().endswith("exec format error")


def _told(end: wire.Terminated) -> str:
    text = f"exit code {end.exit_code or 0}, reason {end.reason or 'none'}"
    return f"{text}: {quote(end.message)}" if end.message else text


def _oom_killed(case: Case) -> str | None:
    """Return the main container that the kernel killed for its memory; of several the first by name."""
    names = [c.name or "" for c in case.main if (end := end_of(c)) is not None and "OOMKilled" in (end.reason or "")]
    return min(names) if names else None


def _oom(case: Case, name: str | None) -> Verdict:
    return case.by_rule(
        "pod-oom",
        Phase.RETRYABLE_FAILURE,
        code="OOMKilled",
        evidence=(Evidence("terminated", "OOMKilled", name),),
        container=name,
    )


def _init_ended_badly(case: Case, name: str, end: wire.Terminated) -> Verdict:
    if end.reason in NEVER_RAN or "OOMKilled" in (end.reason or "") or (end.exit_code or 0) in _SIGNALS:
        return ended_badly(case, name, end)
    return case.by_rule(
        "pod-init-exit-code",
        Phase.RETRYABLE_FAILURE,
        code=end.reason or "Error",
        detail=_told(end),
        evidence=(Evidence("terminated", _told(end), name, end.finished_at),),
        container=name,
    )


def disrupted(case: Case, condition: wire.Condition) -> Verdict:
    """The cluster says itself that it ended the pod: that beats every exit code."""
    reason = condition.reason or ""
    said = Evidence("condition", quote(f"{reason}: {condition.message or ''}"), at=condition.last_transition_time)
    rule = DISRUPTIONS.get(reason, "pod-disruption")
    if rule == "pod-disruption-taint" and case.events.node_not_ready:
        rule = "pod-disruption-node-gone"
    if rule == "pod-disruption-kubelet" and case.status.reason:
        found = case.find(case.status.message or "", case.status.reason)
        if found.rule.kind is ErrorKind.SYSTEM and found.rule.category is not Category.UNKNOWN:
            return case.by_finding(
                found, Phase.RETRYABLE_FAILURE, code=case.status.reason, source="status", also=(said,)
            )
    return case.by_rule(
        rule,
        Phase.RETRYABLE_FAILURE,
        code=reason or "DisruptionTarget",
        detail=quote(condition.message),
        evidence=(said,),
    )


def _for_reason(case: Case, reason: str) -> Verdict:
    """The pod's own reason: an eviction, an admission refused, a shutdown, a deadline."""
    message = case.status.message or ""
    if reason == "DeadlineExceeded":
        if case.has_started:
            return case.by_rule(
                "pod-deadline", Phase.RETRYABLE_FAILURE, code=reason, evidence=(Evidence("status", quote(message)),)
            )
        wait = wait_of(case)
        if wait is not None:
            return _never_started(case, wait)
        return case.by_rule("pod-deadline-before-start", Phase.RETRYABLE_FAILURE, code=reason, detail=quote(message))
    found = case.find(message, None if reason in SYSTEM_REASONS else reason)
    if found.rule.category is Category.UNKNOWN or (
        reason in SYSTEM_REASONS and found.rule.kind is not ErrorKind.SYSTEM
    ):
        # A node's reason with a message that names no cause, or one that is not the node's: the reason decides.
        found = case.find("", reason)
    if found.rule.category is Category.UNKNOWN:
        return case.by_rule(
            "pod-failed-for-unknown-reason",
            Phase.RETRYABLE_FAILURE,
            code=reason,
            detail=quote(f"{reason}: {message}"),
            evidence=(Evidence("status", quote(f"{reason}: {message}")),),
        )
    return case.by_finding(found, Phase.RETRYABLE_FAILURE, code=reason, source="status")


def deleted(case: Case, wait: Wait | None) -> Verdict:
    """The pod was ended from outside before its container ran; what it had waited for is evidence.

    If that was the user's doing, the next attempt would wait for it just the same: then the cause decides.
    """
    if wait is not None and wait.found.rule.kind is ErrorKind.USER:
        return _never_started(case, wait)
    if case.disruption is not None:
        return disrupted(case, case.disruption)
    evidence: tuple[Evidence, ...] = ()
    detail = ""
    if wait is not None:
        evidence = (Evidence(wait.source, quote(wait.message), wait.container, wait.at),)
        detail = f"it waited for {wait.found.rule.category}"
    return case.by_rule("pod-deleted", Phase.RETRYABLE_FAILURE, code="Deleted", detail=detail, evidence=evidence)


def _never_started(case: Case, wait: Wait) -> Verdict:
    return case.by_finding(
        wait.found, Phase.RETRYABLE_FAILURE, code=wait.reason, source=wait.source, container=wait.container, at=wait.at
    )
