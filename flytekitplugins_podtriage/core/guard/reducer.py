"""What the guard does about one pod: a state and an event in, the next state and plans out.

::

    IDLE -> PLANNED -> READING -> ASKING -> WRITING (PAUSED between steps) -> SETTLED
            WakeAt     Read       Propose   Write                              Report

A change of the pod (``Observed``) plans an act for the moment before the wrong budget is charged. At that moment
(``Due``) the pod, its task and its node are read, and from what was read (``Confirmed``) it is decided again. The act
that comes out of it needs admission, by mode, caps and leadership, before its steps are written
(:mod:`~flytekitplugins_podtriage.core.guard.acting`).

Every event has an answer in every state; one that does not belong to the state (an answer that comes twice, or to a pod
that is gone) changes nothing. A state need not survive a restart: the one that is rebuilt from the pod alone does what
is still to be done, and nothing twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard import acting, releasing
from flytekitplugins_podtriage.core.guard.acts import act_of, unfinished_act
from flytekitplugins_podtriage.core.guard.decision import NOTHING, Decision, decide
from flytekitplugins_podtriage.core.guard.eligibility import face_refusal, facts_refusal, record_refusal
from flytekitplugins_podtriage.core.guard.plans import Next, back_off, read, read_again, settle, settled
from flytekitplugins_podtriage.core.guard.pod_facts import FLYTE_FINALIZER, finalizers, is_deleting, main_ran, status_of
from flytekitplugins_podtriage.core.guard.pod_state import PodState, Stage, evolve
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.signature import corrected, ended_as
from flytekitplugins_podtriage.core.guard.values import (
    OPTED_OUT,
    ActKind,
    Admission,
    Confirmed,
    Due,
    GuardEvent,
    Observed,
    Outcome,
    Plan,
    ReadFailed,
    Report,
    Step,
    TaskRecord,
    WakeAt,
    WriteFailed,
    Written,
)
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot

NEW: Final = PodState()
"""The state of a pod of which nothing is known yet."""
_FIRST_BACK_OFF: Final = 0.5
_UNFINISHED_AFTER: Final = 2.0
"""Seconds after which a pod that was patched and not deleted is taken to have been left so: the replica that patched
it deletes it within one."""


def step(state: PodState, event: GuardEvent, policy: GuardPolicy, now: datetime, *, lead: float | None = None) -> Next:
    """Answer an event.

    Args:
        state: of the pod; :data:`NEW` for one that is not known yet.
        event: what happened.
        policy: the guard's settings.
        now: the moment, with a zone, by the cluster's clock.
        lead: how many seconds before its charge an act may begin; None: margin and clock skew. More where many acts are
            due at about the same time (:mod:`~flytekitplugins_podtriage.core.guard.margin`).

    Returns:
        The next state, and what is to be carried out, in this order.

    Raises:
        InvalidPod: the pod cannot be read.
        ValueError: ``now`` has no zone.
    """
    if isinstance(event, Observed):
        return _observed(state, event.snapshot, event.task, policy, now, lead)
    if isinstance(event, Due):
        return _due(state, event.snapshot, policy, now, lead)
    if isinstance(event, Confirmed):
        return _confirmed(state, event, policy, now, lead)
    if isinstance(event, ReadFailed):
        return _read_failed(state, event, now)
    if isinstance(event, Admission):
        return acting.admitted(state, event, policy, now)
    if isinstance(event, Written):
        if state.stage is Stage.RELEASE_WRITING:
            return (settled(state), ()) if event.step is Step.RELEASE else (state, ())
        return acting.written(state, event, policy, now)
    if isinstance(event, WriteFailed):
        if state.stage is Stage.RELEASE_WRITING:
            return releasing.again(state, now) if event.step is Step.RELEASE else (state, ())
        return acting.failed(state, event, policy, now)
    return _gone(state, now)


def _observed(
    state: PodState,
    snapshot: PodSnapshot,
    task: TaskRecord | None,
    policy: GuardPolicy,
    now: datetime,
    lead: float | None,
) -> Next:
    """The watch reports a state of the pod."""
    pod = snapshot.pod
    metadata = pod.metadata
    if metadata is None or not metadata.uid:
        return state, ()
    before: tuple[Plan, ...] = ()
    if state.uid != metadata.uid:
        if state.uid:  # the name belongs to another pod now: Flyte 2 uses it again after a SYSTEM failure
            _, before = _gone(state, now)
        state = NEW
    if snapshot.gone:
        state, plans = _gone(state, now)
    elif state.stage in (Stage.IDLE, Stage.PLANNED):
        state, plans = _evaluated(state, snapshot, task, policy, now, lead)
    elif state.stage is Stage.PAUSED and state.elsewhere and _overwritten(pod):
        state, plans = _evaluated(
            PodState(namespace=state.namespace, name=state.name, uid=state.uid), snapshot, task, policy, now, lead
        )
    elif state.stage in (Stage.ASKING, Stage.WRITING, Stage.PAUSED):
        state, plans = _observed_while_acting(state, snapshot, policy, now)
    elif state.stage is Stage.SETTLED:
        if ended_as(pod) is not None and not state.status_written:
            # A request that was not answered was carried out late, or another replica acted.
            state, plans = _own(state, pod, policy, now)
        else:
            state, plans = releasing.plan(state, pod, policy, now)
    else:  # what was asked is answered soon, and the pod's resourceVersion protects the act
        plans = ()
    return state, before + plans


def _overwritten(pod: wire.Pod) -> bool:
    """Whether the kubelet has put its own status back over that of an act which was left unfinished."""
    return ended_as(pod) is None and not is_deleting(pod)


def _observed_while_acting(state: PodState, snapshot: PodSnapshot, policy: GuardPolicy, now: datetime) -> Next:
    """The pod changes in the course of an act, mostly because of it."""
    pod, act = snapshot.pod, state.act
    if act is None or not act.kind.deletes:
        return state, ()
    if state.status_written and is_deleting(pod) and state.stage is Stage.PAUSED:
        state, plans = acting.acted(state, act)
        state, more = releasing.plan(state, pod, policy, now)
        return state, plans + more
    begun = state.status_written or (state.stage is Stage.WRITING and state.step is not Step.EVENT)
    if not begun and ended_as(pod) is not None:  # a request that was not answered was carried out after all
        return _own(state, pod, policy, now)
    if not begun and (is_deleting(pod) or status_of(pod).phase != "Pending" or main_ran(pod, snapshot.memory)):
        return _dropped(state, pod, snapshot, NOTHING, now)
    return state, ()


def _evaluated(
    state: PodState,
    snapshot: PodSnapshot,
    task: TaskRecord | None,
    policy: GuardPolicy,
    now: datetime,
    lead: float | None,
    *,
    woken: bool = False,
) -> Next:
    """Decide about a pod by what the watch shows: mostly nothing, or an act that is due later."""
    pod = snapshot.pod
    if status_of(pod).phase == "Failed" or is_deleting(pod):
        kind = ended_as(pod)
        if kind is not None or corrected(pod):
            return _own(_named(state, pod), pod, policy, now)
    elif status_of(pod).phase != "Pending" and state.stage is Stage.IDLE:
        return state, ()
    if face_refusal(pod, policy.backend) is not None:
        return _dropped(state, pod, snapshot, NOTHING, now)
    decision = decide(snapshot, Freshness.current(now), policy, now, task=task, lead=lead)
    if decision.kind is None or decision.at is None or decision.charge is None or decision.charge.at is None:
        return _dropped(state, pod, snapshot, decision, now)
    unchanged = (state.kind, state.charge_at) == (decision.kind, decision.charge.at)
    state = evolve(_named(state, pod), kind=decision.kind, charge_at=decision.charge.at)
    if not decision.kind.deletes:
        return _rescued(state, decision, pod, task, policy, now)
    if state.not_before is not None and now < state.not_before:
        return state, ()
    if decision.due(now):
        return read(evolve(state, lead=lead))
    if unchanged and state.stage is Stage.PLANNED and state.not_before is None and not woken:
        return state, ()
    return evolve(state, stage=Stage.PLANNED, not_before=None), (WakeAt(decision.at, decision.charge.at),)


def _rescued(
    state: PodState, decision: Decision, pod: wire.Pod, task: TaskRecord | None, policy: GuardPolicy, now: datetime
) -> Next:
    """The pod has ended, and FlytePropeller reads it within a second or two."""
    if task is not None and record_refusal(task, pod, policy.backend) is not None:
        return settled(state), ()
    if not decision.sure:
        return read(state)
    return acting.propose(state, act_of(decision, pod, task, policy.backend), now)


def _own(state: PodState, pod: wire.Pod, policy: GuardPolicy, now: datetime) -> Next:
    """The pod's status was written by the guard, before a restart or by another replica."""
    if face_refusal(pod, policy.backend) is not None:
        return settled(state), ()
    kind = ended_as(pod)
    if kind is None or is_deleting(pod):
        return releasing.plan(settled(state), pod, policy, now)
    act = unfinished_act(pod, kind)
    at = later(now, _UNFINISHED_AFTER)
    state = evolve(
        state,
        stage=Stage.PAUSED,
        act=act,
        step=Step.DELETE,
        event_written=True,
        status_written=True,
        charge_at=None,
        elsewhere=True,
    )
    return state, (WakeAt(at, at),)


