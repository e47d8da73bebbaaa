"""What the core refuses: moments without a zone, rules with mistakes, and input that no parser survives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from flytekitplugins_podtriage import InvalidPod, InvalidRule, Memory, forecast, remember, triage
from flytekitplugins_podtriage.core.durations import seconds
from flytekitplugins_podtriage.core.rules.toml import load_rules
from flytekitplugins_podtriage.core.text.pull_attempts import split_attempts
from tests.builders import NOW, pod, waiting

RULE = {
    "id": '"mine"', "category": '"auth"', "kind": '"USER"', "means": '"m"', "remedy": '"r."', "source": '"s"',
    "phrases": '["a b"]',
}  # fmt: skip


@pytest.mark.parametrize(
    "ask",
    [
        lambda now: triage({}, now=now),
        lambda now: remember(None, {}, now=now),
        lambda now: forecast({}, backend="flyte-2", now=now),
    ],
    ids=["triage", "remember", "forecast"],
)
def test_a_moment_without_a_zone_is_refused(ask: Any) -> None:
    with pytest.raises(ValueError, match="naive datetime; allowed: one with a zone"):
        ask(datetime(2026, 3, 1, 12))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"colour": '"red"'}, "unknown key 'colour'; allowed: "),
        ({"means": None}, "'means' is missing; required: "),
        ({"means": "3"}, "'means' is not text"),
        ({"phrases": '"a b"'}, "'phrases' is not a list of texts"),
        ({"phrases": '["a", 3]'}, "'phrases' is not a list of texts"),
        ({"statuses": "[42]"}, "'statuses' is not a list"),
        ({"statuses": "429"}, "'statuses' is not a list"),
    ],
)
def test_a_rule_with_a_mistake_is_refused_where_it_stands(changed: dict[str, str | None], message: str) -> None:
    fields = {key: value for key, value in {**RULE, **changed}.items() if value is not None}
    text = "[[rule]]\n" + "".join(f"{key} = {value}\n" for key, value in fields.items())
    with pytest.raises(InvalidRule, match=r"\(mine\): .*") as caught:
        load_rules(text, source="file.toml")
    assert message in str(caught.value)


def test_a_memory_that_is_none_is_refused_and_one_that_is_is_read() -> None:
    memory = remember(None, pod("Pending", waiting("ErrImagePull", "429 Too Many Requests")), now=NOW)
    assert Memory.from_json(memory.to_json()) == memory
    with pytest.raises(ValueError, match="not the JSON of a memory: Expected `object`"):
        Memory.from_json(b"[]")


@pytest.mark.parametrize("text", ["1s2", "1 s", "h1", "", "-", "1x"])
def test_a_duration_that_go_would_not_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(text)


def test_a_number_out_of_range_is_refused_in_one_line() -> None:
    with pytest.raises(InvalidPod, match="not a Pod") as caught:
        triage(b'{"metadata": {"deletionGracePeriodSeconds": 1e999}}', now=NOW)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a (Mirrors also failed: [m: x]): c", ["m: x", "a  c"]),
        ("a (Mirrors also failed: [m: x]): ", ["a (Mirrors also failed: [m: x]): "]),
        ("pull failed: [one, two", ["pull failed: [one, two"]),
        ("plain", ["plain"]),
    ],
)
def test_a_message_is_split_where_it_joins_attempts_and_nowhere_else(text: str, expected: list[str]) -> None:
    assert split_attempts(text) == expected
