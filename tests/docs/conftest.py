"""What the tests of the documentation share."""

from __future__ import annotations

import pytest

from tests.paths import ROOT


@pytest.fixture(autouse=True)
def tool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the modules in tools/ importable."""
    monkeypatch.syspath_prepend(ROOT / "tools")
