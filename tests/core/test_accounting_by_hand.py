"""Failures are accounted for, and attempts put on spot nodes, as the lines of each Flyte's code say."""

from __future__ import annotations

import attrs
import pytest

from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits, flyte_2, runs_on_spot
from flytekitplugins_podtriage.core.model import ErrorKind
from tests.core.played_failures import USER, failure, play, play_2

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
    steps, error = play_2(letters, limits)
    assert (steps[-1][2], len(steps)) == (goes_on, len(letters))
    assert (error.code if error is not None else None) == final


def test_with_ignore_retry_cause_attempts_take_a_task_off_spot() -> None:
    limits = Limits(retries=2, interruptible=True, ignore_retry_cause=True)
    assert [runs_on_spot(Counters(number), limits) for number in range(3)] == [True, True, False]


def test_a_positive_threshold_counts_from_the_start() -> None:
    limits = Limits(interruptible=True, interruptible_failure_threshold=1)
    assert [runs_on_spot(Counters(number, number), limits) for number in range(2)] == [True, False]


def test_flyte_2_does_not_repeat_what_cannot_be_mended() -> None:
    failure = Failure(ErrorKind.USER, "Code", "m", recoverable=False)
    outcome = flyte_2(Counters(1, 2), failure, Limits(retries=9))
    assert (outcome.retried, outcome.final, outcome.counters) == (False, failure, Counters(1, 0))
