"""Counting failed attempts."""

from __future__ import annotations

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.report.audit import MAX_ROWS, NO_NAME, OTHERS, Entry, Tally


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
