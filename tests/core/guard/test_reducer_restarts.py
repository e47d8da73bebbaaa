"""What is done about a pod that an earlier run of the guard, or another replica, has begun with."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.core.guard.pod_state import Stage
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.values import (
    Due,
    Observed,
    Outcome,
    Read,
    ReadFailed,
    WakeAt,
    Write,
    WriteFailed,
    Written,
)
from flytekitplugins_podtriage.core.policy import Policy
from tests.core.guard import pods
from tests.core.guard.course import (
    DELETE,
    DUE,
    RELEASE,
    UNTIL_CHARGE,
    Course,
    unfinished,
    writing,
)
from tests.core.guard.pods import after, policy


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
