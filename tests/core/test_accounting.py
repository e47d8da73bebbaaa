"""Who pays for a failed attempt: the accounting against propeller's own code, and against a second telling of it.

Three witnesses. ``propeller_outcomes.jsonl`` is what flytepropeller 1.16.8's own ``NodeExecutor`` did, and
``taskaction_outcomes.jsonl`` what the ``TaskActionReconciler`` of Flyte 2 did. The tables below are derived by hand from the lines they name. The model tells the rules a second time, from the history of failures
instead of counters. All must agree, step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.accounting import (
    Counters,
    Failure,
    Limits,
    Outcome,
    flyte_1_16,
    flyte_2,
    flyte_2_transition,
    runs_on_spot,
)
from flytekitplugins_podtriage.core.model import Category, ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.spending import DISBELIEF, Action, Budgets, repeated, spend
from tests.recordings import rows

USER, SYSTEM, UNKNOWN = ErrorKind.USER, ErrorKind.SYSTEM, ErrorKind.UNKNOWN
LETTERS = {"U": USER, "S": SYSTEM, "N": UNKNOWN}


def failure(letter: str) -> Failure:
    """Return a failure: U, S or N for its kind, small where it may not be tried again."""
    return Failure(LETTERS[letter.upper()], "Code", "message", letter.isupper())


class Step(NamedTuple):
    """What became of one attempt."""

    spot: bool
    attempts: int
    system_failures: int
    retried: bool
    charged: ErrorKind


def play(failures: list[Failure], limits: Limits) -> tuple[list[Step], Failure | None]:
    """Play failures through the accounting of 1.16; return each step and the final error."""
    counters, steps = Counters(), []
    for one in failures:
        spot = runs_on_spot(counters, limits)
        outcome = flyte_1_16(counters, one, limits)
        counters = outcome.counters
        steps.append(Step(spot, counters.attempts, counters.system_failures, outcome.retried, outcome.charged))
        if not outcome.retried:
            return steps, outcome.final
    return steps, None


# The second telling of 1.16: what counts, and against what, by history.


class Budget(NamedTuple):
    """A budget of flytepropeller's: which failures count against it, and how many it bears."""

    counts: Callable[[Failure], bool]
    counts_this: int
    """1 where the failure in question is counted as well, 0 where only those before it are."""
    bears: Callable[[Limits], int]
    payer: ErrorKind


def min_attempts(limits: Limits) -> int:
    """RetryStrategy.MinAttempts where there are retries, else default-max-attempts (executor.go:846-849)."""
    return {0: limits.default_max_attempts}.get(limits.retries, limits.retries + 1)


def is_system(one: Failure) -> bool:
    return one.kind is SYSTEM


BUDGETS_1_16 = {
    # (ignore-retry-cause, the failure is SYSTEM): executor.go:831-851
    (False, True): Budget(is_system, 0, lambda limits: limits.max_system_failures, SYSTEM),
    (False, False): Budget(lambda one: not is_system(one), 1, min_attempts, USER),
    (True, True): Budget(lambda _: True, 1, min_attempts, USER),
    (True, False): Budget(lambda _: True, 1, min_attempts, USER),
}

SPOT_1_16 = {
    # ignore-retry-cause: what is counted, and how many there may be (node_exec_context.go:287-306)
    False: Budget(is_system, 0, lambda limits: limits.max_system_failures + 1, SYSTEM),
    True: Budget(lambda _: True, 0, min_attempts, USER),
}


def model_1_16(failures: list[Failure], limits: Limits) -> tuple[list[Step], Failure | None]:
    """Do what :func:`play` does, by the tables above."""
    steps: list[Step] = []
    for number, one in enumerate(failures):
        before = failures[:number]
        budget = BUDGETS_1_16[limits.ignore_retry_cause, is_system(one)]
        current, bears = sum(map(budget.counts, before)) + budget.counts_this, budget.bears(limits)
        retried = one.recoverable and current < bears
        # executor.go:1220-1233: a SYSTEM error is counted when it is seen, and once more if the node ends by it; an
        # exhausted budget has made it a USER error by then (:886-892). Attempts are counted when retried (:1349).
        weight = 1 if retried else 0 if one.recoverable else 2
        system_failures = sum(map(is_system, before)) + weight * is_system(one)
        spot = limits.interruptible and model_on_spot(before, limits)
        steps.append(Step(spot, number + retried, system_failures, retried, budget.payer))
        if retried:
            continue
        if not one.recoverable:
            return steps, one
        said = f"[{current}/{bears}] currentAttempt done. Last Error: {one.kind.value}::{one.message}"
        return steps, Failure(USER, f"RetriesExhausted|{one.code}", said, recoverable=False)
    return steps, None


