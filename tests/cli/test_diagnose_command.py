"""``podtriage diagnose``: one message, or lines of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.report.console.diagnosis import render_diagnosis

LIMITED = 'failed to resolve reference "docker.io/library/a:1": 429 Too Many Requests'
OWN = '[[rule]]\nid="mine"\ncategory="mine"\nkind="USER"\nmeans="m"\nremedy="r"\nphrases=["cache not primed"]\n'


def test_a_message_is_diagnosed_as_json_for_a_program(run: Callable[..., Result]) -> None:
    result = run("diagnose", LIMITED, "--json")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert (answer["category"], answer["kind"], answer["http_status"]) == ("registry_rate_limited", "SYSTEM", 429)


@pytest.mark.parametrize("arguments", [["-"], []])
def test_the_message_may_come_from_stdin(run: Callable[..., Result], arguments: list[str]) -> None:
    result = run("diagnose", *arguments, "--json", input=f"  {LIMITED}\n")
    assert json.loads(result.stdout)["category"] == "registry_rate_limited"


def test_the_reason_beside_it_counts(run: Callable[..., Result]) -> None:
    assert json.loads(run("diagnose", "x", "--reason", "OOMKilled", "--json").stdout)["category"] == "oom"


def test_lines_are_answered_line_for_line(run: Callable[..., Result]) -> None:
    lines = [{"message": LIMITED}, {"message": "exit", "reason": "OOMKilled"}, {"message": "nobody knows this"}]
    result = run("diagnose", "--jsonl", input="".join(json.dumps(line) + "\n" for line in lines))
    assert result.exit_code == 0
    answer = [json.loads(line)["category"] for line in result.stdout.splitlines()]
    assert answer == ["registry_rate_limited", "oom", "unknown"]


def test_a_bad_line_is_answered_in_its_place_and_the_rest_goes_on(run: Callable[..., Result]) -> None:
    result = run("diagnose", "--jsonl", input='{"message": "a"}\n{"massage": "b"}\n\n{"message": "c"}\n')
    assert result.exit_code == 2
    assert result.stderr == ""
    answer = [json.loads(line) for line in result.stdout.splitlines()]
    assert ["error" in line for line in answer] == [False, True, True, False]
    assert [line.get("line") for line in answer] == [None, 2, 3, None]
    assert "message" in answer[1]["error"]


def test_lines_may_come_from_a_file(run: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps({"message": LIMITED}))
    result = run("diagnose", "--jsonl", path)
    assert json.loads(result.stdout)["registry"] == "docker.io"


def test_ones_own_rules_come_first(run: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    for arguments in (["mirror: cache not primed, 429 Too Many Requests"], ["--jsonl"]):
        result = run("diagnose", *arguments, "--json", "--rules", path, input='{"message": "cache not primed"}\n')
        assert json.loads(result.stdout)["rule"] == "mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule]\n", "not TOML"),
        (OWN + OWN, "the id is taken"),
        (OWN.replace('kind="USER"', 'kind="MAYBE"'), "rule 1 (mine)"),
        (OWN.replace('phrases=["cache not primed"]', ""), "it would match everything"),
    ],
)
def test_a_bad_rule_is_refused_with_file_rule_and_reason(
    refused: Callable[..., str], tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    error = refused("diagnose", "x", "--rules", path)
    assert "own.toml" in error
    assert words in error


def test_secrets_are_masked(run: Callable[..., Result]) -> None:
    result = run("diagnose", "GET https://bob:hunter2@registry.example/v2/?X-Amz-Signature=0123456789abcdef: 429")
    assert "hunter2" not in result.stdout
    assert "0123456789abcdef" not in result.stdout


def test_a_person_reads_whose_doing_it_was_and_what_helps() -> None:
    shown = text_of(render_diagnosis(diagnose(LIMITED)))
    assert "the platform's fault" in shown
    assert "fix: " in shown
    assert "rule: pull-" in shown
    unknown = text_of(render_diagnosis(diagnose("nobody knows this")))
    assert "whose fault is unknown" in unknown
    assert "SYSTEM" not in unknown


def text_of(view: Any) -> str:
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=200).print(view)
    return out.getvalue()
