"""What Flyte writes onto a pod."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.core.flyte_pods import attempts_before


@pytest.mark.parametrize(
    ("pod", "before"),
    [
        ({}, 0),
        ({"metadata": {"name": "abc-n0-2"}}, 0),
        ({"metadata": {"name": "abc-n0-2", "labels": {"execution-id": "abc"}}}, 2),
        ({"spec": {"containers": [{"env": [{"name": "FLYTE_ATTEMPT_NUMBER", "value": "3"}]}]}}, 3),
        ({"spec": {"containers": [{"env": [{"name": "FLYTE_ATTEMPT_NUMBER", "value": "x"}]}]}}, 0),
        ({"spec": {"containers": [5, {"env": 5}, {"env": [5]}]}, "metadata": {"labels": 5}}, 0),
        ({"spec": 5, "metadata": {"name": 5, "labels": {"execution-id": "abc"}}}, 0),
    ],
)
def test_the_attempt_is_read_from_whatever_is_there(pod: dict[str, Any], before: int) -> None:
    assert attempts_before(pod) == before
