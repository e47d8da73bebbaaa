"""The oldest dependencies that CI installs are those that the metadata allow."""

from __future__ import annotations

import re
from importlib.metadata import requires

import pytest

from tests.packaging.places import ROOT


@pytest.mark.usefixtures("tool")
def test_every_dependency_has_a_lower_bound_which_the_tool_prints() -> None:
    from oldest import oldest

    lines = [line for line in requires("flytekitplugins-podtriage") or () if 'extra == "lint"' not in line]
    found = [re.fullmatch(r"([\w-]+)[^;]*?>=([0-9.]+).*", line) for line in lines]
    bounds = {match[1]: match[2] for match in found if match is not None}
    assert len(bounds) == len(lines)
    assert bounds == oldest((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
