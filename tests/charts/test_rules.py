"""What the connector may do in a cluster: the list of rules, as it stands."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.charts.rendering import CHART

RULES = (CHART / "files" / "rules.yaml").read_text(encoding="utf-8")


def granted(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_rules_allow_exactly_what_the_connector_does() -> None:
    pods = {("", "pods", verb) for verb in ("get", "list", "watch", "create", "delete")}
    events = {("", "events", verb) for verb in ("list", "watch")}
    others = {("", "pods/log", "get"), ("flyte.lyft.com", "flyteworkflows", "get")}
    assert granted(yaml.safe_load(RULES)) == pods | events | others


def test_the_rules_are_a_plain_list_that_anything_can_read() -> None:
    assert "{{" not in RULES
    for rule in yaml.safe_load(RULES):
        assert set(rule) == {"apiGroups", "resources", "verbs"}
        assert all(isinstance(word, str) for words in rule.values() for word in words)


@pytest.mark.parametrize("wide", ["*", "patch", "update", "deletecollection", "secrets", "pods/exec"])
def test_the_rules_hold_nothing_wide(wide: str) -> None:
    assert not any(wide in right for right in granted(yaml.safe_load(RULES)))


def test_every_rule_says_what_it_is_for() -> None:
    before = ""
    for line in RULES.splitlines():
        if line.startswith("- "):
            assert before.startswith("# ")
        before = line
