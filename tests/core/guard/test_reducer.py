"""The course of an act, event by event."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.core.guard.pod_state import Stage
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.values import (
    NOT_LEADER,
    OBSERVED_ONLY,
    OPTED_OUT,
    Admission,
    Due,
    Gone,
    Observed,
    Outcome,
    Propose,
    Read,
    ReadFailed,
    Step,
    WakeAt,
    Write,
    WriteFailed,
    Written,
)
from tests.builders import running
from tests.core.guard import pods
from tests.core.guard.course import (
    DELETE,
    DUE,
    EVENT,
    FINALIZER,
    STATUS,
    TWO,
    UNTIL_CHARGE,
    Course,
    asked,
    writing,
)
from tests.core.guard.pods import UNAVAILABLE, after, back_off, policy


def test_a_pod_is_planned_for_the_moment_before_its_charge_and_read_then() -> None:
    course = Course(policy())

    assert course.give(Observed(course.snapshot)) == (WakeAt(after(DUE), after(UNTIL_CHARGE)),)
    assert course.give(Observed(course.snapshot), 10) == ()
    assert course.give(Due(course.snapshot), DUE) == (
        Read("flytesnacks-development", "f3a91c-n0-0", "uid-f3a91c-n0-0"),
    )
    (proposed,) = course.confirm()
    assert isinstance(proposed, Propose)
    assert (proposed.act.reason, proposed.act.kind.kind, proposed.act.resource_version) == ("Terminated", "SYSTEM", "7")
    assert (proposed.act.execution, proposed.act.attempt) == ("f3a91c", 0)


def test_a_pod_that_is_due_when_it_is_first_observed_is_read_at_once() -> None:
    course = Course(policy(), age=178)

    assert isinstance(course.give(Observed(course.snapshot))[0], Read)


def test_a_wake_that_comes_too_early_is_planned_again() -> None:
    course = Course(policy())
    course.give(Observed(course.snapshot))

    assert course.give(Due(course.snapshot), 10) == (WakeAt(after(DUE), after(UNTIL_CHARGE)),)


def test_the_lead_that_an_act_began_with_holds_until_it_is_confirmed() -> None:
    course = Course(policy())
    course.give(Observed(course.snapshot))
    course.give(Due(course.snapshot), 20, lead=100)

    assert isinstance(course.confirm()[0], Propose)


@pytest.mark.parametrize(
    ("settings", "pod", "expected"),
    [
        pytest.param(policy(), {}, [EVENT, FINALIZER, STATUS, DELETE], id="1.16"),
        pytest.param(policy(), {"finalizers": [pods.FINALIZER]}, [EVENT, STATUS, DELETE], id="1.16, with a finalizer"),
        pytest.param(TWO, {"message": UNAVAILABLE}, [EVENT, STATUS, DELETE], id="Flyte 2, never a finalizer"),
    ],
)
def test_the_steps_of_an_act_come_in_their_order(settings: GuardPolicy, pod: Any, expected: list[Step]) -> None:
    course = asked(settings, **pod)
    course.give(Admission())

    assert course.write_all() == expected
    assert course.reported == [(Outcome.ACTED, "end-as-system")]
    assert course.state.stage is Stage.SETTLED


def test_each_step_that_changes_the_pod_is_bound_to_the_state_before_it() -> None:
    course = writing(FINALIZER)
    assert course.plans == (Write(FINALIZER, course.act, "7"),)

    assert course.give(Written(FINALIZER, "8")) == (Write(STATUS, course.act, "8"),)
    assert course.give(Written(STATUS, "9")) == (Write(DELETE, course.act, ""),)


def test_flyte_2_has_a_second_between_status_and_deletion() -> None:
    course = writing(STATUS, TWO, message=UNAVAILABLE)

    (wake,) = course.give(Written(STATUS, "9"))

    assert wake == WakeAt(after(DUE + 1), after(DUE + 1))
    assert course.give(Due(course.snapshot), DUE + 1) == (Write(DELETE, course.act, ""),)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(lambda course: Gone(), id="the pod is gone"),
        pytest.param(lambda course: Observed(course.other(deleted=-20)), id="the pod is being deleted"),
    ],
)
def test_flyte_2_mostly_deletes_the_pod_itself_in_that_second(event: Any) -> None:
    course = writing(STATUS, TWO, message=UNAVAILABLE)
    course.give(Written(STATUS, "9"))
    course.give(event(course), DUE + 0.1)

    assert course.reported == [(Outcome.ACTED, "end-as-system")]
    assert course.give(Due(course.snapshot), DUE + 1) == ()


def test_a_pod_that_is_gone_before_the_answer_to_its_status_needs_no_deletion() -> None:
    course = writing(STATUS, TWO, message=UNAVAILABLE)

    assert course.give(Gone()) == ()
    course.give(Written(STATUS, "9"))
    assert course.reported == [(Outcome.ACTED, "end-as-system")]


def test_an_event_that_cannot_be_written_holds_up_nothing() -> None:
    course = writing(EVENT)

    assert course.give(WriteFailed(EVENT, "403")) == (Write(FINALIZER, course.act, "7"),)


def test_without_the_right_to_add_a_finalizer_the_right_budget_still_pays() -> None:
    course = writing(FINALIZER)

    assert course.give(WriteFailed(FINALIZER, "403")) == (Write(STATUS, course.act, "7"),)


# What becomes of pods that are not acted on


@pytest.mark.parametrize(
    ("later", "at", "expected"),
    [
        pytest.param({"state": running()}, 60, [(Outcome.RECOVERED, "started")], id="the pull recovered"),
        pytest.param({"deleted": -20}, 60, [(Outcome.LEFT, "ended-otherwise")], id="somebody deleted it"),
        pytest.param({"deleted": -200}, 125, [(Outcome.LATE, "charged-before")], id="stock Flyte was first"),
        pytest.param({"state": back_off(pods.MISSING)}, 60, [], id="it is the user's fault after all"),
    ],
)
def test_a_planned_pod_is_accounted_for(later: Any, at: float, expected: list[tuple[Outcome, str]]) -> None:
    course = Course(policy())
    course.give(Observed(course.snapshot))
    course.give(Observed(course.other(**later)), at)

    assert course.reported == expected


def test_a_pod_that_is_only_observed_as_late_was_left_by_nobody() -> None:
    course = Course(policy(), age=300)

    assert course.give(Observed(course.snapshot)) == ()
    assert course.state.idle


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        pytest.param(OBSERVED_ONLY, [(Outcome.WOULD_ACT, "end-as-system")], id="the mode is observe"),
        pytest.param("cap-minute", [(Outcome.REFUSED, "cap-minute")], id="a cap is hit"),
        pytest.param(OPTED_OUT, [], id="the namespace opted out, and nothing is said there"),
    ],
)
def test_an_act_that_is_not_admitted_is_reported_once(refusal: str, expected: list[tuple[Outcome, str]]) -> None:
    course = asked()
    course.give(Admission(refusal))
    course.give(Observed(course.snapshot), DUE + 1)

    assert course.reported == expected
    assert course.written == []


def test_a_follower_asks_again_until_the_charge_and_leaves_the_report_to_the_leader() -> None:
    course = asked()
    asked_at = []
    while course.plans:
        asked_at.append(course.now)
        (wake,) = course.give(Admission(NOT_LEADER))
        assert isinstance(wake, WakeAt)
        course.now = wake.at
        if course.now >= after(UNTIL_CHARGE - 0.6):
            break
        course.give(Due(course.snapshot))
        course.confirm()
    assert 3 <= len(asked_at) <= 12

    course.give(Gone())
    assert course.reported == []


def test_a_follower_acts_once_it_leads() -> None:
    course = asked()
    (wake,) = course.give(Admission(NOT_LEADER))
    assert isinstance(wake, WakeAt)
    course.now = wake.at
    course.give(Due(course.snapshot))
    course.confirm()
    course.give(Admission())

    assert course.write_all() == [EVENT, FINALIZER, STATUS, DELETE]
    assert course.reported == [(Outcome.ACTED, "end-as-system")]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"node_ready": False}, "node-not-ready"),
        ({"node_ready": None}, "node-unknown"),
        ({"task": pods.record(unsettled=True)}, "unsettled"),
        ({"task": pods.record(launch_errors=True)}, "launch-errors"),
    ],
)
def test_what_may_pass_is_read_again_a_few_times_until_the_charge(changes: Any, why: str) -> None:
    course = Course(policy())
    course.give(Observed(course.snapshot))
    course.give(Due(course.snapshot), DUE)
    reads = 0
    while isinstance(course.plans[0], Read):
        reads += 1
        (plan,) = course.confirm(**changes)
        if isinstance(plan, WakeAt):
            course.now = plan.at
            course.give(Due(course.snapshot))

    assert course.reported == [(Outcome.LEFT, why)]
    assert 3 <= reads <= 12


def test_what_has_passed_is_acted_on() -> None:
    course = Course(policy())
    course.give(Observed(course.snapshot))
    course.give(Due(course.snapshot), DUE)
    (wake,) = course.confirm(node_ready=False)
    assert isinstance(wake, WakeAt)
    assert course.give(Observed(course.snapshot), DUE + 0.1) == ()  # not before that moment
    course.now = wake.at
    course.give(Due(course.snapshot))

    assert isinstance(course.confirm()[0], Propose)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"task": pods.record(over=True)}, "task-over"),
        ({"task": pods.record(uid="other")}, "other-task"),
        ({"task": pods.record(attempt=1, pod_names=frozenset({"f3a91c-n0-1"}))}, "other-attempt"),
        ({"namespace_opted_out": True}, None),
    ],
)
def test_what_does_not_pass_is_left(changes: Any, why: str | None) -> None:
    course = Course(policy())
    course.give(Observed(course.snapshot))
    course.give(Due(course.snapshot), DUE)
    course.confirm(**changes)

    assert course.reported == ([] if why is None else [(Outcome.LEFT, why)])
    assert course.give(Observed(course.snapshot), DUE + 1) == ()


def test_what_cannot_be_read_is_left_when_the_charge_is_due() -> None:
    course = Course(policy())
    course.give(Observed(course.snapshot))
    course.give(Due(course.snapshot), DUE)
    while not course.reported:
        (plan,) = course.give(ReadFailed("403 nodes"))
        if isinstance(plan, WakeAt):
            course.now = plan.at
            course.give(Due(course.snapshot))

    assert course.reported == [(Outcome.LEFT, "read-failed")]


def test_the_pod_that_takes_over_the_name_is_another_one() -> None:
    """Flyte 2 gives the next pod the same name and labels."""
    course = writing(DELETE, TWO, message=UNAVAILABLE)
    course.give(Observed(course.other(uid="another", age=0)), DUE + 2)

    assert course.reported == [(Outcome.ACTED, "end-as-system")]
    assert (course.state.uid, course.state.stage) == ("another", Stage.PLANNED)