def _named(state: PodState, pod: wire.Pod) -> PodState:
    """Return the state with the pod's identity; a pod of which nothing is planned has none."""
    metadata = pod.metadata
    if state.uid or metadata is None:
        return state
    return evolve(state, namespace=metadata.namespace or "", name=metadata.name or "", uid=metadata.uid or "")


def _dropped(state: PodState, pod: wire.Pod, snapshot: PodSnapshot | None, decision: Decision, now: datetime) -> Next:
    """Nothing is to be done about the pod; where something was planned, report what became of it."""
    if state.stage is Stage.IDLE or state.kind is None:
        return (state, ()) if not state.uid else (_idle(state), ())
    memory = snapshot.memory if snapshot is not None else None
    if main_ran(pod, memory):
        why, detail = "started", "a main container started before the charge was due"
        return _idle(state), () if state.elsewhere else (Report(Outcome.RECOVERED, why, detail),)
    if is_deleting(pod) or status_of(pod).phase == "Failed":
        return _ended_otherwise(state, now)
    if decision.late and state.kind is ActKind.END_AS_SYSTEM:
        return settle(state, Outcome.LATE, "charged-before", "the charge was due before the pod was read")
    if decision.refusal is not None:
        refusal = decision.refusal
        if not refusal.transient:
            return settle(state, Outcome.LEFT, refusal.name, refusal.detail)
        if state.stage is Stage.READING:
            return read_again(state, now, Outcome.LEFT, refusal.name, refusal.detail)
    return _idle(state), ()


