from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flytekitplugins_podtriage.local.runner import watch_runs
from tests.local.watched_runs import HERE, Runs


@pytest.fixture
def workflows(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(HERE))
    return importlib.import_module("workflows")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Runs]:
    empty = tmp_path / "empty.yaml"
    empty.write_text("admin: {}", encoding="utf-8")
    monkeypatch.setenv("FLYTECTL_CONFIG", str(empty))
    watched = Runs()

    class CurrentSettings:
        """The settings that the test has set last."""

        def __getattr__(self, name: str) -> Any:
            return getattr(watched.settings, name)

    with watch_runs(watched.note, CurrentSettings()):  # type: ignore[arg-type]
        yield watched


@pytest.fixture
def warm_bodies(monkeypatch: pytest.MonkeyPatch, warm_python: str) -> None:
    """Let bodies that run as processes begin with flytekit imported."""
    monkeypatch.setattr(sys, "executable", warm_python)
