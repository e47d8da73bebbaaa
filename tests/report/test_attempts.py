"""Recorded attempts, diagnosed by their messages."""

from __future__ import annotations

from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.report.attempts import diagnose_attempt


def row(number: int, message: str = "toomanyrequests: 429 Too Many Requests", **more: object) -> Attempt:
    facts = {"reported": ErrorKind.USER, "node": "n0", "retry_attempt": number, "failed": True, **more}
    return Attempt(message=message, **facts)  # type: ignore[arg-type]


def test_an_unknown_cause_is_never_called_wrong() -> None:
    assert diagnose_attempt(row(0, "nobody knows this")).unknown
    assert not diagnose_attempt(row(0, "nobody knows this")).wrongly_charged
    assert diagnose_attempt(row(0)).wrongly_charged
    assert not diagnose_attempt(row(0, reported=ErrorKind.UNKNOWN)).wrongly_charged
