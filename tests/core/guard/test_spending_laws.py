"""No act ends a task that has a user retry left, whatever comes before and after it."""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits, flyte_1_16, flyte_2, flyte_2_transition
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.decision import decide
from flytekitplugins_podtriage.core.guard.values import ActKind, TaskRecord
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.spending import Budgets
from tests.builders import NOW, terminated
from tests.core.guard import pods
from tests.core.guard.pods import MISSING, UNAVAILABLE, back_off, policy
from tests.core.played_failures import LIMITS

USER, SYSTEM = ErrorKind.USER, ErrorKind.SYSTEM
DUE = pods.GRACE - 3
PODS = {
    "limited": {backend: pods.pod(age=DUE, backend=backend) for backend in ("flyte-1.16", "flyte-2")},
    "unavailable": {
        backend: pods.pod("Pending", back_off(UNAVAILABLE), age=DUE, backend=backend)
        for backend in ("flyte-1.16", "flyte-2")
    },
    "missing": {
        backend: pods.pod("Pending", back_off(MISSING), age=DUE, backend=backend)
        for backend in ("flyte-1.16", "flyte-2")
    },
    "evicted": {"flyte-1.16": pods.pod("Failed", reason="Evicted", message="The node was low on resource: memory.")},
    "crashed": {"flyte-1.16": pods.pod("Failed", terminated(1))},
}
TROUBLES = st.lists(st.sampled_from([*PODS, "preempted", "launch error"]), max_size=25)
RESERVES = st.integers(1, 3)


def what_is_done(trouble: str, backend: str, record: TaskRecord, reserve: int = 1, cap: int = 3) -> ActKind | None:
    settings = policy(
        backend,
        system_reserve=reserve,
        max_system_restarts=cap,
        fail_fast=True,
        rescue=backend == "flyte-1.16",
        limits=record.limits,
    )
    decision = decide(
        pods.snapshot(PODS[trouble][backend]), Freshness.current(NOW), settings, NOW, task=record, kubelet="v1.34.4"
    )
    return decision.kind if decision.due(NOW) else None


STOCK_1_16 = {"evicted": USER, "crashed": SYSTEM, "preempted": SYSTEM}


@given(TROUBLES, LIMITS, RESERVES, st.booleans())
def test_on_1_16_no_act_ends_a_task_that_has_a_user_retry_left(
    troubles: list[str], limits: Limits, reserve: int, retries_known: bool
) -> None:
    counters = Counters()
    for trouble in troubles:
        left = Budgets.left(counters, limits, system_reserve=reserve)
        kind = STOCK_1_16.get(trouble, USER)
        act = None
        if trouble in PODS:
            recorded = limits if retries_known else attrs.evolve(limits, retries=0, default_max_attempts=1)
            record = pods.record(counters=counters, limits=recorded, retries_known=retries_known)
            act = what_is_done(trouble, "flyte-1.16", record, reserve)
            kind = act.kind if act is not None else kind
        outcome = flyte_1_16(counters, Failure(kind), limits)
        if act is not None and left.user_left:
            assert outcome.retried
        if act is not None and act.kind is SYSTEM and left.user_left:
            # The reserve stays: a preemption after the act ends nothing either.
            assert Budgets.left(outcome.counters, limits).system_left >= reserve
            after = flyte_1_16(outcome.counters, Failure(SYSTEM), limits)
            assert after.retried or not outcome.retried
        if not outcome.retried:
            return
        counters = outcome.counters


@given(st.sampled_from(["limited", "unavailable", "evicted"]), LIMITS, st.integers(0, 6), RESERVES)
def test_a_rescue_without_a_record_is_one_that_the_record_would_allow(
    trouble: str, limits: Limits, attempt: int, reserve: int
) -> None:
    """Whatever the earlier attempts ended with."""
    settings = policy(rescue=True, limits=limits, system_reserve=reserve)
    failed = pods.pod(
        "Failed",
        reason="Evicted",
        message="The node was low on resource: memory.",
        name=f"{pods.EXECUTION}-n0-{attempt}",
    )
    blind = decide(pods.snapshot(failed), Freshness(as_of=None), settings, NOW)
    if not blind.sure:
        return
    for system_failures in range(attempt + 1):
        record = pods.record(counters=Counters(attempt, system_failures), limits=limits)
        assert decide(pods.snapshot(failed), Freshness(as_of=None), settings, NOW, task=record).kind is blind.kind


STOCK_2 = {"limited": SYSTEM, "unavailable": USER, "missing": USER, "preempted": SYSTEM}


@given(
    st.lists(st.sampled_from(["limited", "unavailable", "missing", "preempted", "launch error"]), max_size=25),
    st.integers(0, 5),
    st.integers(0, 4),
)
def test_on_flyte_2_no_act_ends_a_task_that_has_a_user_retry_left(troubles: list[str], retries: int, cap: int) -> None:
    limits, counters, restarts = Limits(retries=retries), Counters(), 0
    for trouble in troubles:
        if trouble == "launch error":
            # Errors of creating the next pod count one after the other, and the fourth ends the task.
            outcome = flyte_2(counters, Failure(SYSTEM), limits)
            if not outcome.retried:
                return
            counters = outcome.counters
            continue
        record = pods.record(
            "flyte-2",
            counters=counters,
            limits=limits,
            system_restarts=restarts,
            launch_errors=counters.system_failures > 0,
        )
        act = None
        if not record.launch_errors:  # eligibility refuses it otherwise
            if trouble in PODS:
                act = what_is_done(trouble, "flyte-2", record, cap=cap)
            counters = flyte_2_transition(counters)
        kind = act.kind if act is not None else STOCK_2[trouble]
        outcome = flyte_2(counters, Failure(kind), limits)
        if act is not None and counters.attempts < retries:
            assert outcome.retried
        if act is not None and kind is SYSTEM:
            assert restarts < cap
        if not outcome.retried:
            assert kind is USER or record.launch_errors
            return
        restarts += kind is SYSTEM
        counters = flyte_2_transition(outcome.counters)


def test_a_lasting_rate_limit_on_1_16_costs_both_budgets_and_then_the_reserve() -> None:
    limits, counters, charged = Limits(retries=4), Counters(), ""
    while True:
        record = pods.record(counters=counters, limits=limits)
        act = what_is_done("limited", "flyte-1.16", record)
        outcome = flyte_1_16(counters, Failure(act.kind if act is not None else USER), limits)
        charged += "S" if outcome.charged is SYSTEM else "U"
        if not outcome.retried:
            break
        counters = outcome.counters

    assert charged == "SSUUUUSU"  # what ends the node is always of kind USER


def test_a_lasting_rate_limit_on_flyte_2_ends_after_the_cap_and_the_user_retries() -> None:
    limits, counters, restarts, charged = Limits(retries=1), Counters(), 0, ""
    while True:
        record = pods.record("flyte-2", counters=counters, limits=limits, system_restarts=restarts)
        act = what_is_done("limited", "flyte-2", record, cap=2)
        kind = act.kind if act is not None else SYSTEM
        outcome = flyte_2(counters, Failure(kind), limits)
        charged += "S" if kind is SYSTEM else "U"
        if not outcome.retried:
            break
        restarts += kind is SYSTEM
        counters = flyte_2_transition(outcome.counters)

    assert charged == "SSUU"
