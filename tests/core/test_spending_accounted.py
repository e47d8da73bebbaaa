"""What spending foretells of each budget is what the accounting of Flyte 1.16 does with it."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits, Outcome, flyte_1_16, runs_on_spot
from flytekitplugins_podtriage.core.model import Category, ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.spending import DISBELIEF, Action, Budgets, repeated, spend
from tests.core.played_failures import LIMITS, SYSTEM, USER


def verdict(kind: ErrorKind, phase: Phase, rule: str) -> Verdict:
    return Verdict(phase, kind, "Code", "message", cleanup=True, category=Category.UNKNOWN, rule=rule)


VERDICTS = st.lists(
    st.builds(
        verdict,
        st.sampled_from([USER, SYSTEM, SYSTEM]),
        st.sampled_from([Phase.RETRYABLE_FAILURE] * 7 + [Phase.PERMANENT_FAILURE]),
        st.sampled_from(["a", "a", "a", "b"]),
    ),
    max_size=30,
)


def spent(verdicts: list[Verdict], limits: Limits, reserve: int) -> list[tuple[Verdict, Budgets, Action, Outcome]]:
    """Play verdicts as the connector does: the chosen kind is reported, and 1.16 accounts for it."""
    counters, attempts = Counters(), []
    rules: list[str] = []
    for one in verdicts:
        budgets = Budgets.left(counters, limits, system_reserve=reserve)
        answer = spend(one, budgets, repeated=repeated(rules, one.rule))
        assert answer.kind is not None
        outcome = flyte_1_16(
            counters, Failure(answer.kind, "Code", "message", one.phase is Phase.RETRYABLE_FAILURE), limits
        )
        attempts.append((one, budgets, answer.action, outcome))
        if not outcome.retried:
            break
        counters = outcome.counters
        rules.append(one.rule)
    return attempts


@given(VERDICTS, LIMITS, st.integers(1, 3))
def test_what_spending_foretells_is_what_1_16_does(verdicts: list[Verdict], limits: Limits, reserve: int) -> None:
    for _, budgets, action, outcome in spent(verdicts, limits, reserve):
        assert outcome.retried == (action is not Action.END)
        if not outcome.retried:
            continue
        left = Budgets.left(outcome.counters, limits, system_reserve=reserve)
        paid = (budgets.user_left - left.user_left, budgets.system_left - left.system_left)
        assert paid == ((0, 1) if action is Action.SYSTEM else (1, 0))


@given(VERDICTS, LIMITS, st.integers(1, 3))
def test_no_task_ends_while_either_budget_could_still_pay_for_it(
    verdicts: list[Verdict], limits: Limits, reserve: int
) -> None:
    for one, budgets, _, outcome in spent(verdicts, limits, reserve):
        if outcome.retried or one.phase is Phase.PERMANENT_FAILURE:
            continue
        assert budgets.user_left == 0
        assert one.kind is USER or budgets.system_left == 0


@given(VERDICTS, LIMITS, st.integers(1, 3))
def test_while_user_retries_remain_the_platforms_budget_is_never_emptied(
    verdicts: list[Verdict], limits: Limits, reserve: int
) -> None:
    for _, budgets, action, outcome in spent(verdicts, limits, reserve):
        left = Budgets.left(outcome.counters, limits)
        if outcome.retried and action is Action.SYSTEM and left.system_left == 0:
            assert budgets.user_left == left.user_left == 0


@given(VERDICTS, LIMITS, st.integers(1, 3))
def test_a_failure_of_the_users_own_is_never_the_platforms_to_pay(
    verdicts: list[Verdict], limits: Limits, reserve: int
) -> None:
    for one, _, _, outcome in spent(verdicts, limits, reserve):
        assert one.kind is SYSTEM or outcome.charged is USER


@given(LIMITS, st.integers(1, 3), st.lists(st.sampled_from("abc"), min_size=40, max_size=40))
def test_a_platform_that_fails_for_ever_is_lived_through_as_long_as_there_is_anything_left(
    limits: Limits, reserve: int, rules: list[str]
) -> None:
    begun = Budgets.left(Counters(), limits)

    attempts = spent([verdict(SYSTEM, Phase.RETRYABLE_FAILURE, rule) for rule in rules], limits, reserve)

    assert len(attempts) == 1 + begun.user_left + begun.system_left
    assert [one[2] for one in attempts][-1] is Action.END


@given(LIMITS, st.integers(1, 3))
def test_a_task_that_is_preempted_again_and_again_has_its_last_attempt_off_spot(limits: Limits, reserve: int) -> None:
    limits = attrs.evolve(limits, interruptible=True, interruptible_failure_threshold=-1, ignore_retry_cause=False)

    attempts = spent([verdict(SYSTEM, Phase.RETRYABLE_FAILURE, "preempted")] * 40, limits, reserve)

    before_last = attempts[-2][3].counters if len(attempts) > 1 else Counters()
    assert not runs_on_spot(before_last, limits)


@pytest.mark.parametrize(
    ("limits", "charged"),
    [
        pytest.param(Limits(retries=10), "SS" + "U" * 10 + "SS", id="two, the user's ten, and the reserve"),
        pytest.param(Limits(), "SSSS", id="without user retries the reserve is all there is"),
        pytest.param(Limits(retries=2, max_system_failures=0), "UUS", id="without a budget of the platform's"),
        pytest.param(Limits(retries=2, ignore_retry_cause=True), "UUU", id="with one budget for both"),
    ],
)
def test_a_lasting_rate_limit_by_hand(limits: Limits, charged: str) -> None:
    attempts = spent([verdict(SYSTEM, Phase.RETRYABLE_FAILURE, f"{n % 2}") for n in range(40)], limits, 1)

    assert "".join(outcome.charged[0] for *_, outcome in attempts) == charged


def test_a_verdict_that_only_repeats_itself_is_the_users_to_pay_first() -> None:
    attempts = spent(
        [verdict(SYSTEM, Phase.RETRYABLE_FAILURE, "same")] * 40, Limits(retries=2, max_system_failures=9), 1
    )

    charged = "".join(outcome.charged[0] for *_, outcome in attempts)
    assert charged == "S" * DISBELIEF + "UU" + "S" * 7
