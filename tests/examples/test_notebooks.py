"""The example notebooks run from top to bottom, as in Jupyter: one namespace, the last expression of a cell is shown."""

from __future__ import annotations

import ast
import json
import linecache
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.paths import ROOT

NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.name)
def notebook(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[str]]:
    """A module for the notebook's names, and the code of its cells."""
    path: Path = request.param
    module = ModuleType(f"notebook_{path.stem}")
    module.__file__ = str(path.with_suffix(".py"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return module, ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def shown(module: ModuleType, source: str) -> Any:
    """Run a cell, whose source flytekit may ask for; return the value of its last expression, or None."""
    name = f"<{module.__name__} {hash(source)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    tree = ast.parse(source)
    last = tree.body[-1]
    value = last.value if isinstance(last, ast.Expr) else None
    exec(compile(ast.Module(tree.body if value is None else tree.body[:-1], []), name, "exec"), vars(module))
    return None if value is None else eval(compile(ast.Expression(value), name, "eval"), vars(module))


def test_a_notebook_runs_and_ends_with_a_page(
    notebook: tuple[ModuleType, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    module, cells = notebook

    last = [shown(module, cell) for cell in cells][-1]

    assert last._repr_html_().startswith("<iframe")
    assert "flyte-1.16: fails at train: no retries left" in capsys.readouterr().out


def test_a_notebook_is_stored_without_outputs() -> None:
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            assert not cell.get("outputs")
    assert NOTEBOOKS
