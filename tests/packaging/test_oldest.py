"""The oldest dependencies that CI installs are those that the metadata allow."""

from __future__ import annotations

import re
from importlib.metadata import requires

import pytest

from tests.paths import ROOT


@pytest.mark.usefixtures("tool")
def test_every_dependency_has_a_lower_bound_which_the_tool_prints() -> None:
    from oldest import oldest

    lines = [
        line
        for line in requires("flytekitplugins-podtriage") or ()
        if 'extra == "lint"' not in line and not line.startswith("flytekitplugins-podtriage[")
    ]
    matches = {line: re.fullmatch(r"([\w-]+)[^;]*?>=([0-9.]+).*", line) for line in lines}
    assert [line for line, match in matches.items() if match is None] == []
    bounds = {match[1]: match[2] for match in matches.values() if match is not None}
    # An extra of a dependency has the dependency's own bound.
    assert {(match[1], match[2]) for match in matches.values() if match is not None} == set(bounds.items())
    assert bounds == oldest((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
