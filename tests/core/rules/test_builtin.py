"""The built-in rules: each is documented, and each can decide."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.match import match_message
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.text.references import Peer


def test_every_built_in_rule_says_what_it_means_what_helps_and_where_it_comes_from() -> None:
    for rule in BUILT_IN:
        assert rule.means
        assert rule.remedy.endswith(".")
        assert len(rule.source) > 10
        assert rule.kind in ("USER", "SYSTEM")


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.id) for rule in BUILT_IN])
def test_every_rule_can_decide(rule: Rule) -> None:
    """A message made of a rule's own words reaches it, or a rule of the same category and kind before it."""
    status = f"status code {min(rule.statuses)} " if rule.statuses else ""
    host = {
        None: "",
        Peer.LOOPBACK: "https://127.0.0.1/v2 ",
        Peer.UNRESOLVABLE: "https://a.invalid/v2 ",
        Peer.ECR: "https://1.dkr.ecr.us-east-1.amazonaws.com/v2 ",
    }[rule.peer]
    words = " ".join(
        text.replace("nameref", "/a/b/c").replace("urlref", "https://r/x")
        for text in (*rule.phrases[:1], *rule.also[:1])
    )
    match = match_message(f"{status}{host}{words}", min(rule.reasons) if rule.reasons else None)
    assert (match.rule.category, match.rule.kind) == (rule.category, rule.kind), match.rule.id
