"""The programs that the tests run, as ``tools/assets.py`` finds them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.paths import ROOT

_TOOLS = str(ROOT / "tools")


def tool(name: str) -> ModuleType:
    """Return a module of the folder ``tools``."""
    from importlib import import_module

    sys.path.append(_TOOLS)
    try:
        return import_module(name)
    finally:
        sys.path.remove(_TOOLS)


def found(programs: str) -> Path:
    """Return the folder of a set of programs, ``API_SERVER`` or ``KUBELET``; without one, the tests are skipped."""
    assets = tool("assets")
    wanted = getattr(assets, programs)
    try:
        folder: Path | None = assets.find(os.environ, wanted)
    except assets.Missing as missing:
        pytest.skip(str(missing))
    if folder is None:
        pytest.skip(f"no {wanted} in {wanted.named}, PATH or the cache; tools/assets.py builds what is missing")
    return folder
