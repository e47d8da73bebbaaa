"""Which budget paid, as far as a record tells."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.flyte.charge import charged_kind

USER, SYSTEM, UNKNOWN = ErrorKind.USER, ErrorKind.SYSTEM, ErrorKind.UNKNOWN


@pytest.mark.parametrize(
    ("code", "message", "reported", "expected"),
    [
        ("Interrupted", "gone", SYSTEM, SYSTEM),
        ("RetriesExhausted|Interrupted", "[3/3] currentAttempt done. Last Error: SYSTEM::gone", USER, SYSTEM),
        ("RetriesExhausted|X", "[1/1] currentAttempt done. Last Error: USER::SYSTEM::x", USER, USER),
        ("RetriesExhausted|X", "[1/1] currentAttempt done. Last Error: UNKNOWN::x", USER, UNKNOWN),
        ("RetriesExhausted|X", "cut short", USER, USER),
        ("X", "[1/1] currentAttempt done. Last Error: SYSTEM::x", USER, SYSTEM),
        ("X", "throw std::runtime_error, SYSTEM::failure()", USER, USER),
        ("Task Aborted", "task execution timeout [5m0s] expired", UNKNOWN, USER),
        ("Task Aborted", "node failing", UNKNOWN, UNKNOWN),
        ("X", "task execution timeout [5m0s] expired", SYSTEM, SYSTEM),
    ],
)
def test_the_wrapping_of_a_last_error_tells_the_true_kind(
    code: str, message: str, reported: ErrorKind, expected: ErrorKind
) -> None:
    assert expected is charged_kind(code, message, reported)
