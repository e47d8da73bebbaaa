"""The plans that several parts of the reducer make, each with the state that goes with it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.guard.pod_state import PodState, Stage, evolve
from flytekitplugins_podtriage.core.guard.values import Act, Outcome, Plan, Read, Report, WakeAt

Next = tuple[PodState, tuple[Plan, ...]]
"""What every event is answered with."""

_SHORTEST_PAUSE: Final = 0.5
"""Seconds between two reads of a pod."""
_LONGEST_PAUSE: Final = 30.0


def settle(state: PodState, outcome: Outcome, why: str, detail: str = "", act: Act | None = None) -> Next:
    """Report what became of a pod, and do nothing more about it."""
    report = Report(outcome, why, detail, act)
    return settled(state), (() if state.elsewhere else (report,))


def settled(state: PodState) -> PodState:
    """Return the state of a pod about which nothing more is done."""
    return evolve(
        state, stage=Stage.SETTLED, kind=None, charge_at=None, not_before=None, act=None, step=None, decided_at=None
    )


def read(state: PodState) -> Next:
    """Read the pod, its task and its node."""
    return evolve(state, stage=Stage.READING), (Read(state.namespace, state.name, state.uid),)


def read_again(
    state: PodState, now: datetime, outcome: Outcome, why: str, detail: str = "", act: Act | None = None
) -> Next:
    """Read the pod once more after a while, as often as the time until the charge allows; after that report it.

    The pause is a quarter of what is left, so that there are ever fewer reads the earlier an act begins.
    """
    charge_at = state.charge_at
    if charge_at is None:
        return settle(state, outcome, why, detail, act)
    pause = max(_SHORTEST_PAUSE, (charge_at - now).total_seconds() / 4)
    at = later(now, pause)
    if at >= charge_at:
        return settle(state, outcome, why, detail, act)
    state = evolve(state, stage=Stage.PLANNED, not_before=at, act=None, step=None)
    return state, (WakeAt(at, charge_at),)


def back_off(state: PodState, stage: Stage, now: datetime, first: float) -> Next:
    """Try again after a pause that doubles each time, for as long as it takes."""
    at = later(now, min(_LONGEST_PAUSE, first * 2 ** min(state.tries, 10)))
    return evolve(state, stage=stage, tries=state.tries + 1), (WakeAt(at, at),)
