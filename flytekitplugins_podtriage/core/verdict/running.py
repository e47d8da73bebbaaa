"""What podtriage makes of a pod that has started."""

from __future__ import annotations

from datetime import datetime

import attrs

from flytekitplugins_podtriage.core.container_reasons import CRASHED
from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.memory import NEVER_RAN
from flytekitplugins_podtriage.core.model import Phase, Verdict
from flytekitplugins_podtriage.core.verdict.context import Case
from flytekitplugins_podtriage.core.verdict.terminated import disrupted, ended_badly, first_end


def running(case: Case) -> Verdict:
    """The pod's phase is Running, and its main containers have not ended well."""
    crash = _crash_loop(case)
    if crash is not None:
        return crash
    own = first_end(case.main)
    if own is not None and not _is_restarted(case, own[0]):
        return ended_badly(case, *own)
    due = case.metadata.deletion_timestamp
    if due is not None:
        if case.now >= due:
            if case.disruption is not None:
                return disrupted(case, case.disruption)
            return case.by_rule("pod-deleted", Phase.RETRYABLE_FAILURE, code="Deleted")
        return case.by_rule("pod-running", Phase.RUNNING, detail="it is being deleted", recheck_at=due)
    return case.by_rule("pod-running", Phase.RUNNING)


def _is_restarted(case: Case, name: str) -> bool:
    """Whether the kubelet has restarted this container before, and so will again."""
    return any(c.name == name and (c.restart_count or 0) > 0 for c in case.main)


def _crash_loop(case: Case) -> Verdict | None:
    """A main container that ends badly each time: held while the kubelet's restarts may still help."""
    for container in case.main if len(case.main) == 1 else sorted(case.main, key=lambda c: (c.name or "", str(c))):
        waiting = container.state.waiting if container.state else None
        last = container.last_state.terminated if container.last_state else None
        ended = container.state.terminated if container.state else None
        crashed = waiting is not None and (waiting.reason == CRASHED or waiting.reason in NEVER_RAN)
        again = ended is not None and (ended.exit_code or 0) != 0 and last is not None
        if not crashed and not again:
            continue
        end = ended or last
        due = later(case.status.start_time or case.since, case.policy.user_patience)
        if end is None:
            return case.by_rule("pod-crash-loop", Phase.RUNNING, container=container.name)
        verdict = ended_badly(case, container.name or "", end)
        return verdict if case.now >= due else _held(verdict, due)
    return None


def _held(verdict: Verdict, due: datetime) -> Verdict:
    """The verdict on one end of a container that is started again: what it says stands, but nothing is charged yet."""
    return attrs.evolve(
        verdict,
        phase=Phase.RUNNING,
        code=None,
        message=None,
        cleanup=False,
        reason=f"the container ends with an error each time it is started ({verdict.code})",
        recheck_at=due,
    )
