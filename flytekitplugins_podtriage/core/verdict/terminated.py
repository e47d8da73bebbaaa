"""Podtriage's verdict on containers that have terminated, and on a pod that has failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.container_reasons import CRASHED
from flytekitplugins_podtriage.core.demystify import SYSTEM_REASONS
from flytekitplugins_podtriage.core.durations import FOREVER
from flytekitplugins_podtriage.core.memory import NEVER_RAN
from flytekitplugins_podtriage.core.model import Category, ErrorKind, Evidence, Phase, Verdict
from flytekitplugins_podtriage.core.verdict.context import PodContext, quote
from flytekitplugins_podtriage.core.verdict.disrupted import disrupted
from flytekitplugins_podtriage.core.verdict.waiting_causes import WaitingCause, by_cause, waiting_cause

_SIGNALS = {137: "SIGKILL", 247: "a child process was killed by SIGKILL", 143: "SIGTERM"}
"""Exit codes of a process that a signal ended: 128 + 9, 128 + 15; and 256 - 9, of one whose child SIGKILL ended."""
_LOST = "ContainerStatusUnknown"
_UNKNOWN_END = (255, frozenset({"Unknown", _LOST}))
"""Exit code and reasons of a container that the runtime lost, so that it does not know how it ended."""


def end_of(container: wire.ContainerStatus) -> wire.Terminated | None:
    """Return how a container ended, unless it still waits or runs."""
    return container.state.terminated if container.state else None


def ended_well(context: PodContext) -> bool:
    """Whether every main container exited with 0."""
    if not context.main:
        return False
    for container in context.main:
        end = end_of(container)
        if end is None or end.exit_code or end.reason in NEVER_RAN:
            return False
    return True


def succeeded(context: PodContext) -> Verdict:
    """The main containers exited with 0: success, unless the kernel killed a part of them for its memory."""
    killed = _oom_killed(context.main) or _init_oom_killed(context)
    return context.by_rule("pod-succeeded", Phase.SUCCESS) if killed is None else _oom(context, killed)


def failed(context: PodContext) -> Verdict:
    """The pod's phase is Failed."""
    end = first_end(context.main)
    killed = _oom_killed(context.main)
    if killed is not None:
        return _oom(context, killed)
    disruption = context.disruption
    if disruption is not None:
        return disrupted(context, disruption)
    reason = context.status.reason or ""
    if reason and reason != "Error":
        return _for_reason(context, reason)
    killed = _init_oom_killed(context)
    if killed is not None:
        return _oom(context, killed)
    if end is not None and (end[1].reason not in NEVER_RAN or _is_unknown(end[1])):
        return ended_badly(context, *end)
    cause = waiting_cause(context)
    if context.metadata.deletion_timestamp is not None or (end is not None and end[1].reason == _LOST):
        return deleted(context, cause)
    if end is not None:
        return ended_badly(context, *end)
    init = _interrupted_init(context) or first_end(context.init)
    if init is not None:
        return init_ended_badly(context, *init)
    other = first_end(context.others)
    if other is not None and not context.has_started:
        return ended_badly(context, *other)
    if cause is not None:
        return by_cause(context, cause)
    return context.by_rule(
        "pod-failed-without-reason",
        code="UnknownError",
        detail=quote(context.status.message),
        evidence=(Evidence("status", "phase Failed, no reason"),),
    )


def first_end(containers: Iterable[wire.ContainerStatus]) -> tuple[str, wire.Terminated] | None:
    """Return the container that failed first; between equals the names decide, never the order of the list."""
    ends: list[tuple[datetime, str, wire.Terminated]] = []
    for container in containers:
        end = end_of(container)
        if end is not None and (end.exit_code or end.reason in NEVER_RAN):
            ends.append((end.finished_at or FOREVER, container.name or "", end))
    if not ends:
        return None
    _, name, end = min(
        ends, key=lambda item: (*item[:2], item[2].exit_code or 0, item[2].reason or "", item[2].message or "")
    )
    return name, end


def ended_badly(context: PodContext, name: str, end: wire.Terminated) -> Verdict:
    """A container exited with another code than 0, or never ran, and nothing else ended the pod."""
    exit_code, reason, at = end.exit_code or 0, end.reason or "", end.finished_at
    if "OOMKilled" in reason:
        return _oom(context, name)
    if reason in NEVER_RAN and reason != _LOST:
        match = context.match(end.message or "", reason)
        return context.by_match(match, code=reason, source="terminated", container=name, at=at)
    detail = _describe(end)
    evidence = (Evidence("terminated", detail, name, at),)
    requested = context.deletion_requested_at
    # The kubelet's last step deletes the pod again with grace 0, and the time of the first deletion is lost; a process
    # of a deleted pod that a signal ended was ended by the deletion all the same.
    if requested is not None and (at is None or at >= requested or exit_code in _SIGNALS):
        rule, code = "pod-deleted", "Deleted"
    elif (end.message or "").rstrip().endswith("exec format error"):
        # A binary for another architecture: it is started, and exits with 1 at once.
        match = context.match("exec format error")
        code = reason or "Error"
        return context.by_match(match, code=code, source="terminated", container=name, at=at, also=evidence)
    elif end.message and (device := context.match_termination_message(end.message)) is not None:
        code = reason or "Error"
        return context.by_match(device, code=code, source="terminated", container=name, at=at, also=evidence)
    elif _is_unknown(end):
        rule, code = "pod-container-lost", reason
    elif exit_code in _SIGNALS:
        rule, code, detail = "pod-killed", "Interrupted", f"exit code {exit_code} ({_SIGNALS[exit_code]})"
        if exit_code == 247:
            rule, evidence = "pod-child-killed", (Evidence("terminated", detail, name, at),)
    else:
        rule, code = "pod-exit-code", reason or "Error"
    return context.by_rule(rule, code=code, detail=detail, evidence=evidence, container=name)


