"""The one namespace that users import from."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import flytekitplugins_podtriage as package
from tests.packaging.python_process import printed_json


def names_for_type_checkers() -> set[str]:
    """Return what the package imports where only a type checker looks."""
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {
        alias.asname or alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def test_all_is_sorted_and_says_each_name_once() -> None:
    assert package.__all__ == sorted(set(package.__all__))


def test_all_is_what_type_checkers_see() -> None:
    assert set(package.__all__) == names_for_type_checkers()


def test_dir_holds_all_and_no_other_public_name() -> None:
    listed = printed_json("import flytekitplugins_podtriage as p, json; print(json.dumps(dir(p)))")
    helpers = {"TYPE_CHECKING", "Any", "annotations", "import_module"}
    assert {name for name in listed if not name.startswith("_")} - helpers == set(package.__all__)


@pytest.mark.parametrize("name", package.__all__)
def test_every_public_name_is_there_and_has_a_docstring(name: str) -> None:
    assert getattr(package, name).__doc__


def test_importing_the_package_imports_no_other_module_of_it() -> None:
    loaded = printed_json("import flytekitplugins_podtriage, json, sys; print(json.dumps(sorted(sys.modules)))")
    assert [name for name in loaded if name.startswith("flytekitplugins_podtriage.")] == []


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize("module", ["plugin", "cli.main", "core"])
def test_modules_that_others_name_are_importable(module: str) -> None:
    assert import_module(f"{package.__name__}.{module}").__doc__
