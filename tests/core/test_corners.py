"""What is odd or rare in a category, a document, an event, a memory, a text or a rule is answered too."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from flytekitplugins_podtriage import Category, InvalidPod, InvalidRule, Verdict, diagnose, forecast, remember, triage
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from tests.builders import NOW, pod, running, terminated, waiting


def test_an_empty_category_and_one_with_blanks_are_none() -> None:
    for name in ("", "a b", "UPPER", "x" * 65, "é", 3):
        with pytest.raises(ValueError, match="is not a valid Category"):
            Category(name)
    assert Category("my_own") == "my_own"


def test_a_verdict_of_a_newer_schema_is_refused() -> None:
    data = json.loads(triage({}, now=NOW).to_json())
    with pytest.raises(ValueError, match="verdict of schema 99: this version reads up to 1"):
        Verdict.from_json(json.dumps({**data, "schema": 99}))
    with pytest.raises(ValueError, match="not the JSON of a verdict: "):
        Verdict.from_json(b"[]")


def test_a_verdict_with_a_category_of_somebodys_own_is_read() -> None:
    data = json.loads(triage({}, now=NOW).to_json())
    assert Verdict.from_json(json.dumps({**data, "category": "mirror_cold"})).category == "mirror_cold"


def test_a_charge_is_json_too() -> None:
    charge = forecast(pod("Failed", terminated(1)), backend="flyte-1.16", now=NOW)
    assert json.loads(charge.to_json())["backend"] == "flyte-1.16"


@pytest.mark.parametrize("given", ["{", "[1]", {"reason": 3}, '{"reason": 3}'])
def test_an_event_that_cannot_be_read_is_refused_in_one_line(given: object) -> None:
    with pytest.raises(InvalidPod, match="not an Event"):
        triage({}, events=[given], now=NOW)


def test_a_client_event_is_read_as_its_json_is() -> None:
    client = pytest.importorskip("kubernetes.client")
    given = pod("Pending", waiting("ImagePullBackOff", 'Back-off pulling image "acme/app:v1"'))
    model = client.CoreV1Event(
        metadata=client.V1ObjectMeta(name="e"),
        involved_object=client.V1ObjectReference(uid=given["metadata"]["uid"], field_path="spec.containers{main}"),
        reason="Failed",
        message='Failed to pull image "acme/app:v1": 429 Too Many Requests',
        last_timestamp=NOW,
    )
    assert triage(given, events=[model], now=NOW).category == "registry_rate_limited"


def test_the_later_of_two_states_counts_in_memory() -> None:
    limited = waiting("ErrImagePull", "429 Too Many Requests")
    first = remember(None, pod("Pending", limited), now=NOW)
    bare = pod("Pending", waiting("ImagePullBackOff", 'Back-off pulling image "acme/app:v1"'))
    second = remember(first, bare, now=NOW + timedelta(seconds=13))
    assert second == first
    assert triage(bare, memory=second, now=NOW).category == "registry_rate_limited"
    assert remember(second, pod("Running", running()), now=NOW).causes == ()


def test_another_pod_of_the_same_name_is_not_remembered() -> None:
    first = remember(None, pod("Pending", waiting("ErrImagePull", "429 Too Many Requests")), now=NOW)
    other = remember(first, pod("Pending", waiting("ContainerCreating"), uid="v"), now=NOW)
    assert (other.uid, other.causes) == ("v", ())


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("HTTP/1.1 429", 429),
        ("HTTP/2 503", 503),
        ("(HTTP code 500) server error - toomanyrequests", None),
        ("API error (500): toomanyrequests", None),
        ("exit code 137", None),
        ("allowed: 44000/minute, 429 of them", None),
        ("503 Service Unavailable", 503),
        ("504 Gateway Time-out", 504),
    ],
)
def test_a_status_stands_in_a_frame(text: str, status: int | None) -> None:
    assert diagnose(text).http_status == status


def test_a_book_is_a_sequence_of_rules_with_ids_of_their_own() -> None:
    assert BUILT_IN[0] is next(iter(BUILT_IN))
    with pytest.raises(InvalidRule, match="the id is taken"):
        RuleBook([BUILT_IN[0], BUILT_IN[0]])


def test_a_rule_may_ask_for_a_status_a_reason_and_words_at_once() -> None:
    rule = Rule(
        id="mine",
        category="x",
        kind="SYSTEM",
        means="m",
        remedy="r.",
        source="here",
        phrases="a b",
        also="c",
        unless="d",
        statuses={503},
        reasons={"R"},
    )
    book = RuleBook([rule])
    assert diagnose("status 503: a b c", reason="R", rules=book).rule == "mine"
    for text, reason in (
        ("status 503: a b c", "S"),
        ("status 500: a b c", "R"),
        ("status 503: a c", "R"),
        ("status 503: a b", "R"),
        ("status 503: a b c d", "R"),
    ):
        assert diagnose(text, reason=reason, rules=book).rule == "unknown"


def test_bytes_and_memory_views_are_pods_too() -> None:
    data = json.dumps(pod("Failed", terminated(1))).encode()
    now = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    answers = {triage(form, now=now).to_json() for form in (data, bytearray(data), memoryview(data), data.decode())}
    assert len(answers) == 1


def test_a_member_of_an_enumeration_is_found_by_its_string() -> None:
    assert {Category.UNKNOWN: 1}["unknown"] == 1
    assert {Category("my_own"), "my_own"} == {"my_own"}
