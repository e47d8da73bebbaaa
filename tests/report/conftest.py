"""Recorded stories, and explanations made of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.flyte_pods import attempts_before
from flytekitplugins_podtriage.core.policy import BACKENDS, Policy
from flytekitplugins_podtriage.report.explanation import Explanation, explain
from tests.recordings import timelines


@pytest.fixture(scope="session")
def stories() -> dict[str, dict[str, Any]]:
    """The recorded stories by id."""
    return timelines()


@pytest.fixture
def explained(stories: dict[str, dict[str, Any]]) -> Callable[..., Explanation]:
    """Explain a recorded story at a second of it, from its pod and the events as the API server keeps them."""

    def explained(scenario: str, at: float = 1e9, kubelet: str = "1.34.4", **options: Any) -> Explanation:
        row = stories[f"{scenario}@{kubelet}"]
        steps = [step for step in row["steps"] if step["t"] <= at]
        events = {step["event"]["metadata"]["name"]: step["event"] for step in steps if "event" in step}
        begin = datetime.fromisoformat(row["t0"].replace("Z", "+00:00"))
        pod = [step["pod"] for step in steps if "pod" in step][-1]
        return explain(
            read_pod(pod),
            events=read_events(events.values()),
            attempts_before=attempts_before(pod),
            policies={name: Policy.for_backend(name) for name in BACKENDS},
            limits=Limits(**options),
            now=begin + timedelta(seconds=min(at, row["duration"])),
        )

    return explained