def model_on_spot(before: list[Failure], limits: Limits) -> bool:
    """Whether an interruptible task's next attempt is on an interruptible node (node_exec_context.go:248-306)."""
    of = SPOT_1_16[limits.ignore_retry_cause]
    counted, most = sum(map(of.counts, before)), of.bears(limits)
    threshold = limits.interruptible_failure_threshold
    if limits.ignore_retry_cause and not before:
        return True  # :294, the first attempt always is
    if threshold > 0:
        return counted < threshold
    return -threshold > most or counted < most + threshold  # uint32: below zero is far above every count


LIMITS = st.builds(
    Limits,
    retries=st.integers(0, 8),
    max_system_failures=st.integers(0, 6),
    default_max_attempts=st.integers(1, 4),
    ignore_retry_cause=st.booleans(),
    interruptible=st.booleans(),
    interruptible_failure_threshold=st.integers(-8, 8),
)
FAILURES = st.lists(st.sampled_from([failure(letter) for letter in "UUUSSSNus"]), max_size=24)


@given(FAILURES, LIMITS)
def test_both_tellings_of_1_16_agree_at_every_step(failures: list[Failure], limits: Limits) -> None:
    assert model_1_16(failures, limits) == play(failures, limits)


def recorded(row: dict[str, Any]) -> tuple[Limits, list[Failure], list[Step], Failure | None]:
    """Return a row of propeller's own outcomes as its limits, its failures, and what became of them."""
    limits = Limits(**{field.name: row[field.name] for field in attrs.fields(Limits)})
    final = row["final"]
    failures, steps = [], []
    for number, (kind, recoverable, spot, attempts, system_failures) in enumerate(row["steps"], 1):
        one = Failure(ErrorKind(kind), "Code", "message", recoverable)
        retried = final is None or number < len(row["steps"])
        charged = SYSTEM if is_system(one) and not limits.ignore_retry_cause else USER
        failures.append(one)
        steps.append(Step(spot, attempts, system_failures, retried, charged))
    said = None if final is None else Failure(ErrorKind(final[0]), final[1], final[2], recoverable=False)
    return limits, failures, steps, said


OUTCOMES = [recorded(row) for row in rows("propeller_outcomes.jsonl")]


@pytest.mark.parametrize("told", [play, model_1_16])
def test_propellers_own_executor_did_the_same(told: Callable[..., Any]) -> None:
    wrong = [
        (number, limits, told(failures, limits), (steps, final))
        for number, (limits, failures, steps, final) in enumerate(OUTCOMES, 1)
        if told(failures, limits) != (steps, final)
    ]
    assert not wrong, wrong[:3]


def test_propellers_outcomes_cover_what_can_happen() -> None:
    seen = {
        (limits.ignore_retry_cause, one.kind, one.recoverable, step.retried)
        for limits, failures, steps, _ in OUTCOMES
        for one, step in zip(failures, steps, strict=True)
    }
    kinds = [(kind, recoverable) for kind in (USER, SYSTEM) for recoverable in (True, False)]
    for ignore in (True, False):
        for kind, recoverable in kinds:
            assert (ignore, kind, recoverable, False) in seen
            assert (ignore, kind, True, True) in seen
        assert (ignore, UNKNOWN, True, True) in seen
    off = [limits for limits, _, steps, _ in OUTCOMES if limits.interruptible and not all(step.spot for step in steps)]
    assert {limits.ignore_retry_cause for limits in off} == {True, False}


RETRIES = "RetriesExhausted|Code"
DONE = "currentAttempt done. Last Error:"


