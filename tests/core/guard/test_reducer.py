"""The course of an act, event by event."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.core.accounting import Counters
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
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
from flytekitplugins_podtriage.core.policy import Policy
from tests.builders import running, terminated
from tests.core.guard import pods
from tests.core.guard.course import DUE, UNTIL_CHARGE, Course
from tests.core.guard.pods import UNAVAILABLE, after, back_off, policy

TWO = policy("flyte-2")
EVENT, FINALIZER, STATUS, DELETE, RELEASE = Step.EVENT, Step.FINALIZER, Step.STATUS, Step.DELETE, Step.RELEASE
EVICTED: dict[str, Any] = {"reason": "Evicted", "message": "The node was low on resource: memory."}


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


# From the first state of a pod to its act


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


# What must not happen


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


# After a restart


def unfinished(course: Course, **pod: Any) -> OwnedPod:
    return pods.with_status(pods.pod(**pod), course.act.reason, course.act.message, "9")


def test_a_pod_that_was_patched_and_not_deleted_is_deleted_after_a_restart() -> None:
    pod = unfinished(writing(DELETE))
    patched, course = pods.snapshot(pod), Course(policy(), of=pod)
    (wake,) = course.give(Observed(patched))
    assert wake == WakeAt(after(2), after(2))

    (write,) = course.give(Due(patched), 2)
    assert isinstance(write, Write)
    assert (write.step, write.act.uid, write.act.kind) == (DELETE, "uid-f3a91c-n0-0", "end-as-system")
    course.give(Written(DELETE))
    assert course.reported == [(Outcome.ACTED, "end-as-system")]


def test_another_replicas_act_in_progress_is_not_taken_over() -> None:
    pod = unfinished(writing(DELETE))
    patched, course = pods.snapshot(pod), Course(policy(), of=pod)
    course.give(Observed(patched))
    course.give(Observed(pods.snapshot(unfinished(writing(DELETE), deleted=-20))), 0.3)

    assert course.give(Due(patched), 2) == ()
    assert (course.reported, course.written) == ([], [])


def test_a_patch_that_the_kubelet_has_overwritten_is_decided_anew() -> None:
    pod = unfinished(writing(DELETE))
    patched, course = pods.snapshot(pod), Course(policy(), of=pod)
    course.give(Observed(patched))

    assert course.give(Observed(pods.snapshot(pods.pod())), 1) == (WakeAt(after(DUE), after(UNTIL_CHARGE)),)


def test_a_forged_patch_on_a_pod_that_is_not_flytes_is_not_deleted() -> None:
    patched = unfinished(writing(DELETE), owners=[])
    course = Course(policy(), of=patched)

    assert course.give(Observed(pods.snapshot(patched))) == ()


# Fail-fast, the cap of Flyte 2 and rescues


def test_fail_fast_ends_a_pod_for_the_user() -> None:
    course = Course(policy(fail_fast=True), message=pods.MISSING, age=10)
    assert course.give(Observed(course.snapshot)) == (WakeAt(after(20), after(170)),)
    course.give(Due(course.snapshot), 20)
    (proposed,) = course.confirm()

    assert isinstance(proposed, Propose)
    assert (proposed.act.reason, proposed.act.kind) == ("StartFailed", "end-as-user")


def test_flyte_2_restarts_a_rate_limit_by_itself_until_the_cap() -> None:
    course = Course(TWO)
    course.give(Observed(course.snapshot))
    course.give(Due(course.snapshot), DUE)

    assert course.confirm(task=pods.record("flyte-2", system_restarts=2), kubelet="v1.34.4") == ()
    assert course.state.idle
    course.give(Observed(course.snapshot), DUE + 1)
    (proposed,) = course.confirm(task=pods.record("flyte-2", system_restarts=3), kubelet="v1.34.4")
    assert isinstance(proposed, Propose)
    assert proposed.act.kind == "end-as-user"


def test_a_rescue_is_proposed_at_once_and_written_before_its_event() -> None:
    course = Course(policy(rescue=True), of=pods.pod("Failed", **EVICTED))
    (proposed,) = course.give(Observed(course.snapshot))
    assert isinstance(proposed, Propose)
    course.give(Admission())

    assert course.write_all() == [STATUS, EVENT]
    assert course.reported == [(Outcome.ACTED, "rescue-as-system")]


def test_a_rescue_that_may_spend_the_reserve_reads_the_record_first() -> None:
    course = Course(policy(rescue=True), of=pods.pod("Failed", name="f3a91c-n0-2", **EVICTED))
    assert isinstance(course.give(Observed(course.snapshot))[0], Read)

    names = frozenset({"f3a91c-n0-2"})
    course.confirm(task=pods.record(attempt=2, pod_names=names, counters=Counters(2, 2)))
    assert course.reported == []
    assert course.state.stage is Stage.SETTLED


def test_a_record_at_hand_is_asked_before_a_rescue() -> None:
    pod = pods.pod("Failed", **EVICTED)
    for record, proposes in ((pods.record(), True), (pods.record(over=True), False), (pods.record(uid="x"), False)):
        course = Course(policy(rescue=True), of=pod)
        assert bool(course.give(Observed(course.snapshot, record))) is proposes


def test_a_rescued_pod_is_not_rescued_again() -> None:
    course = Course(policy(rescue=True), of=pods.pod("Failed", terminated(1)))
    course.give(Observed(course.snapshot))
    act = course.act

    fresh = Course(
        policy(rescue=True), of=pods.with_status(pods.pod("Failed", terminated(1)), act.reason, act.message, "9")
    )
    assert fresh.give(Observed(fresh.snapshot)) == ()
    assert fresh.give(Observed(fresh.snapshot), 60) == ()


# The finalizer of a pod whose FlyteWorkflow is gone


def hanging() -> Course:
    patched = unfinished(writing(DELETE), deleted=-5, finalizers=[pods.FINALIZER])
    course = Course(policy(), of=patched)
    assert course.give(Observed(course.snapshot)) == (WakeAt(after(30), after(30)),)
    assert isinstance(course.give(Due(course.snapshot), 30)[0], Read)
    return course


@pytest.mark.parametrize(
    ("changes", "at", "released"),
    [
        pytest.param({"task": None, "task_gone": True}, 30, True, id="its workflow is gone"),
        pytest.param({"task": None, "task_problem": "403"}, 30, False, id="its workflow may not be read"),
        pytest.param({"task": pods.record(over=True)}, 30, False, id="its workflow has only just ended"),
        pytest.param({"task": pods.record(over=True)}, 90, True, id="its workflow has ended a minute ago"),
        pytest.param({"task": pods.record()}, 900, False, id="its workflow runs"),
    ],
)
def test_a_finalizer_is_removed_where_nobody_else_will(changes: Any, at: float, released: bool) -> None:
    course = hanging()
    (plan,) = course.confirm(at=at, **changes)

    if released:
        assert isinstance(plan, Write)
        assert (plan.step, plan.resource_version) == (RELEASE, "9")
        assert course.give(Written(RELEASE)) == ()
        assert course.state.stage is Stage.SETTLED
    else:
        assert isinstance(plan, WakeAt)


def test_a_release_that_fails_is_tried_again() -> None:
    course = hanging()
    course.confirm(task=None, task_gone=True)
    (wake,) = course.give(WriteFailed(RELEASE, "500"))
    assert isinstance(wake, WakeAt)
    course.now = wake.at
    course.give(Due(course.snapshot))
    (wake,) = course.give(ReadFailed("no answer"))
    assert isinstance(wake, WakeAt)


@pytest.mark.parametrize(
    ("settings", "pod"),
    [
        pytest.param(policy(), {"deleted": -5}, id="it has no finalizer"),
        pytest.param(policy(), {"deleted": -5, "finalizers": ["example.com/other"]}, id="it has another's"),
        pytest.param(policy(), {"finalizers": [pods.FINALIZER]}, id="it is not being deleted, and not ours"),
        pytest.param(policy(), {"finalizers": [pods.FINALIZER], "deleted": -5}, id="it is not ours"),
    ],
)
def test_other_pods_keep_their_finalizers(settings: GuardPolicy, pod: Any) -> None:
    course = Course(settings, of=pods.pod(**pod))
    course.give(Observed(course.snapshot))

    assert course.state.stage not in (Stage.RELEASE_PLANNED, Stage.RELEASE_READING)


def test_backends_of_the_same_pod_do_not_share_settings() -> None:
    """The grace period is the backend's own."""
    stock = pods.evolve(Policy.for_backend("flyte-1.16"), image_pull_backoff_grace_period=600)
    course = Course(policy(stock=stock))

    assert course.give(Observed(course.snapshot)) == (WakeAt(after(535), after(540)),)
