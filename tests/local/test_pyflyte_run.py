"""What ``pyflyte run`` prints of errors of one's own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.local.watched_runs import HERE

Run = Callable[..., "CompletedProcess[str]"]


@pytest.fixture
def run(warm_python: str, tmp_path: Path) -> Run:
    config = tmp_path / "empty.yaml"
    config.write_text("admin: {}", encoding="utf-8")

    def call(n: int, *options: str, **settings: str) -> CompletedProcess[str]:
        variables = {f"FLYTE_PODTRIAGE_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(
            [warm_python, "-m", "flytekit.clis.sdk_in_container.pyflyte", *options]
            + ["run", str(HERE / "failing_workflow.py"), "wf", "--n", str(n)],
            env={**os.environ, "FLYTECTL_CONFIG": str(config), "COLUMNS": "200", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    return call


def test_a_body_that_succeeds_prints_its_own_lines_and_no_others(run: Run) -> None:
    assert run(1).stdout.splitlines()[-3:] == ["Running Execution on local.", "the body says this", "1.0"]


@pytest.mark.parametrize("bodies", ["process", "inline"])
def test_an_exception_of_the_body_shows_the_users_frames_once_and_then_the_attempts(run: Run, bodies: str) -> None:
    text = run(0, bodies=bodies).stdout

    assert text.count("return helper(n)") == 1
    assert len(re.findall(r"^\W*return 1 / n|❱ +\d+ .*return 1 / n", text, re.MULTILINE)) == 1
    assert "flytekit/core" not in text
    assert "Captured by Flyte" not in text
    frames, attempts = text.index("return 1 / n"), text.index("divide  on podtriage's connector  fails")
    assert frames < attempts
    assert len(text.splitlines()) <= 60


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"plan": "docker.io: 42"},
            "podtriage: plan, line 1: 'docker.io: 42': did you mean 'docker.io: 429'? unknown fault '42'",
        ),
        ({"plan": "@nowhere.plan"}, "podtriage: nowhere.plan: the plan cannot be read: No such file or directory;"),
        (
            {"bodies": "x"},
            "podtriage: environment variable FLYTE_PODTRIAGE_BODIES: invalid value 'x'; allowed: process",
        ),
        ({"colour": "x"}, "podtriage: environment variable FLYTE_PODTRIAGE_COLOUR: unknown setting 'colour'"),
    ],
)
def test_a_mistake_in_a_plan_or_a_setting_is_one_line(run: Run, settings: dict[str, str], message: str) -> None:
    done = run(1, **settings)

    assert done.returncode == 2
    # Some releases of click and flytekit warn of each other before.
    lines = done.stdout.partition("Running Execution on local.")[2].strip().splitlines()
    ours = [line for line in done.stdout.splitlines() if line.startswith("podtriage: ")]
    assert (len(ours), "Traceback" in done.stdout) == (1, False)
    assert ours[0].startswith(message)
    assert lines in ([], ours)  # stderr may come first


def test_without_a_comparison_attempts_that_met_trouble_are_shown(run: Run) -> None:
    text = run(1, plan="docker.io: 429 for 1m", compare="false").stdout

    assert "registry_rate_limited" in text
    assert "stock Flyte" not in text


def test_the_configuration_of_the_command_line_is_heeded(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("podtriage: {plan: 'docker.io: 42'}", encoding="utf-8")

    assert "podtriage: plan, line 1: 'docker.io: 42'" in run(1, "-c", str(config)).stdout
