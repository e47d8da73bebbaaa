"""Explanations of recorded timelines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.flyte_pods import attempts_before
from flytekitplugins_podtriage.core.policy import BACKENDS, Policy
from flytekitplugins_podtriage.report.explanation import Explanation, explain
from tests.recordings import moment, timelines

POLICIES: Final = {name: Policy.for_backend(name) for name in BACKENDS}


def explained(scenario: str, at: float = 1e9, kubelet: str = "1.34.4", **limits: Any) -> Explanation:
    """Explain a recorded timeline at a second of it, from its pod and the events as the API server keeps them."""
    row = timelines()[f"{scenario}@{kubelet}"]
    steps = [step for step in row["steps"] if step["t"] <= at]
    events = {step["event"]["metadata"]["name"]: step["event"] for step in steps if "event" in step}
    pod = [step["pod"] for step in steps if "pod" in step][-1]
    return explain(
        read_pod(pod),
        events=read_events(events.values()),
        attempts_before=attempts_before(pod),
        policies=POLICIES,
        limits=Limits(**limits),
        now=moment(row["t0"]) + timedelta(seconds=min(at, row["duration"])),
    )
