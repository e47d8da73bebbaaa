"""Which budget pays, and what the two backends make of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage import Budgets, ErrorKind, Phase, Verdict, spend
from flytekitplugins_podtriage.core.accounting import (
    Counters,
    Failure,
    Limits,
    flyte_1_16,
    flyte_2,
    flyte_2_transition,
    runs_on_spot,
)

SYSTEM = Verdict(phase=Phase.RETRYABLE_FAILURE, kind=ErrorKind.SYSTEM, code="x", message="m")
USER = Verdict(phase=Phase.RETRYABLE_FAILURE, kind=ErrorKind.USER, code="x", message="m")
HELD = Verdict(phase=Phase.INITIALIZING, kind=ErrorKind.SYSTEM)
FATAL = Verdict(phase=Phase.PERMANENT_FAILURE, kind=ErrorKind.USER, code="x", message="m")
WELL = Verdict(phase=Phase.RUNNING)


@pytest.mark.parametrize(
    ("verdict", "user", "system", "reserve", "repeated", "action"),
    [
        pytest.param(WELL, 3, 3, 1, 0, "none", id="nothing has failed: nothing is paid"),
        pytest.param(HELD, 3, 3, 1, 0, "hold", id="a pod that is still tried is held: nothing is paid"),
        pytest.param(SYSTEM, 3, 3, 1, 0, "system", id="the platform's failure: the platform pays"),
        pytest.param(SYSTEM, 0, 2, 1, 0, "system", id="the platform pays without user retries too"),
        pytest.param(SYSTEM, 3, 1, 1, 0, "user", id="only the reserve is left: the user pays"),
        pytest.param(SYSTEM, 3, 2, 2, 0, "user", id="a larger reserve is kept sooner"),
        pytest.param(SYSTEM, 0, 1, 1, 0, "system", id="the user has nothing left: the reserve pays"),
        pytest.param(SYSTEM, 0, 0, 1, 0, "end", id="nobody can pay: the end"),
        pytest.param(SYSTEM, 3, 3, 1, 3, "user", id="the fourth time running it is no longer believed"),
        pytest.param(SYSTEM, 0, 3, 1, 9, "system", id="not believed, but the user cannot pay: the platform does"),
        pytest.param(USER, 1, 3, 1, 0, "user", id="the task's own failure: the user pays"),
        pytest.param(USER, 0, 3, 1, 0, "end", id="the platform never pays for the task's own failure"),
        pytest.param(FATAL, 3, 3, 1, 0, "end", id="what cannot be mended is not tried again"),
    ],
)
def test_spending(verdict: Verdict, user: int, system: int, reserve: int, repeated: int, action: str) -> None:
    answer = spend(verdict, Budgets(user, system, reserve), repeated=repeated)
    assert answer.action == action
    assert answer.why
    assert answer.retried == (action in ("system", "user"))


def test_a_reserve_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="system_reserve"):
        Budgets(system_reserve=0)


LIMITS = st.builds(
    Limits,
    retries=st.integers(0, 6),
    max_system_failures=st.integers(0, 5),
    interruptible=st.booleans(),
)
KINDS = st.lists(st.sampled_from([ErrorKind.SYSTEM, ErrorKind.USER]), max_size=20)


@given(LIMITS, KINDS, st.integers(1, 3))
def test_the_system_budget_is_never_left_empty_while_user_retries_remain(
    limits: Limits, kinds: list[ErrorKind], reserve: int
) -> None:
    """The law of spending, played against propeller's own accounting."""
    counters = Counters()
    for kind in kinds:
        budgets = Budgets.left(counters, limits, system_reserve=reserve)
        answer = spend(SYSTEM if kind is ErrorKind.SYSTEM else USER, budgets)
        assert answer.kind is not None
        outcome = flyte_1_16(counters, Failure(answer.kind), limits)
        if kind is ErrorKind.SYSTEM:
            # It ends only where neither budget could pay, and the backend agrees on what each can.
            assert outcome.retried == (budgets.user_left > 0 or budgets.system_left > 0)
            assert outcome.retried == answer.retried
        else:
            assert outcome.retried == answer.retried == (budgets.user_left > 0)
        if not outcome.retried:
            break
        spent_last = budgets.system_left > 0 and Budgets.left(outcome.counters, limits).system_left == 0
        assert not (spent_last and budgets.user_left > 0)
        counters = outcome.counters


