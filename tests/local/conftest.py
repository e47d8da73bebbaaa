from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.flyte.settings import read_settings
from flytekitplugins_podtriage.local.runner import watch_runs

HERE = Path(__file__).parent


@pytest.fixture
def workflows(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(HERE))
    return importlib.import_module("workflows")


class Runs(list[tuple[TaskRun, tuple[TaskRun, ...]]]):
    """What was run, under which settings."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = read_settings({"bodies": "inline"}, environ={})

    def plan(self, text: str, **settings: object) -> None:
        self.settings = read_settings({"bodies": "inline", "plan": text, **settings}, environ={})

    def note(self, run: TaskRun, others: tuple[TaskRun, ...]) -> None:
        self.append((run, others))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Runs]:
    empty = tmp_path / "empty.yaml"
    empty.write_text("admin: {}", encoding="utf-8")
    monkeypatch.setenv("FLYTECTL_CONFIG", str(empty))
    found = Runs()

    class Now:
        """The settings of the moment, whenever they are asked for."""

        def __getattr__(self, name: str) -> Any:
            return getattr(found.settings, name)

    with watch_runs(found.note, Now()):  # type: ignore[arg-type]
        yield found


@pytest.fixture
def warm_bodies(monkeypatch: pytest.MonkeyPatch, warm_python: str) -> None:
    """Let bodies that run as processes begin with flytekit imported."""
    monkeypatch.setattr(sys, "executable", warm_python)
