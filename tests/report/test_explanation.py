"""What an explanation says of the pod and its record."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.decode import read_pod
from flytekitplugins_podtriage.core.policy import BACKENDS, Policy
from flytekitplugins_podtriage.report.explanation import explain
from tests.recordings import timelines
from tests.report.explanations import explained

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def test_an_old_record_is_pointed_out_only_if_nobody_chose_the_moment() -> None:
    pod = [step["pod"] for step in timelines()["pull-429-hub-manifest@1.34.4"]["steps"] if "pod" in step][-1]
    policies = {name: Policy.for_backend(name) for name in BACKENDS}
    for chosen in (True, False):
        explanation = explain(
            read_pod(pod),
            policies=policies,
            limits=Limits(),
            now=NOON + timedelta(days=3650),
            now_is_explicit=chosen,
        )
        assert any("--now last" in note for note in explanation.notes) is not chosen


@pytest.mark.parametrize(
    ("scenario", "standing"),
    [
        ("exit-0", "Succeeded 2s ago"),
        ("pull-429-recovers-after-grace", "Succeeded 3s ago"),
        ("oom-main", "Failed 2s ago"),
        ("node-gone", "Failed 0s ago"),
        ("guard-patch-delete", "Failed: Terminated 2s ago"),
        ("admission-outofcpu", "Failed: OutOfcpu 1s ago"),
        ("deadline-in-backoff", "Failed: DeadlineExceeded"),
    ],
)
def test_how_long_ago_a_pod_ended_is_told_only_where_it_is_known(scenario: str, standing: str) -> None:
    """The condition Ready does not tell: of a pod that was never ready it has not changed since its node took it."""
    assert explained(scenario).state_with_age == standing
