"""Podtriage's verdict on a pod that has started."""

from __future__ import annotations

from flytekitplugins_podtriage.core.model import Phase, Verdict
from flytekitplugins_podtriage.core.verdict.context import PodContext
from flytekitplugins_podtriage.core.verdict.crash_loops import main_crash_loop
from flytekitplugins_podtriage.core.verdict.disrupted import disrupted
from flytekitplugins_podtriage.core.verdict.terminated import ended_badly, first_end


def running(context: PodContext) -> Verdict:
    """The pod's phase is Running, and its main containers have not ended well."""
    crash = main_crash_loop(context, Phase.RUNNING)
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
