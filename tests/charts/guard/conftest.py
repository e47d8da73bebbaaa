"""What the tests of the guard's chart share."""

from __future__ import annotations

import pytest

from tests.charts.guard.rendering import GUARD_CHART
from tests.charts.rendering import Chart, helm


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Chart:
    """Return the guard's chart; without helm the test is skipped."""
    return Chart(helm(), tmp_path_factory.mktemp("helm"), GUARD_CHART)
