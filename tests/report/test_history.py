"""Attempts of the past: who was charged, who should have been, and how they are counted."""

from __future__ import annotations

import io

from rich.console import Console

from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.report.attempts import diagnose_attempt
from flytekitplugins_podtriage.report.audit import MAX_ROWS, NO_NAME, OTHERS, Entry, Tally
from flytekitplugins_podtriage.report.console.audit import AuditView
from flytekitplugins_podtriage.report.console.history import MAX_ATTEMPTS, HistoryView
from flytekitplugins_podtriage.report.history import build_history
from flytekitplugins_podtriage.report.html import history as page_history

LIMITED = "429 Too Many Requests"


def test_an_unknown_cause_is_never_called_wrong() -> None:
    assert diagnose_attempt(row(0, "nobody knows this")).unknown
    assert not diagnose_attempt(row(0, "nobody knows this")).wrongly_charged
    assert diagnose_attempt(row(0)).wrongly_charged
    assert not diagnose_attempt(row(0, reported=ErrorKind.UNKNOWN)).wrongly_charged


def test_a_tally_does_not_grow_with_the_attempts() -> None:
    tally = Tally()
    for number in range(3 * MAX_ROWS):
        tally.add(Entry(ErrorKind.USER, ErrorKind.SYSTEM, "oom", f"t{number}", f"r{number}", f"w{number}", "said"))
    answer = tally.result("x")
    assert len(answer.tasks) == len(answer.registries) == MAX_ROWS + 1
    assert {row.name: row.attempts for row in answer.tasks}[OTHERS] == 2 * MAX_ROWS
    assert answer.total.wrongly_user == 3 * MAX_ROWS
    assert len(answer.examples) == 3


def test_the_most_wronged_come_first_and_the_nameless_have_a_name() -> None:
    tally = Tally()
    for entry in (
        Entry(ErrorKind.USER, ErrorKind.USER, "not_found", "a"),
        Entry(ErrorKind.USER, ErrorKind.USER, "not_found", "a"),
        Entry(ErrorKind.USER, ErrorKind.SYSTEM, "oom"),
    ):
        tally.add(entry)
    answer = tally.result("x")
    assert [row.name for row in answer.tasks] == [NO_NAME, "a"]
    assert answer.registries == ()


def test_nothing_at_all_is_told_as_such() -> None:
    answer = Tally().result("x")
    assert answer.headline == "0 of 0 failed attempts were wrongly charged to user retries"
    out = io.StringIO()
    Console(file=out, width=100).print(AuditView(answer))
    assert "by category" not in out.getvalue()


def row(number: int, message: str = LIMITED, **more: object) -> Attempt:
    facts = {"reported": ErrorKind.USER, "node": "n0", "retry_attempt": number, "failed": True, **more}
    return Attempt(message=message, **facts)  # type: ignore[arg-type]


def shown(view: object) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(view)
    return " ".join(out.getvalue().split())


def test_a_history_tells_each_attempt_and_each_node_s_last_failure() -> None:
    attempts = [row(1, "Traceback (most recent call last): KeyError"), row(0, retries=1), row(0, node="n1")]
    told = build_history("f1", "p d", attempts)
    assert told.failing
    assert [one.attempt.retry_attempt for one in told.attempts] == [0, 1, 0]
    assert [(failure.node, failure.attempt, failure.category) for failure in told.node_failures] == [
        ("n0", 2, "app_error"),
        ("n1", 1, "registry_rate_limited"),
    ]
    text = shown(HistoryView(told))
    assert "2 of 3 failed attempts were wrongly charged to user retries" in text
    assert "based on error messages only" in text
    page = page_history.page(told)
    assert "Based on error messages only" in page
    assert page.count("<h3>") == 2


def test_an_execution_whose_last_attempt_did_well_has_not_failed() -> None:
    told = build_history("f1", "p d", [row(0), Attempt(node="n0", retry_attempt=1, phase="SUCCEEDED")])
    assert not told.failing
    assert "not failed" in shown(HistoryView(told))


def test_an_execution_without_a_failure_says_so() -> None:
    told = build_history("f1", "p d", [Attempt(node="n0", retry_attempt=0)])
    assert told.headline == "no recorded attempt failed"
    assert told.node_failures == ()
    assert page_history.page(told).count("<h3>") == 0


def test_a_long_history_is_cut_for_a_person() -> None:
    told = build_history("f1", "p d", [row(number) for number in range(MAX_ATTEMPTS + 7)])
    assert "and 7 earlier ones" in shown(HistoryView(told))


def test_failures_that_the_platform_paid_for_the_user_are_told_too() -> None:
    told = build_history("f1", "p d", [row(0, "exec format error", reported=ErrorKind.SYSTEM)])
    assert told.headline.endswith("1 to system retries")
