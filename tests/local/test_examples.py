"""The workflows of the examples, each under the plan beside it; and the README's first command."""

from __future__ import annotations

import importlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.local.task_data import PodTriageUserError
from tests.local.watched_runs import Runs
from tests.paths import ROOT

WORKFLOWS = ROOT / "examples" / "workflows"
PLANNED = sorted(path.stem for path in WORKFLOWS.glob("*.plan"))
SYSTEM, USER = ErrorKind.SYSTEM, ErrorKind.USER
EXPECTED: dict[str, tuple[Any, dict[str, list[ErrorKind | None]], dict[str, bool]]] = {
    "01_rate_limited": (
        "1000 rows, 499500 in all",
        {"connector": [None], "flyte-1.16": [USER], "flyte-2": [SYSTEM, None], "guard": [SYSTEM, None]},
        {"connector": True, "flyte-1.16": False, "flyte-2": True, "guard": True},
    ),
    "02_not_found": (
        PodTriageUserError,
        {"connector": [USER] * 2, "flyte-1.16": [USER] * 2, "flyte-2": [USER] * 2, "guard": [USER] * 2},
        {"connector": False, "flyte-1.16": False, "flyte-2": False, "guard": False},
    ),
    "03_node_shutdown": (
        3,
        {name: [SYSTEM, None] for name in ("connector", "flyte-1.16", "flyte-2", "guard")},
        {"connector": True, "flyte-1.16": True, "flyte-2": True, "guard": True},
    ),
    "04_both_budgets": (
        3,
        {
            "connector": [SYSTEM, SYSTEM, USER, USER, USER, None],
            "flyte-1.16": [SYSTEM, SYSTEM, USER, SYSTEM, SYSTEM],
            "flyte-2": [SYSTEM, SYSTEM, USER, SYSTEM, SYSTEM, None],
            "guard": [SYSTEM, SYSTEM, USER, SYSTEM, SYSTEM],
        },
        {"connector": True, "flyte-1.16": False, "flyte-2": True, "guard": False},
    ),
}
"""What the workflow returns or raises; and on each backend who was charged for the attempts, and whether it succeeds."""


def test_every_workflow_with_a_plan_is_run() -> None:
    assert sorted(EXPECTED) == PLANNED


@pytest.mark.parametrize("name", PLANNED)
def test_example(name: str, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    result, charged, succeeds = EXPECTED[name]
    runs.plan(f"@{WORKFLOWS / name}.plan")
    monkeypatch.syspath_prepend(str(WORKFLOWS))
    wf = importlib.import_module(name).wf

    if isinstance(result, type):
        with pytest.raises(result):
            wf()
    else:
        assert wf() == result

    run, others = runs[0]
    assert {one.backend: [attempt.charged for attempt in one.attempts] for one in (run, *others)} == charged
    assert {one.backend: one.succeeded for one in (run, *others)} == succeeds


def test_the_readmes_first_command_prints_what_the_readme_shows(tmp_path: Path, warm_python: str) -> None:
    """``pyflyte run`` with the plan in the environment, as tools/run.py runs it."""
    empty = tmp_path / "empty.yaml"
    empty.write_text("admin: {}", encoding="utf-8")
    name = "examples/workflows/01_rate_limited"
    command = [warm_python, "-m", "flytekit.clis.sdk_in_container.pyflyte", "run", f"{name}.py", "wf"]
    environment = {
        **os.environ,
        "FLYTE_PODTRIAGE_PLAN": f"@{name}.plan",
        "FLYTECTL_CONFIG": str(empty),
        "COLUMNS": "96",
    }

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    # Some releases of click and flytekit warn of each other before.
    text = done.stderr[done.stderr.index("On stock Flyte 1.16") :]
    assert text.strip("\n") in readme
    assert done.stdout.strip().endswith("1000 rows, 499500 in all")