def _describe(end: wire.Terminated) -> str:
    text = f"exit code {end.exit_code or 0}, reason {end.reason or 'none'}"
    return f"{text}: {quote(end.message)}" if end.message else text


def _is_unknown(end: wire.Terminated) -> bool:
    """Whether the runtime lost the container and made up its end."""
    exit_code, reasons = _UNKNOWN_END
    return end.exit_code == exit_code and end.reason in reasons


def _oom_killed(containers: Iterable[wire.ContainerStatus]) -> str | None:
    """Return the container that the kernel killed for its memory; of several, the first by name."""
    names = [c.name or "" for c in containers if (end := end_of(c)) is not None and "OOMKilled" in (end.reason or "")]
    return min(names) if names else None


def _init_oom_killed(context: PodContext) -> str | None:
    """Return the init container of which the kernel killed a part, though it exited with 0.

    The pod goes on as if it had done its work. A native sidecar's end does not count where its task's own does.
    """
    if not context.init:
        return None
    sidecars = context.sidecars
    done = [c for c in context.init if c.name not in sidecars and (end := end_of(c)) is not None and not end.exit_code]
    return _oom_killed(done)


def _oom(context: PodContext, name: str | None) -> Verdict:
    evidence = (Evidence("terminated", "OOMKilled", name),)
    return context.by_rule("pod-oom", code="OOMKilled", evidence=evidence, container=name)


def init_ended_badly(context: PodContext, name: str, end: wire.Terminated) -> Verdict:
    """An init container exited with another code than 0, or never ran, so that the main containers were not started."""
    killed = "OOMKilled" in (end.reason or "") or (end.exit_code or 0) in _SIGNALS
    if killed or end.reason in NEVER_RAN or _is_unknown(end):
        return ended_badly(context, name, end)
    detail = _describe(end)
    evidence = (Evidence("terminated", detail, name, end.finished_at),)
    code = end.reason or "Error"
    return context.by_rule("pod-init-exit-code", code=code, detail=detail, evidence=evidence, container=name)


def _interrupted_init(context: PodContext) -> tuple[str, wire.Terminated] | None:
    """Return the init container that waited for its next start when the pod was ended, and how it had ended before.

    The kubelet then gives it an end of its own, ContainerStatusUnknown with 137, and keeps its last state
    (pkg/kubelet/status/status_manager.go, TerminatePod).
    """
    if context.has_started:
        return None
    for container in sorted(context.init, key=lambda c: (c.name or "", str(c))):
        last = container.last_state.terminated if container.last_state else None
        if last is None or not (last.exit_code or last.reason in NEVER_RAN or "OOMKilled" in (last.reason or "")):
            continue
        waiting, end = container.state.waiting if container.state else None, end_of(container)
        if (waiting is not None and waiting.reason == CRASHED) or (end is not None and end.reason == _LOST):
            return container.name or "", last
    return None


def _for_reason(context: PodContext, reason: str) -> Verdict:
    """The pod has a reason: an eviction, a refused admission, a shutdown, a deadline."""
    message = context.status.message or ""
    if reason == "DeadlineExceeded":
        if context.has_started:
            return context.by_rule("pod-deadline", code=reason, evidence=(Evidence("status", quote(message)),))
        cause = waiting_cause(context)
        if cause is not None:
            return by_cause(context, cause)
        interrupted = _interrupted_init(context)
        if interrupted is not None:
            return init_ended_badly(context, *interrupted)
        return context.by_rule("pod-deadline-before-start", code=reason, detail=quote(message))
    of_node = reason in SYSTEM_REASONS
    match = context.match(message, None if of_node else reason)
    if match.rule.category is Category.UNKNOWN or (of_node and match.rule.kind is not ErrorKind.SYSTEM):
        # The message names no cause, or one that does not fit a reason of the node's: the reason decides.
        match = context.match("", reason)
    if match.rule.category is Category.UNKNOWN:
        detail = quote(f"{reason}: {message}")
        evidence = (Evidence("status", detail),)
        return context.by_rule("pod-failed-for-unknown-reason", code=reason, detail=detail, evidence=evidence)
    return context.by_match(match, code=reason, source="status")


def deleted(context: PodContext, cause: WaitingCause | None) -> Verdict:
    """The pod was deleted before its container ran; what it had waited for is evidence.

    If the wait was the user's fault the next attempt would wait as well, so that cause decides.
    """
    if cause is not None and cause.match.rule.kind is ErrorKind.USER:
        return by_cause(context, cause)
    interrupted = _interrupted_init(context) if cause is None else None
    if interrupted is not None:
        verdict = init_ended_badly(context, *interrupted)
        if verdict.kind is ErrorKind.USER:
            return verdict
    if context.disruption is not None:
        return disrupted(context, context.disruption)
    evidence: tuple[Evidence, ...] = ()
    detail = ""
    if cause is not None:
        evidence = (Evidence(cause.source, quote(cause.message), cause.container, cause.at),)
        detail = f"it waited for {cause.match.rule.category}"
    return context.by_rule("pod-deleted", code="Deleted", detail=detail, evidence=evidence)
