"""Podtriage's verdict on containers that fail each time they are started.

The kubelet restarts them with a growing back-off and shows ``CrashLoopBackOff`` in between: main containers unless the
pod's ``restartPolicy`` is ``Never``, init containers likewise (a policy of ``Always`` restarts them on failure), and
native sidecars, which are init containers with a ``restartPolicy`` of their own, whatever the pod's is. How the
container ended is then in its last state. Sources: kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go
(doBackOff, computeInitContainerActions); kubernetes.io, Init containers and Sidecar containers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.container_reasons import CRASHED
from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.memory import NEVER_RAN
from flytekitplugins_podtriage.core.model import Phase, Verdict
from flytekitplugins_podtriage.core.verdict.context import PodContext
from flytekitplugins_podtriage.core.verdict.terminated import ended_badly, init_ended_badly


def main_crash_loop(context: PodContext, phase: Phase) -> Verdict | None:
    """A main container that fails each time it is started."""
    return _crash_loop(context, context.main, phase, ended_badly)


def init_crash_loop(context: PodContext) -> Verdict | None:
    """An init container or native sidecar that fails each time it is started, so that the main containers never are.

    Once a main container has run it is no longer kept waiting: then a sidecar's restarts do not count.
    """
    if context.has_started:
        return None
    return _crash_loop(context, context.init, Phase.INITIALIZING, init_ended_badly)


def _crash_loop(
    context: PodContext,
    containers: Sequence[wire.ContainerStatus],
    phase: Phase,
    judge: Callable[[PodContext, str, wire.Terminated], Verdict],
) -> Verdict | None:
    """Return the verdict on the first of some containers that fails again and again; ``phase`` while that is held."""
    if len(containers) > 1:
        containers = sorted(containers, key=lambda c: (c.name or "", str(c)))
    for container in containers:
        waiting = container.state.waiting if container.state else None
        last = container.last_state.terminated if container.last_state else None
        ended = container.state.terminated if container.state else None
        crashed = waiting is not None and (waiting.reason == CRASHED or waiting.reason in NEVER_RAN)
        again = ended is not None and (ended.exit_code or 0) != 0 and last is not None
        if not crashed and not again:
            continue
        end = ended or last
        if end is None:
            if phase is not Phase.RUNNING:
                continue  # how it ended is not known: the pod is starting
            return context.by_rule("pod-crash-loop", phase, container=container.name)
        due = later(context.status.start_time or context.since, context.policy.user_patience)
        verdict = judge(context, container.name or "", end)
        return verdict if context.now >= due else _held(verdict, phase, due)
    return None


def _held(verdict: Verdict, phase: Phase, due: datetime) -> Verdict:
    """Return the verdict on the end of a container that is restarted: nothing is charged yet."""
    return attrs.evolve(
        verdict,
        phase=phase,
        code=None,
        message=None,
        cleanup=False,
        reason=f"the container exits with an error each time it is started ({verdict.code})",
        recheck_at=due,
    )
