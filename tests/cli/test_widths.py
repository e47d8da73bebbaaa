"""Every command's text at every width: nothing beyond the last column, no blanks at the ends of lines, no word lost."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result

from tests.paths import ROOT

EXAMPLES = ROOT / "examples"
COMMANDS: dict[str, tuple[tuple[object, ...], tuple[str, ...]]] = {
    "explain": (
        ("explain", EXAMPLES / "01_rate_limited_pod.json"),
        ("ImagePullBackOff", "registry_rate_limited", "Flyte 1.16", "user retries", "0 left", "Fix:"),
    ),
    "triage": (("triage", EXAMPLES / "03_preempted.json"), ("SYSTEM", "preempted")),
    "diagnose": (("diagnose", "toomanyrequests: You have reached your pull rate limit."), ("registry_rate_limited",)),
    "audit": (("audit", EXAMPLES / "05_attempts.jsonl"), ("2 of 6", "wrongly", "registry_rate_limited", "not_found")),
    "rules": (("rules", "pull-429"), ("pull-429", "registry_rate_limited", "SYSTEM")),
}


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_width_loses_anything(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, command: str, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    arguments, words = COMMANDS[command]
    lines = run(*arguments).stdout.splitlines()

    assert [line for line in lines if len(line) > columns] == []
    assert [line for line in lines if line != line.rstrip()] == []
    # A long word may be broken at the end of a narrow line.
    text = "".join("".join(lines).split())
    assert [word for word in words if "".join(word.split()) not in text] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_in_a_pipe_there_are_no_long_rows_of_blanks(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("COLUMNS")
    text = run(*COMMANDS[command][0]).stdout

    assert " " * 120 not in text
    assert not text.startswith("{")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_json_when_asked(run: Callable[..., Result], command: str) -> None:
    for line in run(*COMMANDS[command][0], "--json").stdout.splitlines():
        assert json.loads(line)
