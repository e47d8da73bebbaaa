"""Reading an attempt from its task template."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt
from flytekitplugins_podtriage.flyte.task import MARKER
from tests.connector.templates import template


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, TaskAttempt("p/0", outputs=True, retries=0)),
        ({"outputs": ()}, TaskAttempt("p/0", outputs=False)),
        ({"retries": 4}, TaskAttempt("p/0", retries=4)),
        ({"outputs": (MARKER,)}, TaskAttempt("p/0")),
        ({"outputs": (MARKER,), "data_config": True}, TaskAttempt("p/0", marker=True)),
        ({"outputs": (MARKER, "o0"), "data_config": True}, TaskAttempt("p/0")),
        ({"outputs": (MARKER,), "custom": {"marker": True}}, TaskAttempt("p/0", marker=True)),
        ({"outputs": (MARKER, "o0"), "custom": {"marker": True}}, TaskAttempt("p/0")),
        ({"outputs": (MARKER,), "custom": {"marker": "yes"}}, TaskAttempt("p/0")),
        ({"custom": {"user_patience": 60.0}}, TaskAttempt("p/0", user_patience=60.0)),
        ({"custom": {"system_patience": 5}}, TaskAttempt("p/0", system_patience=5.0)),
        ({"custom": {"system_patience": "long", "other": 1}}, TaskAttempt("p/0")),
    ],
)
def test_an_attempt_is_read_from_its_template(given: dict[str, Any], expected: TaskAttempt) -> None:
    assert TaskAttempt.of(template(**given), "p/0") == expected
