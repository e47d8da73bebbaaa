"""What the tests of the package itself share."""

from __future__ import annotations

import pytest

from tests.paths import ROOT


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the modules in tools/ importable."""
    monkeypatch.syspath_prepend(ROOT / "tools")
