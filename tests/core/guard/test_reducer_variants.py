"""Fail-fast, the cap of Flyte 2 and rescues, event by event."""

from __future__ import annotations

from typing import Any

from flytekitplugins_podtriage.core.accounting import Counters
from flytekitplugins_podtriage.core.guard.pod_state import Stage
from flytekitplugins_podtriage.core.guard.values import (
    Admission,
    Due,
    Observed,
    Outcome,
    Propose,
    Read,
    WakeAt,
)
from tests.builders import terminated
from tests.core.guard import pods
from tests.core.guard.course import (
    DUE,
    EVENT,
    STATUS,
    TWO,
    Course,
)
from tests.core.guard.pods import after, policy

EVICTED: dict[str, Any] = {"reason": "Evicted", "message": "The node was low on resource: memory."}


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
