"""``podtriage rules``: the table of rules, and the page of the documentation that is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli.main import cli
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN, OTHERWISE
from flytekitplugins_podtriage.core.rules.demystify import STOCK_RULES
from flytekitplugins_podtriage.core.rules.pod_states import POD_RULES
from tests.paths import ROOT

DOCS = ROOT / "docs" / "rules.md"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["rules", *arguments])


def test_the_page_of_the_documentation_is_the_table() -> None:
    result = run("--markdown")
    assert result.exit_code == 0
    assert DOCS.read_text() == result.stdout, "regenerate it: podtriage rules --markdown > docs/rules.md"


def test_every_rule_is_printed_in_its_order() -> None:
    lines = [json.loads(line) for line in run("--json", "--stock").stdout.splitlines()]
    assert [row["id"] for row in lines] == [rule.id for rule in BUILT_IN] + [
        *(rule.id for rule in OTHERWISE),
        *POD_RULES,
        *STOCK_RULES,
    ]
    assert all(row["means"] and row["source"] for row in lines)


def test_an_id_is_given_once() -> None:
    ids = [json.loads(line)["id"] for line in run("--json", "--stock").stdout.splitlines()]
    assert len(ids) == len(set(ids))


def test_one_rule_is_shown_whole() -> None:
    result = run("pull-429")
    assert result.exit_code == 0
    for words in ("pull-429", "SYSTEM", "registry_rate_limited", "matches: HTTP 429", "source: RFC 6585"):
        assert words in " ".join(result.stdout.split())


def test_an_unknown_rule_is_refused_with_those_that_are_like_it() -> None:
    result = run("429")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "podtriage: unknown rule '429'; expected one of `podtriage rules --stock` (containing it: pull-429)"
    ]


def test_ones_own_rules_stand_first(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[rule]]\nid="mine"\ncategory="x"\nkind="USER"\nmeans="m"\nphrases=["a b"]\n')
    first = json.loads(run("--json", "--rules", str(own)).stdout.splitlines()[0])
    assert (first["id"], first["matches"]) == ("mine", 'contains "a b"')


@pytest.mark.parametrize("arguments", [("--json", "--markdown"), ("--what",), ("a", "b")])
def test_bad_usage_is_one_line(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
