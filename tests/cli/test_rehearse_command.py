"""`podtriage rehearse`: a workflow under faults, on all backends, and the ways in which it can be asked wrongly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from flytekitplugins_podtriage.cli.rehearse_command import RUN_ON
from flytekitplugins_podtriage.flyte.settings import RUN_ON as ALLOWED
from flytekitplugins_podtriage.report.run_summary import NO_RUNS

FILE = Path(__file__).parent / "rehearsed.py"
INLINE = (FILE, "wf", "--input", "rows=3", "--inline")


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("admin: {}", encoding="utf-8")
    monkeypatch.setenv("FLYTECTL_CONFIG", str(empty))
    monkeypatch.setenv("FLYTE_PODTRIAGE_PLAN", "")


def test_the_choice_of_backends_is_that_of_the_setting() -> None:
    assert RUN_ON == ALLOWED


def test_a_limit_that_outlasts_stock_flytes_grace(run: Callable[..., Result]) -> None:
    result = run("rehearse", *INLINE, "--fault", "docker.io: 429 for 20m", "--fault", "body: 40m")

    assert result.exit_code == 0, result.stderr
    shown = " ".join(result.stdout.split())
    assert shown.startswith(
        "On stock Flyte 1.16 this workflow fails at count; with podtriage's connector it succeeds, delayed by 20m 37s. "
        "docker.io limits how often this node may pull (HTTP 429): a failure of the platform. Stock Flyte 1.16 wrongly "
        "charges it to user retries, podtriage's connector to nobody. "
    )
    assert "count on podtriage's connector succeeds" in shown
    assert "Succeeded after" in shown
    assert "failed pulls: docker.io" in shown
    assert "SYSTEM registry_rate_limited" in shown
    assert "stock Flyte 1.16 fails at count 2 2 2 0 6m" in shown
    assert "podtriage's connector succeeds 1 0 0 0 20m 37s" in shown
    assert "Fix: Add an image pull secret for docker.io" in shown
    assert "counting" not in result.stdout, "what a body prints is not the answer"


def test_nobody_is_charged_wrongly_for_a_cause_that_no_rule_names(run: Callable[..., Result]) -> None:
    result = run("rehearse", *INLINE, "--fault", "docker.io: 492 for 20m")

    shown = " ".join(result.stdout.split())
    assert "No rule matches this message" in shown
    assert "wrongly charges" not in shown
    assert "stock Flyte 1.16 fails at count 2 2 0 0 6m" in shown


@pytest.mark.parametrize("value", ["[1, 2, 3]", "[1.0, 2.5]", "[]"])
def test_whole_numbers_are_taken_for_floats(run: Callable[..., Result], tmp_path: Path, value: str) -> None:
    """JSON has one kind of number, and flytekit accepts no int in a list of floats."""
    file = tmp_path / "means.py"
    file.write_text(
        "from flytekit import task\n\n@task\ndef mean(xs: list[float]) -> float:\n    return sum(xs, 0.0)\n",
        encoding="utf-8",
    )
    result = run("rehearse", "--inline", file, "mean", "--input", f"xs={value}")
    assert result.exit_code == 0, result.stderr
    refused = run("rehearse", "--inline", file, "mean", "--input", 'xs=["a"]')
    assert "not a valid list[float]" in refused.stderr


def test_the_exit_code_says_that_the_workflow_fails(run: Callable[..., Result]) -> None:
    result = run("rehearse", *INLINE, "--fault", "docker.io: not found", "--on", "flyte-1.16")

    assert result.exit_code == 1
    assert "on stock Flyte 1.16" in result.stdout
    assert "USER not_found" in " ".join(result.stdout.split())
    assert "On stock Flyte 1.16 and with podtriage's connector this workflow fails at count." in result.stdout
    assert result.stderr.strip() == ""


def test_json_has_every_run_and_nothing_else(run: Callable[..., Result]) -> None:
    answer = json.loads(run("rehearse", *INLINE, "--fault", "docker.io: 429 for 20m", "--json").stdout)

    assert [one["backend"] for one in answer["runs"]] == ["connector", "flyte-1.16", "flyte-2", "guard"]
    assert [(one["succeeded"], one["user_wronged"]) for one in answer["runs"]][:2] == [(True, 0), (False, 2)]
    assert answer["error"] is None
    assert answer["answer"].startswith(
        "On stock Flyte 1.16 this workflow fails at count; with podtriage's connector it succeeds"
    )
    assert [(one["backend"], one["result"], one["at"]) for one in answer["backends"]][:2] == [
        ("flyte-1.16", "fails", "count"),
        ("flyte-2", "succeeds", None),
    ]
    assert answer["runs"][0]["attempts"][0]["met"]["category"] == "registry_rate_limited"


def test_a_page_is_written(run: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "page.html"

    result = run("rehearse", *INLINE, "--fault", "docker.io: 429 for 20m", "--html", path)

    assert result.exit_code == 0, result.stderr
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    for words in ("stock Flyte 1.16", "registry_rate_limited", "failed, wrongly charged to user retries", "Fix:"):
        assert words in page


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_width_loses_words(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    result = run("rehearse", *INLINE, "--fault", "docker.io: 429 for 20m")

    assert all(len(line) <= columns for line in result.stdout.splitlines())
    shown = " ".join(result.stdout.split())
    for words in ("registry_rate_limited", "retries", "stock Flyte 1.16", "fails", "lost", "wrongly", "2", "Fix:"):
        assert words in shown


def test_bodies_in_processes_print_beside_the_answer(
    program: Callable[..., subprocess.CompletedProcess[bytes]], warm_python: str
) -> None:
    arguments = ("rehearse", FILE, "wf", "--input", "rows=3", "--fault", "pull: 503 x1", "--json")
    done = program(*arguments, python=warm_python)

    assert done.returncode == 0, done.stderr
    assert [one["succeeded"] for one in json.loads(done.stdout)["runs"]] == [True] * 4
    assert b"counting 3 rows" in done.stderr


def test_a_plan_comes_from_a_file_or_the_environment_too(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = tmp_path / "faults.plan"
    plan.write_text("docker.io: 429 for 20m  # long\n", encoding="utf-8")
    by_file = run("rehearse", *INLINE, "--plan", plan).stdout
    monkeypatch.setenv("FLYTE_PODTRIAGE_PLAN", "docker.io: 429 for 20m")
    by_environment = run("rehearse", *INLINE).stdout

    assert by_file == by_environment
    assert "stock Flyte 1.16" in by_file


def test_a_bodys_exception_is_told_in_a_line_without_its_secrets(run: Callable[..., Result]) -> None:
    result = run("rehearse", FILE, "wf", "--inline", "--input", "rows=-1")

    assert result.exit_code == 1
    assert "ValueError: Error encountered while executing" in " ".join(result.stdout.split())
    assert "fewer than none" in result.stdout
    assert "hunter2" not in result.stdout + result.stderr


def test_another_tasks_failure_is_the_workflows(run: Callable[..., Result]) -> None:
    result = run("rehearse", FILE, "mixed", "--inline", "--input", "rows=100")

    assert result.exit_code == 1
    assert "too many" in result.stdout.splitlines()[-1]
    assert result.stdout.startswith("On podtriage's connector this workflow fails at plain.\n")


def test_a_workflow_without_such_tasks_says_so(run: Callable[..., Result]) -> None:
    result = run("rehearse", FILE, "stock")

    assert (result.exit_code, result.stdout.strip()) == (0, NO_RUNS)


@pytest.mark.parametrize("bodies", [(), ("--inline",)])
def test_a_plain_task_runs_in_attempts_without_a_word_in_its_file(
    run: Callable[..., Result], bodies: tuple[str, ...]
) -> None:
    result = run("rehearse", FILE, "plain", "--input", "rows=1", "--fault", "attempt 1 pull: not found", *bodies)

    assert result.exit_code == 1
    assert "plain  on podtriage's connector  fails" in result.stdout
    assert "not_found" in result.stdout


@pytest.mark.parametrize("name", ["awaited", "orchestrated"])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_asynchronous_functions_are_waited_for(run: Callable[..., Result], name: str) -> None:
    result = run(
        "rehearse", FILE, name, "--input", "rows=1", "--inline", "--fault", "docker.io: 429 for 20m", "--strict"
    )

    assert result.exit_code == 0, result.stderr
    ended = "fails at awaited" if name == "orchestrated" else "task awaited fails"
    assert ended in result.stdout.partition("; with podtriage's connector it succeeds")[0]


def test_an_eager_function_with_a_configuration_is_refused_in_a_sentence(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "eager_with_configuration.py"
    path.write_text(
        "from flytekit import eager\nfrom flytekitplugins_podtriage import PodTriage\n\n\n"
        "@eager(task_config=PodTriage())\nasync def orchestrated(rows: int) -> int:\n    return rows\n",
        encoding="utf-8",
    )

    assert refused("rehearse", path, "orchestrated").endswith(
        "eager_with_configuration.py: an @eager function takes no task_config; allowed: @eager alone, and "
        "task_config=PodTriage() on the tasks that it calls"
    )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("nowhere.py", "wf"), "nowhere.py: no such file; allowed: a Python file with workflows"),
        ((Path(__file__).parent / "data.txt", "wf"), "no such file"),
        (
            (FILE, "wff", "--input", "rows=1"),
            "no workflow or task 'wff'; did you mean 'wf'? allowed: awaited, count, disabled, mixed, orchestrated, plain",
        ),
        ((FILE, "LATER"), "no workflow or task 'LATER'"),
        ((FILE, "wf"), "missing inputs: rows; give them as --input KEY=VALUE"),
        ((FILE, "wf", "--input", "rows"), "allowed: KEY=VALUE, KEY one of rows, name"),
        ((FILE, "wf", "--input", "rosw=3"), "not an input of wf; did you mean 'rows'? allowed: KEY=VALUE, KEY one of"),
        ((FILE, "wf", "--input", "lines=3"), "not an input of wf; allowed: KEY=VALUE, KEY one of rows, name"),
        ((FILE, "wf", "--input", "rows=many"), "'rows=many': not a valid int; allowed: KEY=VALUE, VALUE as JSON"),
        ((*INLINE, "--fault", "docker.io: maybe"), "plan, line 1: 'docker.io: maybe': unknown fault 'maybe'"),
        ((*INLINE, "--plan", "nowhere.plan"), "nowhere.plan: the plan cannot be read: No such file"),
        ((*INLINE, "--fault", "replay: nowhere.jsonl"), "nowhere.jsonl: the recording cannot be read"),
        ((*INLINE, "--fault", "pull: 429", "--plan", "x"), "--fault and --plan exclude each other"),
        ((*INLINE, "--json", "--html", "x"), "--json and --html exclude each other"),
        ((*INLINE, "--on", "flyte-3"), "'flyte-3' is not one of"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_in_a_line(
    refused: Callable[..., str], arguments: tuple[Any, ...], error: str
) -> None:
    assert error in refused("rehearse", *arguments)


@pytest.mark.parametrize(
    ("text", "error"),
    [("import nothing_of_this_name", "ModuleNotFoundError"), ("1/0", "ZeroDivisionError"), ("def", "SyntaxError")],
)
def test_a_file_that_cannot_be_imported_is_refused_in_a_line(
    refused: Callable[..., str], tmp_path: Path, text: str, error: str
) -> None:
    path = tmp_path / f"broken_{error.lower()}.py"
    path.write_text(text, encoding="utf-8")

    assert f"cannot be imported: {error}" in refused("rehearse", path, "wf")


@pytest.mark.parametrize(("options", "status", "word"), [([], 0, "warning"), (["--strict"], 2, "error")])
def test_a_fault_that_never_occurs_is_named_with_the_names_that_there_were(
    run: Callable[..., Result], options: list[str], status: int, word: str
) -> None:
    result = run("rehearse", *INLINE, "--fault", "docker.oi: 429 for 4m", "--json", *options)

    assert result.exit_code == status
    warning = "fault 'docker.oi: 429 for 4m0s' never occurred: no image came from docker.oi; did you mean 'docker.io'?"
    assert f"podtriage rehearse: {word}: {warning} images came from docker.io" in result.stderr
    assert warning in json.loads(result.stdout)["warnings"][0]


def test_strict_is_content_where_every_fault_occurs(run: Callable[..., Result]) -> None:
    result = run("rehearse", *INLINE, "--fault", "docker.io: 429 for 20s", "--strict")

    assert (result.exit_code, result.stderr) == (0, "counting 3 rows\n" * result.stderr.count("counting"))


def test_a_run_of_ones_own_program_names_them_as_it_ends() -> None:
    code = f"import sys; sys.path.insert(0, {str(FILE.parent)!r}); import rehearsed; rehearsed.wf(rows=3)"
    environ = {**os.environ, "FLYTE_PODTRIAGE_PLAN": "docker.oi: 429", "FLYTE_PODTRIAGE_BODIES": "inline"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)

    warnings = [line for line in done.stderr.splitlines() if "never occurred" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("podtriage: warning: fault 'docker.oi: 429' never occurred: no image came from")
