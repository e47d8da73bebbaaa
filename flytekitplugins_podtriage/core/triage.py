"""``triage``: the verdict on a pod, under any policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flytekitplugins_podtriage.core.decode import read_pod
from flytekitplugins_podtriage.core.demystify import demystify_pod_status
from flytekitplugins_podtriage.core.events import EventSummary, summarize
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Phase, Verdict
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.verdict.context import PodContext
from flytekitplugins_podtriage.core.verdict.pending import pending
from flytekitplugins_podtriage.core.verdict.running import running
from flytekitplugins_podtriage.core.verdict.terminated import ended_well, failed, succeeded

_DEFAULT_POLICY = Policy()
_NO_EVENTS = EventSummary()


def triage(
    pod: object,
    *,
    events: Iterable[object] = (),
    memory: Memory | None = None,
    policy: Policy = _DEFAULT_POLICY,
    now: datetime,
) -> Verdict:
    """Return the verdict on a pod at one moment.

    Args:
        pod: JSON as bytes or text, a dictionary, a ``kubernetes`` V1Pod, or what ``core.decode.read_pod`` returned.
        events: its events, in the same forms and any order; a stock policy ignores them.
        memory: what :func:`~flytekitplugins_podtriage.remember` returned; a stock policy ignores it.
        policy: whose verdict is wanted.
        now: the moment, with a zone.

    Raises:
        InvalidPod: the pod or an event cannot be read.
        ValueError: ``now`` has no zone.
    """
    if now.tzinfo is None:
        raise ValueError("now is a naive datetime; allowed: one with a zone")
    read = read_pod(pod)
    if policy.dialect is not None:
        return demystify_pod_status(read, policy, policy.dialect, now)
    summary = summarize(events, read) if events else _NO_EVENTS
    return _by_phase(PodContext(read, summary, memory, policy, now))


def _by_phase(context: PodContext) -> Verdict:
    """Podtriage's own verdict, by the pod's phase."""
    phase = context.status.phase
    if phase == "Succeeded":
        return succeeded(context)
    if phase in ("Pending", "Running", "Failed") and ended_well(context) and not _was_cut_short(context):
        # The task is done. Its sidecars may keep the phase at Pending or Running, or make it Failed.
        return succeeded(context)
    if phase == "Pending":
        return pending(context)
    if phase == "Running":
        return running(context)
    if phase == "Failed":
        return failed(context)
    return context.by_rule("pod-phase-unknown", Phase.UNDEFINED, detail=str(phase or "none")[:64])


def _was_cut_short(context: PodContext) -> bool:
    """Whether a failed pod was being terminated when its container ended with 0: a graceful exit is no success."""
    if context.status.phase != "Failed":
        return False
    return context.disruption is not None or bool(context.status.reason)
