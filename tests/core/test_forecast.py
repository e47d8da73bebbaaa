"""When, from which budget and with which code a backend takes an attempt, if nothing changes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flytekitplugins_podtriage import forecast
from tests.builders import NOW, pod, running, terminated, waiting
from tests.core.test_triage import LIMITED


@pytest.mark.parametrize(
    ("backend", "seconds", "kind", "code"),
    [
        ("flyte-1.16", 120, "USER", "|ImagePullBackOff"),
        ("flyte-2", 120, "SYSTEM", "|ImagePullBackOff"),
        ("podtriage", 1740, "SYSTEM", "ImagePullBackOff"),
    ],
)
def test_a_forecast_says_when_who_and_why(backend: str, seconds: float, kind: str, code: str) -> None:
    charge = forecast(pod("Pending", waiting("ImagePullBackOff", LIMITED)), backend=backend, now=NOW)
    assert charge.at == NOW + timedelta(seconds=seconds)
    assert (charge.kind, charge.code, charge.permanent) == (kind, code, False)


def test_a_pull_that_has_just_failed_is_charged_when_it_backs_off() -> None:
    given = pod("Pending", waiting("ErrImagePull", "429 Too Many Requests"), age=600)
    charge = forecast(given, backend="flyte-1.16", now=NOW)
    assert charge.at is not None
    assert timedelta(seconds=10) <= charge.at - NOW <= timedelta(seconds=16)
    assert "ImagePullBackOff" in charge.note


def test_a_failure_is_charged_now_and_a_running_pod_never() -> None:
    assert forecast(pod("Failed", terminated(1)), backend="flyte-1.16", now=NOW).at == NOW
    charge = forecast(pod("Running", running()), backend="flyte-1.16", now=NOW)
    assert (charge.at, charge.kind) == (None, None)


def test_a_deleted_pod_that_has_not_ended_is_the_platforms_loss_on_stock_flyte() -> None:
    charge = forecast(pod("Running", running(), deleted=20), backend="flyte-1.16", now=NOW)
    assert (charge.at, charge.kind, charge.code) == (NOW, "SYSTEM", "UnexpectedObjectDeletion")
