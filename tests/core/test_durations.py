"""Durations are read and spelt as Go does, and those beyond the calendar end where it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage import Policy, forecast, triage
from flytekitplugins_podtriage.core.durations import go_format, seconds
from tests.builders import NOW, pod, waiting

FAR = "9999-12-31T23:59:00Z"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0s"),
        (5e-9, "5ns"),
        (1.5e-6, "1.5µs"),
        (0.0015, "1.5ms"),
        (-60, "-1m0s"),
        (3661, "1h1m1s"),
        (90.5, "1m30.5s"),
    ],
)
def test_durations_are_spelt_as_go_spells_them(value: float, text: str) -> None:
    assert go_format(value) == text
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("value", [True, None, [1]])
def test_a_duration_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="a duration is a number of seconds"):
        seconds(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_duration_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        seconds(value)


def test_a_timedelta_is_a_duration() -> None:
    assert seconds(timedelta(minutes=3)) == 180.0


@pytest.mark.parametrize("backend", ["podtriage", "flyte-1.16", "flyte-2"])
@pytest.mark.parametrize("grace", [1e12, -1e12])
def test_a_grace_beyond_the_calendar_is_its_end(backend: str, grace: float) -> None:
    policy = attrs.evolve(
        Policy.for_backend(backend), image_pull_backoff_grace_period=grace, system_patience=grace, user_patience=grace
    )
    given = pod("Pending", waiting("ImagePullBackOff", "Back-off: 429 Too Many Requests"))
    assert triage(given, policy=policy, now=NOW).failing is (grace < 0)
    assert forecast(given, backend=backend, policy=policy, now=NOW).backend == backend


def test_a_transition_at_the_end_of_the_calendar_is_in_the_future() -> None:
    given = pod("Pending", waiting("ImagePullBackOff", "x"))
    given["status"]["conditions"][0]["lastTransitionTime"] = FAR
    for backend in ("podtriage", "flyte-1.16", "flyte-2"):
        assert not triage(given, policy=Policy.for_backend(backend), now=NOW).failing
