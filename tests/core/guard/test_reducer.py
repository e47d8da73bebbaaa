"""The course of an act, event by event."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.guard.pod_state import PodState, Stage
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.reducer import NEW, step
from flytekitplugins_podtriage.core.guard.values import (
    Admission,
    Confirmed,
    Due,
    GuardEvent,
    Observed,
    Outcome,
    Plan,
    Propose,
    Read,
    Report,
    Step,
    WakeAt,
    Write,
    Written,
)
from tests.builders import NOW
from tests.core.guard import pods
from tests.core.guard.pods import after

UNTIL_CHARGE = 120.0
"""The pod of these tests waits for 60 s at ``NOW``; Flyte's grace period is 180 s."""
DUE = after(UNTIL_CHARGE - 5)


class Course:
    """One pod's state, and the plans of the last event."""

    def __init__(self, policy: GuardPolicy, state: PodState = NEW) -> None:
        self.policy = policy
        self.state = state
        self.now = NOW
        self.plans: tuple[Plan, ...] = ()

    def give(self, event: GuardEvent, at: float | None = None) -> tuple[Plan, ...]:
        if at is not None:
            self.now = after(at)
        self.state, self.plans = step(self.state, event, self.policy, self.now)
        return self.plans


def asked(policy: GuardPolicy, **pod: object) -> Course:
    """Return a course up to the moment at which the act is proposed."""
    course = Course(policy)
    snapshot = pods.snapshot(pods.pod(backend=policy.backend, **pod))  # type: ignore[arg-type]
    course.give(Observed(snapshot))
    course.give(Due(snapshot), UNTIL_CHARGE - 5)
    course.give(Confirmed(pods.facts(snapshot, now=course.now, task=pods.record(policy.backend))))
    assert isinstance(course.plans[0], Propose)
    return course


def steps(course: Course) -> list[Step]:
    """Carry out all that is planned, and return the steps that were written."""
    written = []
    while course.plans:
        plan = course.plans[-1]
        if isinstance(plan, Write):
            written.append(plan.step)
            course.give(Written(plan.step, "8"))
        elif isinstance(plan, WakeAt):
            course.now = plan.at
            course.give(Due(pods.snapshot(pods.pod(backend=course.policy.backend))))
        else:
            return written
    return written


def test_a_pod_is_planned_for_the_moment_before_its_charge_and_read_then() -> None:
    course = Course(pods.policy())
    snapshot = pods.snapshot(pods.pod())

    assert course.give(Observed(snapshot)) == (WakeAt(DUE, after(UNTIL_CHARGE)),)
    assert course.give(Observed(snapshot), 10) == ()
    assert course.give(Due(snapshot), UNTIL_CHARGE - 5) == (
        Read("flytesnacks-development", "f3a91c-n0-0", "uid-f3a91c-n0-0"),
    )
    (proposed,) = course.give(Confirmed(pods.facts(snapshot, now=course.now)))
    assert isinstance(proposed, Propose)
    assert (proposed.act.reason, proposed.act.kind.kind) == ("Terminated", "SYSTEM")


@pytest.mark.parametrize(
    ("policy", "finalizers", "expected"),
    [
        pytest.param(
            pods.policy(), (), [Step.EVENT, Step.FINALIZER, Step.STATUS, Step.DELETE], id="1.16 without a finalizer"
        ),
        pytest.param(
            pods.policy(), (pods.FINALIZER,), [Step.EVENT, Step.STATUS, Step.DELETE], id="1.16 with a finalizer"
        ),
    ],
)
def test_the_steps_of_an_act_come_in_their_order(
    policy: GuardPolicy, finalizers: tuple[str, ...], expected: list[Step]
) -> None:
    course = asked(policy, finalizers=finalizers)
    course.give(Admission())

    assert steps(course) == expected
    (report,) = course.plans
    assert isinstance(report, Report)
    assert (report.outcome, report.why) == (Outcome.ACTED, "end-as-system")
    assert course.state.stage is Stage.SETTLED