@pytest.mark.parametrize(
    ("letters", "limits", "counters", "final"),
    [
        pytest.param("U", Limits(), ["0/0"], (RETRIES, f"[1/1] {DONE} USER::message"), id="no retry at all"),
        pytest.param(
            "SSSS",
            Limits(),
            ["1/1", "2/2", "3/3", "3/3"],
            (RETRIES, f"[3/3] {DONE} SYSTEM::message"),
            id="the platform's budget serves a task without retries (executor.go:834-838)",
        ),
        pytest.param(
            "SUSSS",
            Limits(retries=1),
            ["1/1", "2/1", "3/2", "4/3", "4/3"],
            (RETRIES, f"[3/3] {DONE} SYSTEM::message"),
            id="a user's failure between leaves the platform's budget as it is",
        ),
        pytest.param(
            "SSSUU",
            Limits(retries=1),
            ["1/1", "2/2", "3/3", "4/3", "4/3"],
            (RETRIES, f"[2/2] {DONE} USER::message"),
            id="an empty budget of the platform's is no end by itself (:842)",
        ),
        pytest.param(
            "NN",
            Limits(retries=1),
            ["1/0", "1/0"],
            (RETRIES, f"[2/2] {DONE} UNKNOWN::message"),
            id="an unknown kind is the user's (:834)",
        ),
        pytest.param("u", Limits(retries=5), ["0/0"], ("Code", "message"), id="the user's own for good"),
        pytest.param("s", Limits(retries=5), ["0/2"], ("Code", "message"), id="the platform's for good (:1221, :1232)"),
        pytest.param(
            "SSs", Limits(), ["1/1", "2/2", "2/4"], ("Code", "message"), id="and so the count passes its limit"
        ),
        pytest.param(
            "S",
            Limits(retries=3, max_system_failures=0),
            ["0/0"],
            (RETRIES, f"[0/0] {DONE} SYSTEM::message"),
            id="without a budget of the platform's its first failure ends the node, whatever the user has left",
        ),
        pytest.param(
            "SUS",
            Limits(retries=2, ignore_retry_cause=True),
            ["1/1", "2/1", "2/1"],
            (RETRIES, f"[3/3] {DONE} SYSTEM::message"),
            id="ignore-retry-cause: one budget, though failures of the platform's are still counted (:831)",
        ),
        pytest.param(
            "S",
            Limits(ignore_retry_cause=True),
            ["0/0"],
            (RETRIES, f"[1/1] {DONE} SYSTEM::message"),
            id="ignore-retry-cause: without retries no failure of the platform's is lived through",
        ),
        pytest.param(
            "UU",
            Limits(default_max_attempts=2),
            ["1/0", "1/0"],
            (RETRIES, f"[2/2] {DONE} USER::message"),
            id="default-max-attempts serves a task without retries (:846)",
        ),
        pytest.param(
            "UU",
            Limits(retries=1, default_max_attempts=9),
            ["1/0", "1/0"],
            (RETRIES, f"[2/2] {DONE} USER::message"),
            id="and no other (:847)",
        ),
    ],
)
def test_flyte_1_16_by_hand(letters: str, limits: Limits, counters: list[str], final: tuple[str, str]) -> None:
    steps, error = play([failure(letter) for letter in letters], limits)

    assert [f"{step.attempts}/{step.system_failures}" for step in steps] == counters
    assert error is not None
    assert (error.code, error.message) == final
    last = failure(letters[-1])
    assert error.kind is (USER if last.recoverable else last.kind)  # whoever was at fault (:888)


