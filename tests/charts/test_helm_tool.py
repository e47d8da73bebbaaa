"""Where helm is looked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import helm

    yield helm
    sys.modules.pop("helm")


def program(folder: Path, mode: int = 0o755) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "helm"
    made.write_text("#!/bin/sh\n")
    made.chmod(mode)
    return made


def test_what_helm_names_goes_before_the_path(tool: Any, tmp_path: Path) -> None:
    named, on_path = program(tmp_path / "named"), program(tmp_path / "bin")
    assert tool.find({"HELM": str(named), "PATH": str(on_path.parent)}) == named
    assert tool.find({"PATH": str(on_path.parent), "HOME": str(tmp_path)}) == on_path


@pytest.mark.parametrize("mode", [0o644, None])
def test_what_helm_names_has_to_be_a_program(tool: Any, tmp_path: Path, mode: int | None) -> None:
    path = tmp_path / "helm" if mode is None else program(tmp_path, mode)
    with pytest.raises(tool.NoHelm, match=f"HELM={path}: no program there"):
        tool.find({"HELM": str(path), "PATH": ""})


def test_what_was_built_before_is_found_again(tool: Any, tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path / "nothing"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert tool.find(environ) is None
    built = program(tool._cache_directory(environ))
    assert built.is_relative_to(tmp_path / "cache")
    assert tool.find(environ) == tool.prepared(environ) == built


def test_without_go_it_says_what_is_missing(tool: Any, tmp_path: Path) -> None:
    with pytest.raises(tool.NoHelm, match="no go on PATH"):
        tool.prepared({"PATH": str(tmp_path), "HOME": str(tmp_path)})


def test_when_go_cannot_build_it_says_why_and_leaves_nothing(tool: Any, tmp_path: Path) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text("#!/bin/sh\necho 'module is not to be had' >&2\nexit 1\n")
    go.chmod(0o755)
    environ = {"PATH": str(go.parent), "HOME": str(tmp_path)}
    with pytest.raises(tool.NoHelm, match=r"go could not build helm v\S+: module is not to be had"):
        tool.prepared(environ)
    assert not list(tool._cache_directory(environ).iterdir())
