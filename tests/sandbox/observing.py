"""Pods for the sandbox, and what a watcher sees of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from flytekitplugins_podtriage import Policy, triage
from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from tests.builders import NAME, NAMESPACE, manifest

_MOMENT = timedelta(milliseconds=1)
Seen = tuple[str, "str | None", tuple[str, ...], str, str, str]


def watch(
    plan: str | Plan,
    pod: Mapping[str, Any] | None = None,
    *,
    seconds: float,
    kubelet: str = "1.34",
    repeated: bool = False,
) -> list[PodSnapshot]:
    """Return everything that is seen of a pod until a time has passed; with events that only say the same again?"""

    async def story() -> list[PodSnapshot]:
        cluster = SandboxCluster(plan if isinstance(plan, Plan) else Plan.parse(plan), kubelet=kubelet)
        await cluster.create(NAMESPACE, manifest() if pod is None else pod)
        end = cluster.now() + timedelta(seconds=seconds)
        snapshot = cluster.get_cached(NAMESPACE, NAME)
        assert snapshot is not None
        seen = [snapshot]
        while cluster.now() < end and not snapshot.gone:
            step = cluster.upcoming() if repeated else None
            changed = await cluster.wait_for_change(NAMESPACE, NAME, end if step is None else min(end, step + _MOMENT))
            assert changed is not None
            if not repeated or (changed.version, changed.events) != (snapshot.version, snapshot.events):
                seen.append(changed)
            snapshot = changed
        return seen

    return asyncio.run(story())


def collapsed(seen: Iterable[Seen]) -> list[Seen]:
    """Return a story without its repetitions."""
    story: list[Seen] = []
    for item in seen:
        if not story or story[-1] != item:
            story.append(item)
    return story


def judged(snapshot: PodSnapshot, policy: Policy) -> Seen:
    """Return what the issue compares: phase, reasons, and the verdict's phase, kind and category."""
    assert snapshot.at is not None
    verdict = triage(snapshot.pod, events=snapshot.events, memory=snapshot.memory, policy=policy, now=snapshot.at)
    status = snapshot.pod.status or wire.PodStatus()
    statuses = [*(status.init_container_statuses or ()), *(status.container_statuses or ())]
    reasons = tuple(_reason(item.state or wire.State()) for item in statuses)
    return (
        str(status.phase),
        status.reason,
        reasons,
        str(verdict.phase),
        str(verdict.kind or "-"),
        str(verdict.category or "-"),
    )


def _reason(state: wire.State) -> str:
    if state.waiting is not None:
        return str(state.waiting.reason)
    if state.running is not None:
        return "running"
    return f"{state.terminated.reason}:{state.terminated.exit_code}" if state.terminated is not None else "-"
