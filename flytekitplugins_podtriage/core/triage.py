"""``triage``: from what is known of a pod to a verdict, under any policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flytekitplugins_podtriage.core.decode import read_pod
from flytekitplugins_podtriage.core.demystify import demystify_pod_status
from flytekitplugins_podtriage.core.events import NOTHING, digest
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Phase, Verdict
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.verdict.context import Case
from flytekitplugins_podtriage.core.verdict.pending import pending
from flytekitplugins_podtriage.core.verdict.running import running
from flytekitplugins_podtriage.core.verdict.terminated import ended_well, failed, succeeded

_OWN = Policy()


def triage(
    pod: object,
    *,
    events: Iterable[object] = (),
    memory: Memory | None = None,
    policy: Policy = _OWN,
    now: datetime,
) -> Verdict:
    """Judge a pod at one moment.

    Args:
        pod: JSON as bytes or text, a dictionary, a ``kubernetes`` V1Pod, or what ``core.decode.read_pod`` returned.
        events: its events, in the same forms and any order; a stock policy ignores them.
        memory: what :func:`~flytekitplugins_podtriage.remember` has kept of it; a stock policy ignores it.
        policy: whose judgement is wanted.
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
    uid = read.metadata.uid if read.metadata else None
    told = digest(events, uid) if events else NOTHING
    return _judge(Case(read, told, memory, policy, policy.rules, now))


def _judge(case: Case) -> Verdict:
    """Podtriage's own policy, by the pod's phase."""
    phase = case.status.phase
    if phase == "Succeeded":
        return succeeded(case)
    if phase in ("Pending", "Running", "Failed") and ended_well(case) and not _was_cut_short(case):
        # The task's container has done its work, whatever its sidecars do: one that waits keeps the phase at Pending,
        # one that runs at Running, one that fails makes it Failed.
        return succeeded(case)
    if phase == "Pending":
        return pending(case)
    if phase == "Running":
        return running(case)
    if phase == "Failed":
        return failed(case)
    return case.by_rule("pod-phase-unknown", Phase.UNDEFINED, detail=str(phase or "none")[:64])


def _was_cut_short(case: Case) -> bool:
    """Whether a pod that failed was being ended when its container ended with 0: a polite end is no success."""
    if case.status.phase != "Failed":
        return False
    return case.disruption is not None or bool(case.status.reason)
