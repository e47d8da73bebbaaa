"""What is installed, and what its metadata say."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest

import flytekitplugins_podtriage as package
from tests.paths import ROOT

OURS = distribution("flytekitplugins-podtriage")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PACKAGE = Path(package.__file__).parent


def needed() -> list[str]:
    """Return the names of what the package depends on."""
    return [re.split(r"[^A-Za-z0-9-]", line)[0] for line in OURS.requires or () if "extra ==" not in line]


def test_the_version_is_written_in_pyproject_and_nowhere_else() -> None:
    assert f'\nversion = "{OURS.version}"' in PYPROJECT
    assert [path.name for path in PACKAGE.rglob("*.py") if f'"{OURS.version}"' in path.read_text("utf-8")] == []


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.skipif(PACKAGE.parent == ROOT, reason="the checkout itself is what is tested, not a wheel")
def test_only_the_package_is_installed() -> None:
    tops = {path.parts[0] for path in OURS.files or () if path.parts[0] != ".."}
    assert tops == {PACKAGE.name, f"{PACKAGE.name}-{OURS.version}.dist-info"}


@pytest.mark.parametrize("name", ["podtriage", "kubectl-podtriage"])
def test_both_programs_are_the_command_line(name: str) -> None:
    [script] = [point for point in OURS.entry_points if (point.group, point.name) == ("console_scripts", name)]
    assert script.value == "flytekitplugins_podtriage.cli.main:main"
    assert callable(script.load())


def test_pip_refuses_other_pythons() -> None:
    assert set((OURS.metadata["Requires-Python"] or "").split(",")) == {">=3.10", "<3.13"}


def test_every_dependency_is_justified_in_a_line() -> None:
    lines = [line for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    assert [name for name in needed() if not any(re.search(rf"\b{name}\b", line) for line in lines)] == []


def test_every_example_is_listed() -> None:
    lists = [path for path in (ROOT / "README.md", ROOT / "examples" / "README.md") if path.is_file()]
    text = "".join(path.read_text(encoding="utf-8") for path in lists)
    examples = [path.name for path in (ROOT / "examples").glob("[0-9]*")]
    assert [name for name in examples if name not in text] == []


def test_the_changelog_tells_of_this_version_or_of_what_is_to_come() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert OURS.version in headings or OURS.version == "0.1.0"
