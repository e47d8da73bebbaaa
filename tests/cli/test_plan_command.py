"""``podtriage plan check``: every wrong line of a plan, and what looks like a mistake, without running anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


def test_a_plan_is_printed_as_it_is_understood(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "faults.plan"
    path.write_text("# why\ndocker.io:   429 for 240s # comment\n\nbody: 40m\n")
    result = run("plan", "check", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [f"{path}: 2 faults", "  docker.io: 429 for 4m0s", "  body: 40m0s"]


def test_every_wrong_line_is_named_with_the_line_that_it_resembles(run: Run) -> None:
    result = run("plan", "check", "-", input="pul: 429\nbody: 40m\npull: 429 fro 4m\n")
    assert result.exit_code == 2
    assert result.stdout.splitlines() == ["stdin: 1 fault", "  body: 40m0s"]
    first, second = result.stderr.splitlines()
    assert first.startswith("podtriage plan check: stdin, line 1: 'pul: 429': did you mean 'pull: 429'?")
    assert second.startswith(
        "podtriage plan check: stdin, line 3: 'pull: 429 fro 4m': did you mean 'pull: 429 for 4m'?"
    )


@pytest.mark.parametrize(("options", "status", "word"), [([], 0, "warning"), (["--strict"], 2, "error")])
def test_a_registry_that_looks_misspelt_is_a_warning(run: Run, options: list[str], status: int, word: str) -> None:
    result = run("plan", "check", *options, "-", input="docker.oi: 429\n")
    assert result.exit_code == status
    assert f"stdin: {word}: fault 'docker.oi: 429'" in result.stderr
    assert "did you mean 'docker.io'?" in result.stderr


def test_json_has_faults_errors_and_warnings(run: Run) -> None:
    result = run("plan", "check", "--json", "-", input="docker.oi: 429\nnonsense\n")
    answer = json.loads(result.stdout)
    assert (answer["source"], answer["faults"]) == ("stdin", ["docker.oi: 429"])
    assert (len(answer["errors"]), len(answer["warnings"])) == (1, 1)


def test_a_recording_that_cannot_be_read_is_an_error(run: Run) -> None:
    result = run("plan", "check", "-", input="replay: /nowhere.jsonl\n")
    assert result.exit_code == 2
    assert "/nowhere.jsonl" in result.stderr


def test_a_plan_that_does_not_exist_is_refused(refused: Callable[..., str]) -> None:
    assert "no such file" in refused("plan", "check", "/nowhere.plan")


def test_a_misspelt_subcommand_is_one_line(refused: Callable[..., str]) -> None:
    assert "unknown command 'chekc'; did you mean 'check'?" in refused("plan", "chekc")


def test_without_a_subcommand_it_prints_help(run: Run) -> None:
    result = run("plan")
    assert result.exit_code == 0
    assert "check" in result.stdout
