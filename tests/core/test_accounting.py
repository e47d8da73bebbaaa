"""Failures are accounted for as the code of each Flyte does it, and as a model of it does, step by step.

Three witnesses. ``propeller_outcomes.jsonl`` is what flytepropeller 1.16.8's own ``NodeExecutor`` did, and
``taskaction_outcomes.jsonl`` what the ``TaskActionReconciler`` of Flyte 2 did. The tables below are derived by hand from
the lines they name. The model tells the rules a second time, from the history of failures instead of counters. All must
agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.accounting import Failure, Limits
from flytekitplugins_podtriage.core.model import ErrorKind
from tests.core.played_failures import LIMITS, SYSTEM, UNKNOWN, USER, Step, failure, play, play_2
from tests.recordings import rows

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
        message = f"[{current}/{bears}] currentAttempt done. Last Error: {one.kind.value}::{one.message}"
        return steps, Failure(USER, f"RetriesExhausted|{one.code}", message, recoverable=False)
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
    error = None if final is None else Failure(ErrorKind(final[0]), final[1], final[2], recoverable=False)
    return limits, failures, steps, error


OUTCOMES = [recorded(row) for row in rows("propeller_outcomes.jsonl")]


@pytest.mark.parametrize("player", [play, model_1_16])
def test_propellers_own_executor_did_the_same(player: Callable[..., Any]) -> None:
    wrong = [
        (number, limits, player(failures, limits), (steps, final))
        for number, (limits, failures, steps, final) in enumerate(OUTCOMES, 1)
        if player(failures, limits) != (steps, final)
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
    steps = []
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
        steps.append((attempts, system_failures, goes_on))
        if not goes_on:
            last = failure(letter)
            if letter == "S":
                message = f'plugin "pod" failed with system error {system_failures} times: [Code] message'  # :238, :145
                return steps, Failure(SYSTEM, "MaxSystemFailuresExceeded", message, recoverable=False)
            return steps, attrs.evolve(last, recoverable=False)
    return steps, None


@given(st.text("SSSSUUN.us", max_size=24), LIMITS)
def test_both_tellings_of_flyte_2_agree_at_every_step(letters: str, limits: Limits) -> None:
    assert model_2(letters, limits) == play_2(letters, limits)


TRANSITIONS = rows("taskaction_outcomes.jsonl")


@pytest.mark.parametrize("player", [play_2, model_2])
def test_flyte_2s_own_reconciler_did_the_same(player: Callable[..., Any]) -> None:
    wrong = []
    for row in TRANSITIONS:
        limits = Limits(retries=row["retries"], max_system_failures=row["max_system_failures"])
        steps, error = player(row["transitions"], limits)
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