@pytest.mark.parametrize(
    ("letters", "limits", "spots"),
    [
        pytest.param("SSS", Limits(), "yyyn", id="the last attempt of the platform's budget is off spot (:302)"),
        pytest.param("UUUU", Limits(retries=9), "yyyyy", id="the user's failures change nothing"),
        pytest.param("SS", Limits(interruptible_failure_threshold=1), "ynn", id="a positive threshold counts from the start"),
        pytest.param("SS", Limits(interruptible_failure_threshold=-3), "ynn", id="a negative one from the end"),
        pytest.param("SSS", Limits(interruptible_failure_threshold=0), "yyyy", id="none: to the end"),
        pytest.param("SSS", Limits(interruptible_failure_threshold=-4), "nnnn", id="all of them: never"),
        pytest.param("SSS", Limits(interruptible_failure_threshold=-5), "yyyy", id="more than all wraps around in uint32"),
        pytest.param(
            "USU", Limits(retries=3, ignore_retry_cause=True), "yyyn", id="ignore-retry-cause: attempts of either kind (:296)"
        ),
        pytest.param(
            "U", Limits(retries=1, ignore_retry_cause=True), "yn", id="ignore-retry-cause: the first is on spot, the last not"
        ),
    ],
)  # fmt: skip
def test_interruptible_nodes_by_hand(letters: str, limits: Limits, spots: str) -> None:
    limits = attrs.evolve(limits, interruptible=True)
    steps, final = play([failure(letter) for letter in letters], limits)
    assert final is None
    after = Counters(steps[-1].attempts, steps[-1].system_failures)

    assert "".join("ny"[spot] for spot in [*(step.spot for step in steps), runs_on_spot(after, limits)]) == spots
    assert not any(step.spot for step in play([failure("S")], attrs.evolve(limits, interruptible=False))[0])


# Flyte 2, as a table of transitions.


class Change(NamedTuple):
    """What taskaction_controller.go does to the counters on one kind of transition."""

    attempts: int
    system_failures: Callable[[int], int]
    retried: bool | None
    """None: by the limit of the counter that moves."""


CHANGES_2 = {
    # :445-446 and :233, recordSystemError: consecutive ones are counted, attempts are not touched
    "S": Change(0, lambda n: n + 1, None),
    # :452, then :456-485: the counter starts again, and the attempt is made again in place or not
    "U": Change(1, lambda _: 0, None),
    "N": Change(1, lambda _: 0, None),
    "u": Change(0, lambda _: 0, False),
    "s": Change(0, lambda _: 0, False),
    ".": Change(0, lambda _: 0, True),
}
"""A letter as above; ``.`` is a transition that is no failure, a new pod's Queued for one."""


def model_2(letters: str, limits: Limits) -> tuple[list[tuple[int, int, bool]], Failure | None]:
    """Return the counters and whether it goes on after each transition, and the final error."""
    attempts = system_failures = 0
    told = []
    for letter in letters:
        change = CHANGES_2[letter]
        system_failures = change.system_failures(system_failures)
        goes_on = change.retried
        if goes_on is None:
            # :234 and :151 (0 means the default of 3); :461 with retries + 1 attempts (task_exec_metadata.go:218)
            goes_on = (
                system_failures <= (limits.max_system_failures or 3)
                if letter == "S"
                else attempts + 1 <= limits.retries
            )
        attempts += change.attempts if goes_on else 0
        told.append((attempts, system_failures, goes_on))
        if not goes_on:
            last = failure(letter)
            if letter == "S":
                said = f'plugin "pod" failed with system error {system_failures} times: [Code] message'  # :238, :145
                return told, Failure(SYSTEM, "MaxSystemFailuresExceeded", said, recoverable=False)
            return told, attrs.evolve(last, recoverable=False)
    return told, None


def play_2(letters: str, limits: Limits) -> tuple[list[tuple[int, int, bool]], Failure | None]:
    counters, told = Counters(), []
    for letter in letters:
        if letter == ".":
            counters = flyte_2_transition(counters)
            told.append((counters.attempts, counters.system_failures, True))
            continue
        outcome = flyte_2(counters, failure(letter), limits)
        counters = outcome.counters
        told.append((counters.attempts, counters.system_failures, outcome.retried))
        assert outcome.charged is (SYSTEM if letter in "Ss" else USER)
        if not outcome.retried:
            return told, outcome.final
    return told, None


@given(st.text("SSSSUUN.us", max_size=24), LIMITS)
def test_both_tellings_of_flyte_2_agree_at_every_step(letters: str, limits: Limits) -> None:
    assert model_2(letters, limits) == play_2(letters, limits)


