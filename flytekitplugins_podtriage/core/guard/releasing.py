"""Removing FlytePropeller's finalizer where nobody else will: its FlyteWorkflow is gone or over (1.16).

FlytePropeller's Finalize removes it from every pod of a workflow that it still evaluates. A workflow that was deleted
leaves its pods to the garbage collector, which cannot remove one that has a finalizer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.guard.acts import unfinished_act
from flytekitplugins_podtriage.core.guard.plans import Next, back_off, settled
from flytekitplugins_podtriage.core.guard.pod_facts import FLYTE_FINALIZER, finalizers, is_deleting, status_of
from flytekitplugins_podtriage.core.guard.pod_state import PodState, Stage, evolve
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.signature import ENDED_BY
from flytekitplugins_podtriage.core.guard.values import ActKind, Confirmed, Facts, Read, Step, WakeAt, Write
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot

RELEASING: Final = frozenset({Stage.RELEASE_PLANNED, Stage.RELEASE_READING, Stage.RELEASE_WRITING})
_AFTER: Final = 30.0
"""Seconds for which FlytePropeller, which evaluates a workflow every ten, is left to remove it itself."""
_OVER_AFTER: Final = 60.0
"""Seconds after which a workflow that has ended is taken to have finalized its pods."""


def may_hang(state: PodState, pod: wire.Pod, policy: GuardPolicy) -> bool:
    """Whether a pod is being deleted, and kept by a finalizer that the guard may have added."""
    if policy.backend == "flyte-2" or not is_deleting(pod) or FLYTE_FINALIZER not in finalizers(pod):
        return False
    return state.finalizer_added or (status_of(pod).message or "").startswith(ENDED_BY)


def plan(state: PodState, pod: wire.Pod, policy: GuardPolicy, now: datetime) -> Next:
    """Plan to check whether the finalizer has to be removed."""
    if state.stage in RELEASING or not may_hang(state, pod, policy):
        return state, ()
    at = later(now, _AFTER)
    return evolve(settled(state), stage=Stage.RELEASE_PLANNED, tries=0), (WakeAt(at, at),)


def due(state: PodState, snapshot: PodSnapshot, policy: GuardPolicy) -> Next:
    """Read the pod and its workflow, if the finalizer is still there."""
    if not may_hang(state, snapshot.pod, policy):
        return settled(state), ()
    return evolve(state, stage=Stage.RELEASE_READING), (Read(state.namespace, state.name, state.uid),)


def confirmed(state: PodState, event: Confirmed, policy: GuardPolicy, now: datetime) -> Next:
    """Remove the finalizer, or check again later."""
    facts = event.facts
    snapshot = facts.snapshot
    if snapshot is None or snapshot.gone or not may_hang(state, snapshot.pod, policy):
        return settled(state), ()
    if snapshot.pod.metadata is None or snapshot.pod.metadata.uid != state.uid:
        return settled(state), ()
    if not _left_behind(facts, snapshot.pod, now):
        return again(state, now)
    act = unfinished_act(snapshot.pod, ActKind.END_AS_SYSTEM)
    state = evolve(state, stage=Stage.RELEASE_WRITING, act=act, step=Step.RELEASE)
    return state, (Write(Step.RELEASE, act, act.resource_version),)


def again(state: PodState, now: datetime) -> Next:
    """Check again later."""
    return back_off(evolve(state, act=None, step=None), Stage.RELEASE_PLANNED, now, _AFTER)


def _left_behind(facts: Facts, pod: wire.Pod, now: datetime) -> bool:
    if facts.task is None:
        return facts.task_gone
    deleted_at = pod.metadata.deletion_timestamp if pod.metadata is not None else None
    return facts.task.over and deleted_at is not None and now >= later(deleted_at, _OVER_AFTER)
