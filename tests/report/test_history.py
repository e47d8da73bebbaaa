"""The history of an execution."""

from __future__ import annotations

from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.report.console.history import MAX_ATTEMPTS, HistoryView
from flytekitplugins_podtriage.report.history import build_history
from flytekitplugins_podtriage.report.html import history as page_history
from tests.report.rendering import shown


def row(number: int, message: str = "toomanyrequests: 429 Too Many Requests", **more: object) -> Attempt:
    facts = {"reported": ErrorKind.USER, "node": "n0", "retry_attempt": number, "failed": True, **more}
    return Attempt(message=message, **facts)  # type: ignore[arg-type]


def test_a_history_tells_each_attempt_and_each_node_s_last_failure() -> None:
    attempts = [row(1, "Traceback (most recent call last): KeyError"), row(0, retries=1), row(0, node="n1")]
    history = build_history("f1", "p d", attempts)
    assert history.failing
    assert [one.attempt.retry_attempt for one in history.attempts] == [0, 1, 0]
    assert [(failure.node, failure.attempt, failure.category) for failure in history.node_failures] == [
        ("n0", 2, "app_error"),
        ("n1", 1, "registry_rate_limited"),
    ]
    text = shown(HistoryView(history))
    assert "2 of 3 failed attempts were wrongly charged to user retries" in text
    assert "based on error messages only" in text
    page = page_history.page(history)
    assert "Based on error messages only" in page
    assert page.count("<h3>") == 2


def test_an_execution_whose_last_attempt_did_well_has_not_failed() -> None:
    history = build_history("f1", "p d", [row(0), Attempt(node="n0", retry_attempt=1, phase="SUCCEEDED")])
    assert not history.failing
    assert "not failed" in shown(HistoryView(history))


def test_an_execution_without_a_failure_says_so() -> None:
    history = build_history("f1", "p d", [Attempt(node="n0", retry_attempt=0)])
    assert history.headline == "no recorded attempt failed"
    assert history.node_failures == ()
    assert page_history.page(history).count("<h3>") == 0


def test_a_long_history_is_cut_for_a_person() -> None:
    history = build_history("f1", "p d", [row(number) for number in range(MAX_ATTEMPTS + 7)])
    assert "and 7 earlier ones" in shown(HistoryView(history))


def test_failures_that_the_platform_paid_for_the_user_are_told_too() -> None:
    history = build_history("f1", "p d", [row(0, "exec format error", reported=ErrorKind.SYSTEM)])
    assert history.headline.endswith("1 to system retries")
