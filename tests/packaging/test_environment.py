"""When the tools set up the checkout's environment, and when they find it ready."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest


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


def test_a_set_up_that_was_interrupted_is_done_again(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(setting.module, "_install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            setting.prepared()
    assert setting.prepared() == ["make", "install []"]


def test_a_note_that_cannot_be_read_counts_for_nothing(setting: Setting) -> None:
    setting.prepared()
    setting.module._NOTE.write_text("{")
    assert setting.prepared() == ["make", "install []"]
