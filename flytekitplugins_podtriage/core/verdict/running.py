"""Podtriage's verdict on a pod that has started."""

from __future__ import annotations

from datetime import datetime

import attrs

from flytekitplugins_podtriage.core.container_reasons import CRASHED
from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.memory import NEVER_RAN
from flytekitplugins_podtriage.core.model import Phase, Verdict
from flytekitplugins_podtriage.core.verdict.context import PodContext
from flytekitplugins_podtriage.core.verdict.terminated import disrupted, ended_badly, first_end


def running(context: PodContext) -> Verdict:
    """The pod's phase is Running, and its main containers have not ended well."""
    crash = _crash_loop(context)
    if crash is not None:
        return crash
    end = first_end(context.main)
    if end is not None and not _is_restarted(context, end[0]):
        return ended_badly(context, *end)
    due = context.metadata.deletion_timestamp
    if due is not None:
        if context.now >= due:
            if context.disruption is not None:
                return disrupted(context, context.disruption)
            return context.by_rule("pod-deleted", code="Deleted")
        return context.by_rule("pod-running", Phase.RUNNING, detail="it is being deleted", recheck_at=due)
    return context.by_rule("pod-running", Phase.RUNNING)


def _is_restarted(context: PodContext, name: str) -> bool:
    """Whether the kubelet restarted this container before, and so will again."""
    return any(c.name == name and (c.restart_count or 0) > 0 for c in context.main)


def _crash_loop(context: PodContext) -> Verdict | None:
    """A main container that fails each time it is started: held while the kubelet's restarts may still help."""
    for container in sorted(context.main, key=lambda c: (c.name or "", str(c))):
        waiting = container.state.waiting if container.state else None
        last = container.last_state.terminated if container.last_state else None
        ended = container.state.terminated if container.state else None
        crashed = waiting is not None and (waiting.reason == CRASHED or waiting.reason in NEVER_RAN)
        again = ended is not None and (ended.exit_code or 0) != 0 and last is not None
        if not crashed and not again:
            continue
        end = ended or last
        due = later(context.status.start_time or context.since, context.policy.user_patience)
        if end is None:
            return context.by_rule("pod-crash-loop", Phase.RUNNING, container=container.name)
        verdict = ended_badly(context, container.name or "", end)
        return verdict if context.now >= due else _held(verdict, due)
    return None


def _held(verdict: Verdict, due: datetime) -> Verdict:
    """Return the verdict on the end of a container that is restarted: nothing is charged yet."""
    return attrs.evolve(
        verdict,
        phase=Phase.RUNNING,
        code=None,
        message=None,
        cleanup=False,
        reason=f"the container exits with an error each time it is started ({verdict.code})",
        recheck_at=due,
    )