@given(LIMITS)
def test_a_lasting_failure_of_the_platform_is_lived_through_as_long_as_both_budgets_last(limits: Limits) -> None:
    def attempts(wise: bool) -> int:
        counters, count = Counters(), 0
        while True:
            count += 1
            kind = spend(SYSTEM, Budgets.left(counters, limits)).kind if wise else ErrorKind.SYSTEM
            assert kind is not None
            outcome = flyte_1_16(counters, Failure(kind), limits)
            if not outcome.retried:
                return count
            counters = outcome.counters

    assert attempts(wise=False) == 1 + limits.max_system_failures
    assert attempts(wise=True) == 1 + limits.max_system_failures + limits.retries


def run(kinds: str, limits: Limits) -> tuple[int, Failure | None]:
    """Play failures (S or U) on 1.16; return how many attempts there were and the final error."""
    counters = Counters()
    for number, letter in enumerate(kinds, 1):
        kind = ErrorKind.SYSTEM if letter == "S" else ErrorKind.USER
        outcome = flyte_1_16(counters, Failure(kind, "Code", "message"), limits)
        if not outcome.retried:
            return number, outcome.final
        counters = outcome.counters
    return len(kinds), None


@pytest.mark.parametrize(
    ("kinds", "limits", "attempts", "code", "message"),
    [
        pytest.param(
            "SSSSSS",
            Limits(retries=5),
            4,
            "RetriesExhausted|Code",
            "[3/3] currentAttempt done. Last Error: SYSTEM::message",
            id="the fourth system failure ends the node, five user retries untouched",
        ),
        pytest.param(
            "UU",
            Limits(),
            1,
            "RetriesExhausted|Code",
            "[1/1] currentAttempt done. Last Error: USER::message",
            id="without retries the first user failure ends the node",
        ),
        pytest.param(
            "SUSUSUU",
            Limits(retries=3),
            7,
            "RetriesExhausted|Code",
            "[4/4] currentAttempt done. Last Error: USER::message",
            id="both budgets are counted apart",
        ),
        pytest.param(
            "SSSS",
            Limits(retries=2, ignore_retry_cause=True),
            3,
            "RetriesExhausted|Code",
            "[3/3] currentAttempt done. Last Error: SYSTEM::message",
            id="with ignore-retry-cause the kind has no effect",
        ),
        pytest.param(
            "UUU",
            Limits(default_max_attempts=3),
            3,
            "RetriesExhausted|Code",
            "[3/3] currentAttempt done. Last Error: USER::message",
            id="default-max-attempts serves a task without retries",
        ),
    ],
)
def test_flyte_1_16_counts(kinds: str, limits: Limits, attempts: int, code: str, message: str) -> None:
    count, final = run(kinds, limits)
    assert count == attempts
    assert final == Failure(ErrorKind.USER, code, message, recoverable=False)


def test_flyte_1_16_counts_a_fatal_system_failure_twice() -> None:
    outcome = flyte_1_16(Counters(), Failure(ErrorKind.SYSTEM, recoverable=False), Limits())
    assert outcome.counters == Counters(0, 2)
    assert not outcome.retried


@pytest.mark.parametrize(
    ("system_failures", "spot"),
    [(0, True), (1, True), (2, True), (3, False)],
)
def test_system_failures_take_an_interruptible_task_off_spot(system_failures: int, spot: bool) -> None:
    counters = Counters(system_failures, system_failures)
    assert runs_on_spot(counters, Limits(interruptible=True)) is spot
    assert not runs_on_spot(counters, Limits(interruptible=False))


@given(st.integers(1, 40))
def test_flyte_2_repeats_a_failing_pod_for_ever_since_its_counter_starts_again_with_each(times: int) -> None:
    counters = Counters()
    for _ in range(times):
        outcome = flyte_2(counters, Failure(ErrorKind.SYSTEM), Limits())
        assert outcome.retried
        counters = flyte_2_transition(outcome.counters)
    assert counters == Counters()


def test_flyte_2_ends_after_system_failures_without_a_transition_between() -> None:
    counters = Counters()
    for _ in range(3):
        outcome = flyte_2(counters, Failure(ErrorKind.SYSTEM), Limits())
        assert outcome.retried
        counters = outcome.counters
    last = flyte_2(counters, Failure(ErrorKind.SYSTEM), Limits())
    assert last.final is not None
    assert (last.final.kind, last.final.code) == (ErrorKind.SYSTEM, "MaxSystemFailuresExceeded")


def test_flyte_2_charges_user_failures_in_place() -> None:
    limits = Limits(retries=1)
    first = flyte_2(Counters(), Failure(ErrorKind.USER, "Code", "message"), limits)
    assert first.retried
    second = flyte_2(first.counters, Failure(ErrorKind.USER, "Code", "message"), limits)
    assert second.final == Failure(ErrorKind.USER, "Code", "message", recoverable=False)
