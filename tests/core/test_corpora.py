"""Real messages get the category and kind that people gave them.

The rates are those that the project promises; single rows may be wrong, a rate may not sink.
"""

from __future__ import annotations

from flytekitplugins_podtriage import diagnose
from tests.recordings import rows


def test_every_rate_limit_of_a_real_runtime_is_recognised_and_nothing_else_is_taken_for_one() -> None:
    missed, false = [], []
    for row in rows("live.jsonl"):
        limited = diagnose(row["message"]).category == "registry_rate_limited"
        if limited and "registry_rate_limited" not in row["accept"]:
            false.append(row["message"])
        if not limited and row["accept"] == ["registry_rate_limited"]:
            missed.append(row["message"])
    assert missed == []
    assert false == []


def test_the_errors_of_real_runtimes_get_the_right_kind_and_category() -> None:
    found = [(row, diagnose(row["message"])) for row in rows("live.jsonl")]
    kinds = sum(diagnosis.kind in row["kinds"] for row, diagnosis in found)
    categories = sum(diagnosis.category in row["accept"] for row, diagnosis in found)
    assert kinds / len(found) >= 0.99
    assert categories / len(found) >= 0.97


def test_messages_as_people_posted_them_get_the_right_kind_and_category() -> None:
    found = [(row, diagnose(row["message"], reason=row["reason"])) for row in rows("observed.jsonl")]
    clear = [(row, diagnosis) for row, diagnosis in found if row["kind"] != "AMBIGUOUS"]
    kinds = sum(diagnosis.kind == row["kind"] for row, diagnosis in clear)
    categories = sum(diagnosis.category == row["category"] for row, diagnosis in found)
    assert kinds / len(clear) >= 0.95
    assert categories / len(found) >= 0.90


def test_the_status_that_a_message_reports_is_returned() -> None:
    told = [row for row in rows("live.jsonl") if f" {row['fault'][:3]} " in f" {row['message']} "]
    assert len(told) > 20
    for row in told:
        assert diagnose(row["message"]).http_status == int(row["fault"][:3])