@pytest.mark.parametrize(
    ("letters", "limits", "goes_on", "final"),
    [
        pytest.param("S.S.S.S.S.S.", Limits(), True, None, id="a pod that fails again and again is never given up"),
        pytest.param("SSSS", Limits(retries=9), False, "MaxSystemFailuresExceeded", id="unless nothing lies between"),
        pytest.param("SSSS", Limits(max_system_failures=0), False, "MaxSystemFailuresExceeded", id="0 means 3"),
        pytest.param("SSS", Limits(max_system_failures=0), True, None, id="and not none"),
        pytest.param("U", Limits(default_max_attempts=3), False, "Code", id="there is no default-max-attempts"),
        pytest.param("UU", Limits(retries=1, ignore_retry_cause=True), False, "Code", id="nor an ignore-retry-cause"),
    ],
)
def test_flyte_2_by_hand(letters: str, limits: Limits, goes_on: bool, final: str | None) -> None:
    told, error = play_2(letters, limits)
    assert (told[-1][2], len(told)) == (goes_on, len(letters))
    assert (error.code if error is not None else None) == final


TRANSITIONS = rows("taskaction_outcomes.jsonl")


@pytest.mark.parametrize("told", [play_2, model_2])
def test_flyte_2s_own_reconciler_did_the_same(told: Callable[..., Any]) -> None:
    wrong = []
    for row in TRANSITIONS:
        limits = Limits(retries=row["retries"], max_system_failures=row["max_system_failures"])
        steps, error = told(row["transitions"], limits)
        last = len(row["steps"]) if row["final"] is not None else 0
        expected = [(*counters, number != last) for number, counters in enumerate(row["steps"], 1)]
        # The resource has no word for an unknown kind (errorStateFromExecError).
        final = None if error is None else [error.kind.value.replace("UNKNOWN", ""), error.code, error.message]
        if (steps, final) != (expected, row["final"]):
            wrong.append((row, steps, final))
    assert not wrong, wrong[:3]


def test_flyte_2s_outcomes_cover_what_can_happen() -> None:
    ends = {(row["transitions"][-1], row["final"][1]) for row in TRANSITIONS if row["final"] is not None}
    assert ends == {("S", "MaxSystemFailuresExceeded"), *((letter, "Code") for letter in "UNsu")}
    assert {letter for row in TRANSITIONS for letter in row["transitions"]} == set(CHANGES_2)


# Spending, composed with the accounting.


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
    """Play verdicts as the connector does: the wise kind is told, and 1.16 accounts for it."""
    counters, told = Counters(), []
    rules: list[str] = []
    for one in verdicts:
        budgets = Budgets.left(counters, limits, system_reserve=reserve)
        answer = spend(one, budgets, repeated=repeated(rules, one.rule))
        assert answer.kind is not None
        outcome = flyte_1_16(
            counters, Failure(answer.kind, "Code", "message", one.phase is Phase.RETRYABLE_FAILURE), limits
        )
        told.append((one, budgets, answer.action, outcome))
        if not outcome.retried:
            break
        counters = outcome.counters
        rules.append(one.rule)
    return told


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

    told = spent([verdict(SYSTEM, Phase.RETRYABLE_FAILURE, rule) for rule in rules], limits, reserve)

    assert len(told) == 1 + begun.user_left + begun.system_left
    assert [one[2] for one in told][-1] is Action.END


@given(LIMITS, st.integers(1, 3))
def test_a_task_that_is_preempted_again_and_again_has_its_last_attempt_off_spot(limits: Limits, reserve: int) -> None:
    limits = attrs.evolve(limits, interruptible=True, interruptible_failure_threshold=-1, ignore_retry_cause=False)

    told = spent([verdict(SYSTEM, Phase.RETRYABLE_FAILURE, "preempted")] * 40, limits, reserve)

    before_last = told[-2][3].counters if len(told) > 1 else Counters()
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
    told = spent([verdict(SYSTEM, Phase.RETRYABLE_FAILURE, f"{n % 2}") for n in range(40)], limits, 1)

    assert "".join(outcome.charged[0] for *_, outcome in told) == charged


def test_a_verdict_that_only_repeats_itself_is_the_users_to_pay_first() -> None:
    told = spent([verdict(SYSTEM, Phase.RETRYABLE_FAILURE, "same")] * 40, Limits(retries=2, max_system_failures=9), 1)

    charged = "".join(outcome.charged[0] for *_, outcome in told)
    assert charged == "S" * DISBELIEF + "UU" + "S" * 7