def _idle(state: PodState) -> PodState:
    return evolve(state, stage=Stage.IDLE, kind=None, charge_at=None, not_before=None, act=None, step=None)


def _ended_otherwise(state: PodState, now: datetime) -> Next:
    """The pod ended, or is being deleted, before the guard acted."""
    if state.kind is not ActKind.END_AS_SYSTEM:
        return settled(state), ()
    if state.charge_at is not None and now >= state.charge_at:
        return settle(state, Outcome.LATE, "charged-before", "the pod ended when the charge was due")
    return settle(state, Outcome.LEFT, "ended-otherwise", "the pod ended before the charge was due")


def _due(state: PodState, snapshot: PodSnapshot, policy: GuardPolicy, now: datetime, lead: float | None) -> Next:
    """The moment has come that was planned."""
    metadata = snapshot.pod.metadata
    if snapshot.gone or metadata is None or metadata.uid != state.uid:
        return _observed(state, snapshot, None, policy, now, lead)
    if state.stage is Stage.PLANNED:
        return _evaluated(evolve(state, not_before=None), snapshot, None, policy, now, lead, woken=True)
    if state.stage is Stage.PAUSED:
        return acting.due(state, policy, now)
    if state.stage is Stage.READING and state.status_unanswered:
        return read(state)
    if state.stage is Stage.RELEASE_PLANNED:
        return releasing.due(state, snapshot, policy)
    return state, ()


