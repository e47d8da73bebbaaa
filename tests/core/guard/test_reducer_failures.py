"""What must not happen when writes fail, answers are lost and pods change."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.core.guard.pod_state import Stage
from flytekitplugins_podtriage.core.guard.values import (
    Admission,
    Due,
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
    EVENT,
    FINALIZER,
    STATUS,
    UNTIL_CHARGE,
    Course,
    asked,
    writing,
)
from tests.core.guard.pods import back_off, policy


@pytest.mark.parametrize("step", [FINALIZER, STATUS])
def test_a_pod_that_has_changed_is_read_and_decided_anew_never_deleted(step: Step) -> None:
    course = writing(step)

    assert isinstance(course.give(WriteFailed(step, "409", conflict=True))[0], Read)
    course.confirm(pods.pod("Pending", running(), version=9))
    assert course.reported == [(Outcome.RECOVERED, "started")]
    assert DELETE not in course.written


def test_a_status_that_was_refused_is_written_to_the_state_that_was_read_then() -> None:
    course = writing(STATUS, finalizers=[pods.FINALIZER])
    course.give(WriteFailed(STATUS, "409", conflict=True))
    course.confirm(pods.pod(finalizers=[pods.FINALIZER], version=9))

    assert course.give(Admission()) == (Write(STATUS, course.act, "9"),)


def test_an_unanswered_status_that_was_carried_out_is_recognised_and_the_pod_deleted() -> None:
    course = writing(STATUS)
    act = course.act
    course.give(WriteFailed(STATUS, "timeout", unanswered=True))
    course.confirm(pods.with_status(pods.pod(), act.reason, act.message, "9"))

    assert course.plans == (Write(DELETE, act, ""),)


def test_an_unanswered_status_that_was_not_carried_out_is_decided_anew() -> None:
    course = writing(STATUS)
    course.give(WriteFailed(STATUS, "timeout", unanswered=True))

    assert isinstance(course.confirm()[0], Propose)


def test_an_unanswered_status_is_asked_for_until_there_is_an_answer() -> None:
    course = writing(STATUS)
    act = course.act
    course.give(WriteFailed(STATUS, "timeout", unanswered=True))
    for _ in range(50):
        (wake,) = course.give(ReadFailed("no answer"))
        assert isinstance(wake, WakeAt)
        course.now = wake.at
        assert isinstance(course.give(Due(course.snapshot))[0], Read)
    course.confirm(pods.with_status(pods.pod(), act.reason, act.message, "9"))

    assert course.plans == (Write(DELETE, act, ""),)


def test_a_status_that_is_carried_out_long_after_it_was_given_up_is_completed() -> None:
    course = writing(STATUS)
    act = course.act
    course.give(WriteFailed(STATUS, "timeout", unanswered=True))
    course.confirm(pods.pod("Pending", back_off("a new kind of failure")), at=UNTIL_CHARGE)
    assert course.state.stage in (Stage.SETTLED, Stage.IDLE)

    patched = pods.snapshot(pods.with_status(pods.pod(), act.reason, act.message, "9"))
    (wake,) = course.give(Observed(patched), UNTIL_CHARGE + 1)
    assert isinstance(wake, WakeAt)
    (write,) = course.give(Due(patched), UNTIL_CHARGE + 3)
    assert isinstance(write, Write)
    assert write.step is DELETE


def test_a_deletion_is_tried_until_it_is_done_and_says_so_once() -> None:
    course = writing(DELETE)
    pauses = []
    for _ in range(12):
        wake = course.give(WriteFailed(DELETE, "500"))[0]
        assert isinstance(wake, WakeAt)
        pauses.append((wake.at - course.now).total_seconds())
        course.now = wake.at
        course.give(Due(course.snapshot))
    course.give(Written(DELETE))

    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]
    assert course.reported == [(Outcome.FAILED, "delete-failed"), (Outcome.ACTED, "end-as-system")]


def test_a_deletion_that_meets_another_pod_is_done() -> None:
    course = writing(DELETE)
    course.give(WriteFailed(DELETE, "409", conflict=True))

    assert course.reported == [(Outcome.ACTED, "end-as-system")]


def test_an_act_that_comes_too_late_is_not_made() -> None:
    course = asked()
    course.give(Admission(), UNTIL_CHARGE)

    assert course.reported == [(Outcome.LATE, "charged-before")]
    assert course.written == []


def test_an_act_that_was_decided_on_a_view_that_is_old_by_now_is_decided_anew() -> None:
    course = Course(policy(margin=60))
    course.give(Observed(course.snapshot))
    course.give(Due(course.snapshot), UNTIL_CHARGE - 60)
    course.confirm()

    assert isinstance(course.give(Admission(), UNTIL_CHARGE - 40)[0], Read)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"deleted": -20}, id="it is being deleted"),
        pytest.param({"state": running()}, id="it runs"),
    ],
)
@pytest.mark.parametrize("until", [None, EVENT])
def test_an_act_ends_where_the_pod_changes_before_it_was_touched(until: Step | None, changed: Any) -> None:
    course = asked() if until is None else writing(until)
    course.give(Observed(course.other(**changed)))

    assert course.reported in ([(Outcome.LEFT, "ended-otherwise")], [(Outcome.RECOVERED, "started")])
    assert course.give(Admission()) == ()
    assert course.give(Written(EVENT)) == ()
