"""Which budget paid for a failure, as far as its record tells."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits, charged_kind, flyte_1_16
from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.model import ErrorKind

USER, SYSTEM, UNKNOWN = ErrorKind.USER, ErrorKind.SYSTEM, ErrorKind.UNKNOWN
LAST = "[1/1] currentAttempt done. Last Error: "
SPENT = "RetriesExhausted|"
ATTEMPT_TIMEOUT = "task execution timeout [5m0s] expired"
NODE_TIMEOUT = "task active timeout [10m0s] expired"


@pytest.mark.parametrize(
    ("code", "message", "reported", "expected"),
    [
        # A plain error is as reported, whatever it quotes.
        ("Interrupted", "gone", SYSTEM, SYSTEM),
        ("OOMKilled", "killed", USER, USER),
        ("ContainersNotReady|ImagePullBackOff", "Grace period [3m0s] exceeded|...", USER, USER),
        ("", "", UNKNOWN, UNKNOWN),
        ("X", "throw std::runtime_error, SYSTEM::failure()", USER, USER),
        ("X", f"FlyteAssertion: {LAST}SYSTEM::x", USER, USER),
        # A node whose retries are spent ends as USER; the message holds the kind of its last error.
        (f"{SPENT}Interrupted", "[3/3] currentAttempt done. Last Error: SYSTEM::gone", USER, SYSTEM),
        (f"{SPENT}ContainersNotReady|ImagePullBackOff", f"{LAST}USER::Grace period [3m0s] exceeded|", USER, USER),
        (f"{SPENT}X", f"{LAST}USER::SYSTEM::x", USER, USER),
        (f"{SPENT}X", f"{LAST}USER::{LAST}SYSTEM::x", USER, USER),
        (f"{SPENT}X", f"{LAST}UNKNOWN::x", USER, UNKNOWN),
        (f"{SPENT}X", f"\n{LAST}SYSTEM::x", USER, SYSTEM),
        (f"{SPENT}X", f"Traceback: {LAST}SYSTEM::x", USER, SYSTEM),
        (f"{SPENT}X", "cut short", USER, USER),
        (f"{SPENT}X", f"{LAST}", USER, USER),
        (SPENT, f"[0/0]{LAST[5:]}SYSTEM::message", USER, SYSTEM),
        ("X", f"{LAST}SYSTEM::x", USER, SYSTEM),
        ("X", f"{5000 * ' '}{LAST}SYSTEM::x", USER, USER),
        # Timeouts are the user's, however they are recorded.
        ("Task Aborted", ATTEMPT_TIMEOUT, UNKNOWN, USER),
        ("Task Aborted", NODE_TIMEOUT, UNKNOWN, USER),
        ("Task Aborted", "node timed out", UNKNOWN, USER),
        ("Task Aborted", ATTEMPT_TIMEOUT, None, USER),
        ("TimeoutExpired", ATTEMPT_TIMEOUT, USER, USER),
        ("TimeoutExpired", ATTEMPT_TIMEOUT, UNKNOWN, USER),
        (f"{SPENT}TimeoutExpired", f"{LAST}USER::{ATTEMPT_TIMEOUT}", USER, USER),
        # An attempt that was aborted for another reason was charged to nobody that its record names.
        ("Task Aborted", "node failing", UNKNOWN, UNKNOWN),
        ("Task Aborted", "user aborted the execution", UNKNOWN, UNKNOWN),
        ("X", ATTEMPT_TIMEOUT, SYSTEM, SYSTEM),
        ("X", ATTEMPT_TIMEOUT, UNKNOWN, UNKNOWN),
        # A line of an audit may hold a message alone.
        ("", "x", None, None),
        ("", "SYSTEM::x", None, SYSTEM),
        ("", f"{LAST}USER::x", None, USER),
        ("", "it said SYSTEM::x", None, None),
    ],
)
def test_the_budget_that_paid_is_read_from_the_record(
    code: str, message: str, reported: ErrorKind | None, expected: ErrorKind | None
) -> None:
    assert charged_kind(code, message, reported) is expected
    assert Attempt(code=code, message=message, reported=reported).charged is expected


@pytest.mark.parametrize("kind", [USER, SYSTEM])
@pytest.mark.parametrize("code", ["Interrupted", "ContainersNotReady|ImagePullBackOff", "TimeoutExpired", ""])
@pytest.mark.parametrize("counters", [Counters(), Counters(3, 3), Counters(1, 0)])
def test_the_record_of_an_accounted_failure_names_the_budget_that_paid(
    kind: ErrorKind, code: str, counters: Counters
) -> None:
    """What the accounting leaves as the final error is read back as the budget that it charged."""
    outcome = flyte_1_16(counters, Failure(kind, code, "message"), Limits(retries=1))
    final = outcome.final or Failure(kind, code, "message")
    assert charged_kind(final.code, final.message, final.kind) is outcome.charged
