"""Real messages get the category and kind that people gave them; those that do not are named, each with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flytekitplugins_podtriage import diagnose
from tests.recordings import rows

OTHER_KIND: Final[Mapping[str, str]] = {
    "holmes-nonexistent-registry-no-such-host": "people see that the host is mistyped; a DNS failure does not say so",
}
OTHER_CATEGORY: Final[Mapping[str, str]] = {
    "buildkit-copy-unexpected-eof": "a connection that breaks off may be the registry's or the network's doing",
}
"""Rows of observed.jsonl that are answered otherwise, by id. One that is answered as labelled is to be taken out here."""


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
    wrong = []
    for row in rows("live.jsonl"):
        diagnosis = diagnose(row["message"])
        if diagnosis.kind not in row["kinds"] or diagnosis.category not in row["accept"]:
            wrong.append((row["message"], diagnosis.kind, diagnosis.category))
    assert wrong == []


def test_messages_as_people_posted_them_get_the_right_kind() -> None:
    clear = [row for row in rows("observed.jsonl") if row["kind"] != "AMBIGUOUS"]
    wrong = {row["id"] for row in clear if diagnose(row["message"], reason=row["reason"]).kind != row["kind"]}
    assert wrong == OTHER_KIND.keys()


def test_messages_as_people_posted_them_get_the_right_category() -> None:
    observed = rows("observed.jsonl")
    wrong = {
        row["id"] for row in observed if diagnose(row["message"], reason=row["reason"]).category != row["category"]
    }
    assert wrong == OTHER_CATEGORY.keys()


def test_the_status_that_a_message_reports_is_returned() -> None:
    with_status = [row for row in rows("live.jsonl") if f" {row['fault'][:3]} " in f" {row['message']} "]
    assert len(with_status) > 20
    for row in with_status:
        assert diagnose(row["message"]).http_status == int(row["fault"][:3])
