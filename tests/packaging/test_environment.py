"""When the tools set up the checkout's environment, and when they find it ready."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.paths import ROOT


class Setting:
    """The environment of a made-up checkout; nothing is really installed."""

    def __init__(self, module: ModuleType, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[str] = []
        self.module = module
        self.pyproject = root / "pyproject.toml"
        self.pyproject.write_text("one")
        environment = root / ".venv" / "3.11"
        monkeypatch.setattr(module, "ROOT", root)
        monkeypatch.setattr(module, "_ENVIRONMENT", environment)
        monkeypatch.setattr(module, "_NOTE", environment / "podtriage.json")
        monkeypatch.setattr(module, "_make", self.make)
        monkeypatch.setattr(module, "_install", lambda _, extras: self.did.append(f"install {extras}"))

    def make(self) -> None:
        self.module._ENVIRONMENT.mkdir(exist_ok=True)
        self.did.append("make")

    def prepared(self, *extras: str) -> list[str]:
        """Return what was done to have these extras."""
        self.did.clear()
        self.module.prepared(*extras)
        return list(self.did)


@pytest.fixture
def setting(tool: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    import environment

    return Setting(environment, tmp_path, monkeypatch)


def test_the_first_run_makes_the_environment_and_the_second_finds_it(setting: Setting) -> None:
    assert setting.prepared() == ["make", "install []"]
    assert setting.prepared() == []


def test_what_else_is_needed_is_added_to_what_is_there(setting: Setting) -> None:
    setting.prepared("test")
    assert setting.prepared("lint") == ["install ['lint', 'test']"]
    assert setting.prepared("test") == []
    assert setting.prepared() == []


def test_a_changed_pyproject_makes_the_environment_anew(setting: Setting) -> None:
    setting.prepared("test", "lint")
    setting.pyproject.write_text("two")
    assert setting.prepared("test") == ["make", "install ['test']"]


def test_a_set_up_that_was_interrupted_is_done_again(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(setting.module, "_install", interrupted)
        with pytest.raises(SystemExit) as ended:
            setting.prepared()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted; the next call sets it up anew\n"
    assert setting.prepared() == ["make", "install []"]


def test_a_note_that_cannot_be_read_counts_for_nothing(setting: Setting) -> None:
    setting.prepared()
    setting.module._NOTE.write_text("{")
    assert setting.prepared() == ["make", "install []"]


def test_a_command_takes_its_paths_from_where_it_is_called(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    called: list[tuple[list[str], Path]] = []

    def call(command: list[str], *, cwd: Path, env: dict[str, str]) -> int:
        called.append((command, cwd))
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(setting.module, "prepared", lambda *_: Path("python"))
    monkeypatch.setattr(pythons_module(), "choose", lambda: None)
    monkeypatch.setattr(sys, "argv", ["tools/run.py", "explain", "pod.yaml"])
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "tools" / "run.py"), run_name="__main__")

    assert ended.value.code == 0
    assert called == [(["python", "-m", "flytekitplugins_podtriage", "explain", "pod.yaml"], tmp_path)]


def pythons_module() -> ModuleType:
    import pythons

    return pythons
