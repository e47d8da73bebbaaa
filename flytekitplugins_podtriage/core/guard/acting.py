"""The course of an act: its steps in order, each after the one before it was done.

* Ending a pod on 1.16: EVENT, FINALIZER if the pod lacks it, STATUS, DELETE. The finalizer keeps the object until
  FlytePropeller has read the message; without it a Failed pod is gone within 10 ms of its deletion.
* Ending a pod on Flyte 2: EVENT, STATUS, a pause of a second, DELETE. In that second its executor, which spins on pods
  with a finalizer, deletes the pod itself.
* Correcting a pod that has ended: STATUS at once, as that is a race; then EVENT.

STATUS is bound to the state that was decided on. Where it is refused the pod is read and decided anew, never deleted.
Once it was written the deletion is completed whatever else happens: a kubelet puts ``Pending`` back within 10 s, and
the pod might start beside its replacement.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.guard.decision import VIEW_HOLDS
from flytekitplugins_podtriage.core.guard.plans import Next, back_off, read, read_again, settle, settled
from flytekitplugins_podtriage.core.guard.pod_state import PodState, Stage, evolve
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.values import (
    NOT_LEADER,
    OBSERVED_ONLY,
    OPTED_OUT,
    Act,
    Admission,
    Outcome,
    Propose,
    Report,
    Step,
    WakeAt,
    Write,
    WriteFailed,
    Written,
)

DELETE_AFTER: Final = 1.0
"""Seconds between STATUS and DELETE on Flyte 2: its message was kept in 24 of 24 acts of a storm, and in 58 of 69
without the pause."""
_FIRST_BACK_OFF: Final = 0.5
_MANY_TRIES: Final = 6
"""After so many failed deletions it is reported, and tried on."""


def steps_of(act: Act, state: PodState, policy: GuardPolicy) -> tuple[Step, ...]:
    """Return the steps of an act that are still to be done."""
    event = () if state.event_written else (Step.EVENT,)
    if not act.kind.deletes:
        return event if state.status_written else (Step.STATUS, *event)
    if state.status_written:
        return (Step.DELETE,)
    finalizer = (Step.FINALIZER,) if state.lacks_finalizer and policy.backend != "flyte-2" else ()
    return (*event, *finalizer, Step.STATUS, Step.DELETE)


def propose(state: PodState, act: Act, as_of: datetime) -> Next:
    """Ask whether the act may begin."""
    state = evolve(
        state,
        stage=Stage.ASKING,
        kind=act.kind,
        act=act,
        decided_at=as_of,
        resource_version=act.resource_version,
        tries=0,
        status_unanswered=False,
    )
    return state, (Propose(act),)


def admitted(state: PodState, event: Admission, policy: GuardPolicy, now: datetime) -> Next:
    """Begin the act, or report why it may not begin."""
    act = state.act
    if state.stage is not Stage.ASKING or act is None:
        return state, ()
    state = evolve(state, elsewhere=event.refusal == NOT_LEADER)
    if not event.refusal:
        return _next_step(state, act, policy, now)
    if event.refusal == NOT_LEADER:
        return read_again(state, now, Outcome.REFUSED, NOT_LEADER, "another replica leads", act)
    if event.refusal == OPTED_OUT:
        return settled(state), ()
    if event.refusal == OBSERVED_ONLY:
        return settle(state, Outcome.WOULD_ACT, act.kind.value, act.why, act)
    return settle(state, Outcome.REFUSED, event.refusal, f"the act was not admitted: {event.refusal}", act)


def written(state: PodState, event: Written, policy: GuardPolicy, now: datetime) -> Next:
    """Go on with the next step."""
    act = state.act
    if state.stage is not Stage.WRITING or state.step is not event.step or act is None:
        return state, ()
    if event.step is Step.EVENT:
        state = evolve(state, event_written=True)
    elif event.step is Step.FINALIZER:
        version = event.resource_version or state.resource_version
        state = evolve(state, lacks_finalizer=False, finalizer_added=True, resource_version=version)
    elif event.step is Step.STATUS:
        return status_written(state, policy, now)
    elif event.step is Step.DELETE:
        return acted(evolve(state, elsewhere=False), act)
    return _next_step(state, act, policy, now)


def status_written(state: PodState, policy: GuardPolicy, now: datetime) -> Next:
    """Go on after STATUS: the deletion is due, on Flyte 2 after a pause."""
    act = state.act
    assert act is not None
    state = evolve(state, status_written=True, status_unanswered=False, tries=0)
    if state.gone and act.kind.deletes:
        return acted(state, act)
    if policy.backend == "flyte-2" and act.kind.deletes:
        at = later(now, DELETE_AFTER)
        return evolve(state, stage=Stage.PAUSED, step=Step.DELETE), (WakeAt(at, at),)
    return _next_step(state, act, policy, now)


def failed(state: PodState, event: WriteFailed, policy: GuardPolicy, now: datetime) -> Next:
    """Go on after a step that was refused or not answered."""
    act = state.act
    if state.stage is not Stage.WRITING or state.step is not event.step or act is None:
        return state, ()
    if event.step is Step.EVENT:
        # It is for people, and nothing rests on it.
        return _next_step(evolve(state, event_written=True), act, policy, now)
    if event.step is Step.DELETE:
        return acted(state, act) if event.conflict else _delete_again(state, act, event, now)
    if event.step is Step.FINALIZER and not event.conflict and not event.unanswered:
        # The right budget pays without it as well; only the message is lost.
        return _next_step(evolve(state, lacks_finalizer=False), act, policy, now)
    if event.unanswered and event.step is Step.STATUS:
        return read(evolve(state, status_unanswered=True))
    if event.conflict or event.unanswered:
        return read(evolve(state, act=None, step=None))
    return read_again(state, now, Outcome.FAILED, f"{event.step}-refused", event.error, act)


def due(state: PodState, policy: GuardPolicy, now: datetime) -> Next:
    """Carry out the step that waited for its moment."""
    assert state.act is not None
    return _next_step(state, state.act, policy, now)


def acted(state: PodState, act: Act) -> Next:
    """Report that the act is complete."""
    return settle(state, Outcome.ACTED, act.kind.value, act.why, act)


def _next_step(state: PodState, act: Act, policy: GuardPolicy, now: datetime) -> Next:
    steps = steps_of(act, state, policy)
    if not steps:
        return acted(state, act)
    step = steps[0]
    if not state.status_written and act.kind.deletes:
        if state.charge_at is not None and now >= state.charge_at:
            return settle(
                state, Outcome.LATE, "charged-before", "the charge was due before the status was written", act
            )
        if state.decided_at is None or now - state.decided_at > timedelta(seconds=VIEW_HOLDS):
            return read(evolve(state, act=None, step=None))
    takes_version = step in (Step.FINALIZER, Step.STATUS)
    version = state.resource_version if takes_version else ""
    return evolve(state, stage=Stage.WRITING, step=step), (Write(step, act, version),)


def _delete_again(state: PodState, act: Act, event: WriteFailed, now: datetime) -> Next:
    elsewhere = state.elsewhere or event.error == NOT_LEADER
    state, plans = back_off(evolve(state, elsewhere=elsewhere), Stage.PAUSED, now, _FIRST_BACK_OFF)
    if state.tries == _MANY_TRIES and not elsewhere:
        return state, (*plans, Report(Outcome.FAILED, "delete-failed", f"it is tried again: {event.error}", act))
    return state, plans