def _confirmed(state: PodState, event: Confirmed, policy: GuardPolicy, now: datetime, lead: float | None) -> Next:
    """Decide again, from what was read."""
    if state.stage is Stage.RELEASE_READING:
        return releasing.confirmed(state, event, policy, now)
    if state.stage is not Stage.READING:
        return state, ()
    facts = event.facts
    snapshot = facts.snapshot
    metadata = snapshot.pod.metadata if snapshot is not None else None
    if snapshot is None or snapshot.gone or metadata is None or metadata.uid != state.uid:
        return _gone(state, now)
    pod = snapshot.pod
    if state.status_unanswered:
        act = state.act
        if act is not None and status_of(pod).phase == "Failed" and status_of(pod).message == act.message:
            return acting.status_written(state, policy, now)
        state = evolve(state, act=None, step=None, status_unanswered=False)
    if ended_as(pod) is not None or corrected(pod):
        return _own(state, pod, policy, now)
    if face_refusal(pod, policy.backend) is not None:
        return _dropped(state, pod, snapshot, NOTHING, now)
    lead = state.lead if lead is None else lead
    decision = decide(snapshot, facts.freshness, policy, now, task=facts.task, lead=lead, kubelet=facts.kubelet)
    if decision.kind is None or decision.at is None or decision.charge is None or decision.charge.at is None:
        return _dropped(state, pod, snapshot, decision, now)
    state = evolve(state, kind=decision.kind, charge_at=decision.charge.at)
    if not decision.due(now):
        return evolve(state, stage=Stage.PLANNED, not_before=None), (WakeAt(decision.at, decision.charge.at),)
    refusal = facts_refusal(facts, pod, policy.backend, ended=not decision.kind.deletes)
    if refusal is not None:
        if refusal.name == OPTED_OUT:
            return settled(state), ()
        if refusal.transient:
            return read_again(state, now, Outcome.LEFT, refusal.name, refusal.detail)
        return settle(state, Outcome.LEFT, refusal.name, refusal.detail)
    if decision.stale:
        return read_again(state, now, Outcome.LEFT, "stale-view", facts.freshness.describe(now))
    act = act_of(decision, pod, facts.task, policy.backend)
    state = evolve(state, lacks_finalizer=FLYTE_FINALIZER not in finalizers(pod))
    return acting.propose(state, act, facts.freshness.reach(now) if decision.kind.deletes else now)


def _read_failed(state: PodState, event: ReadFailed, now: datetime) -> Next:
    """What was to be read could not be read."""
    if state.stage is Stage.RELEASE_READING:
        return releasing.again(state, now)
    if state.stage is not Stage.READING:
        return state, ()
    if state.status_unanswered:  # the status may have been written, and then the pod must be deleted
        return back_off(state, Stage.READING, now, _FIRST_BACK_OFF)
    return read_again(state, now, Outcome.LEFT, "read-failed", event.error)


def _gone(state: PodState, now: datetime) -> Next:
    """The pod no longer exists."""
    act = state.act
    if state.status_written and act is not None and act.kind.deletes:
        return acting.acted(state, act)
    if state.stage is Stage.WRITING and state.step is Step.STATUS:
        # Flyte 2's executor deletes a pod within 10 ms of its status: the answer decides.
        return evolve(state, gone=True), ()
    if state.status_unanswered and act is not None:
        return settle(state, Outcome.FAILED, "status-unanswered", "the pod was gone when it was read again", act)
    if state.kind is not None and state.stage not in (Stage.IDLE, Stage.SETTLED):
        return _ended_otherwise(state, now)
    return settled(state), ()
