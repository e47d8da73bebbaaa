"""Failures, the limits they meet, and what the accounting of each Flyte makes of them, step by step."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from flytekitplugins_podtriage.core.accounting import (
    Counters,
    Failure,
    Limits,
    flyte_1_16,
    flyte_2,
    flyte_2_transition,
    runs_on_spot,
)
from flytekitplugins_podtriage.core.model import ErrorKind

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


def play_2(letters: str, limits: Limits) -> tuple[list[tuple[int, int, bool]], Failure | None]:
    counters, steps = Counters(), []
    for letter in letters:
        if letter == ".":
            counters = flyte_2_transition(counters)
            steps.append((counters.attempts, counters.system_failures, True))
            continue
        outcome = flyte_2(counters, failure(letter), limits)
        counters = outcome.counters
        steps.append((counters.attempts, counters.system_failures, outcome.retried))
        assert outcome.charged is (SYSTEM if letter in "Ss" else USER)
        if not outcome.retried:
            return steps, outcome.final
    return steps, None


LIMITS = st.builds(
    Limits,
    retries=st.integers(0, 8),
    max_system_failures=st.integers(0, 6),
    default_max_attempts=st.integers(1, 4),
    ignore_retry_cause=st.booleans(),
    interruptible=st.booleans(),
    interruptible_failure_threshold=st.integers(-8, 8),
)
