"""Rules of users' own, from a TOML file."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage import InvalidRule, diagnose
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
from flytekitplugins_podtriage.core.rules.toml import load_rules

OWN = """
[[rule]]
id = "acme-mirror-cold"
category = "mirror_cold"
kind = "SYSTEM"
means = "the mirror is warming up"
remedy = "Wait, or pull {image} from {registry} directly."
phrases = ["cache not primed"]
"""


def test_a_rule_of_ones_own_is_tried_before_all_others() -> None:
    book = BUILT_IN.with_rules(load_rules(OWN, "own.toml"))
    diagnosis = diagnose('Failed to pull image "r.io/a:1": 404 Not Found: Cache NOT-primed', rules=book)
    assert (diagnosis.category, diagnosis.rule) == ("mirror_cold", "acme-mirror-cold")
    assert diagnosis.remedy == "Wait, or pull r.io/a:1 from r.io directly."
    assert diagnose("pull: 404 Not Found: cache not primed").category == "not_found"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x =", "own.toml: not TOML"),
        ("[[rules]]", "own.toml: unknown key 'rules'; allowed"),
        ("rule = 3", "own.toml: 'rule' is not a list of tables"),
        (OWN.replace("acme-mirror-cold", "Bad Id"), "own.toml: rule 1 .Bad Id.: rule 'Bad Id': an id is lower-case"),
        (OWN.replace("acme-mirror-cold", "pull-429"), "own.toml: rule 1 .pull-429.: the id is taken"),
        (OWN.replace('"SYSTEM"', '"ME"'), "kind 'ME' is not usable; allowed: USER, SYSTEM"),
        (OWN.replace('"SYSTEM"', '"UNKNOWN"'), "kind 'UNKNOWN' is not usable; allowed: USER, SYSTEM"),
        (OWN.replace("mirror_cold", "Mirror Cold"), "category 'Mirror Cold' is not usable"),
        (OWN.replace("cache not primed", "--"), "phrases holds '--', which has no word in it"),
        (OWN.replace('phrases = ["cache not primed"]', ""), "it would match everything"),
        (OWN + 'colour = "red"', "unknown key 'colour'; allowed: id, category"),
        (OWN.replace('means = "the mirror is warming up"', ""), "'means' is missing; required"),
        (OWN + "statuses = [42]", "'statuses' is not a list of HTTP statuses"),
    ],
)
def test_a_bad_rule_is_refused_with_file_rule_and_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidRule, match=reason):
        load_rules(text, "own.toml")
