"""One pod taken through the reducer by hand."""

from __future__ import annotations

from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.guard.pod_state import PodState
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.reducer import NEW, step
from flytekitplugins_podtriage.core.guard.values import (
    Act,
    Admission,
    Confirmed,
    Due,
    GuardEvent,
    Observed,
    Outcome,
    Plan,
    Propose,
    Report,
    Step,
    WakeAt,
    Write,
    Written,
)
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from tests.builders import NOW
from tests.core.guard import pods
from tests.core.guard.pods import LIMITED, after, back_off, policy

UNTIL_CHARGE: Final = 120.0
"""The pod waits for 60 s at ``NOW``; Flyte's grace period is 180 s."""
DUE: Final = UNTIL_CHARGE - 5
TWO: Final = policy("flyte-2")
EVENT, FINALIZER, STATUS, DELETE, RELEASE = Step.EVENT, Step.FINALIZER, Step.STATUS, Step.DELETE, Step.RELEASE


class Course:
    """The state of a pod, the plans of the last event, and what was reported and written so far."""

    def __init__(
        self, settings: GuardPolicy, *, of: OwnedPod | None = None, message: str = LIMITED, **pod: Any
    ) -> None:
        self.policy = settings
        self._message = message
        self._pod = pod
        made = pods.pod("Pending", back_off(message), backend=settings.backend, **pod) if of is None else of
        self.snapshot: PodSnapshot = pods.snapshot(made)
        self.state: PodState = NEW
        self.now = NOW
        self.plans: tuple[Plan, ...] = ()
        self.act: Act
        self.reported: list[tuple[Outcome, str]] = []
        self.written: list[Step] = []

    def other(self, state: Any = None, **changes: Any) -> PodSnapshot:
        """Return a later state of the same pod."""
        made = {"backend": self.policy.backend, "version": 20, **self._pod, **changes}
        containers = state if state is not None else back_off(self._message)
        return pods.snapshot(pods.pod("Pending", containers, **made))

    def give(self, event: GuardEvent, at: float | None = None, lead: float | None = None) -> tuple[Plan, ...]:
        """Give an event, after so many seconds, and return the plans."""
        if at is not None:
            self.now = after(at)
        self.state, self.plans = step(self.state, event, self.policy, self.now, lead=lead)
        for plan in self.plans:
            if isinstance(plan, Propose):
                self.act = plan.act
            elif isinstance(plan, Write):
                self.written.append(plan.step)
                self.act = plan.act
            elif isinstance(plan, Report):
                self.reported.append((plan.outcome, plan.why))
        return self.plans

    def confirm(self, pod: OwnedPod | None = None, at: float | None = None, **changes: Any) -> tuple[Plan, ...]:
        """Answer a read with what is asked about now."""
        if at is not None:
            self.now = after(at)
        snapshot = self.snapshot if pod is None else pods.snapshot(pod)
        task = pods.record(self.policy.backend)
        facts = attrs.evolve(pods.facts(snapshot, now=self.now, task=task), **changes)
        return self.give(Confirmed(facts))

    def write_all(self) -> list[Step]:
        """Carry out all that is planned, and return the steps that were written."""
        before = len(self.written)
        while self.plans:
            plan = self.plans[0]
            if isinstance(plan, Write):
                self.give(Written(plan.step, "8"))
            elif isinstance(plan, WakeAt):
                self.now = plan.at
                self.give(Due(self.snapshot))
            else:
                break
        return self.written[before - 1 :]


def asked(settings: GuardPolicy | None = None, **pod: Any) -> Course:
    """Return a course up to the moment at which the act is proposed."""
    settings = settings or policy()
    course = Course(settings, **pod)
    course.give(Observed(course.snapshot))
    course.give(Due(course.snapshot), DUE)
    course.confirm()
    assert isinstance(course.plans[0], Propose)
    return course


def writing(step: Step, settings: GuardPolicy | None = None, **pod: Any) -> Course:
    """Return a course up to the moment at which a step is under way."""
    course = asked(settings, **pod)
    course.give(Admission())
    for _ in range(6):
        (plan,) = course.plans
        if isinstance(plan, Write) and plan.step is step:
            return course
        if isinstance(plan, WakeAt):
            course.give(Due(course.snapshot), (plan.at - after(0)).total_seconds())
        else:
            assert isinstance(plan, Write)
            course.give(Written(plan.step, "8"))
    raise AssertionError(f"never came to {step}: {course.plans}")


def unfinished(course: Course, **pod: Any) -> OwnedPod:
    return pods.with_status(pods.pod(**pod), course.act.reason, course.act.message, "9")
