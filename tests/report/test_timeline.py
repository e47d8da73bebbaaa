"""The timeline of a pod, and the time of its next pull."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.text.event_labels import Tone
from flytekitplugins_podtriage.report.timeline import build_timeline, latest_time
from tests.recordings import timelines
from tests.report.explanations import explained

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def labels(explanation: Explanation) -> list[str]:
    return [mark.label for mark in explanation.timeline]


def test_a_limited_pull_is_told_from_schedule_to_the_next_try() -> None:
    explanation = explained("pull-429-hub-manifest", at=150)
    assert labels(explanation) == ["scheduled", "pulling", "429", "429"]
    assert [mark.count for mark in explanation.timeline] == [1, 1, 1, 4]
    assert explanation.timeline[-1].tone is Tone.TROUBLE
    assert explanation.next_try is not None
    # Four failures: 10, 20, 40, then 80 s after the last. The record shows the pull 90 s after it.
    assert explanation.next_try - explanation.timeline[-1].at == timedelta(seconds=80)


@pytest.mark.parametrize(
    ("scenario", "at", "expected"),
    [
        ("pull-404-manifest-unknown", 60, "not found"),
        ("pull-403-denied", 60, "403"),
        ("pull-refused", 60, "unavailable"),
        ("pull-dns-nxdomain", 60, "DNS failed"),
        ("volume-configmap-missing", 60, "mount failed"),
        ("sandbox-ip-exhausted", 60, "sandbox failed"),
        ("unschedulable-selector", 20, "unschedulable"),
        ("oom-main", 1e9, "OOMKilled"),
        ("preempted-by-scheduler", 1e9, "PreemptionByScheduler"),
    ],
)
def test_what_happened_has_a_word(scenario: str, at: float, expected: str) -> None:
    assert expected in labels(explained(scenario, at=at))


def test_the_end_of_a_container_is_told_by_code_or_reason() -> None:
    assert labels(explained("pull-429-recovers-early"))[-1] == "exit 0"


def test_a_next_try_is_told_only_where_a_back_off_is_under_way() -> None:
    assert explained("pull-hang-manifest", at=60).next_try is None
    assert explained("oom-main").next_try is None
    assert explained("pull-slow-ok", at=5).next_try is None


def test_stories_are_in_order_and_without_repeats() -> None:
    for row in timelines().values():
        explanation = explained(row["scenario"], kubelet=row["kubelet"])
        times = [mark.at for mark in explanation.timeline]
        assert times == sorted(times), row["id"]
        assert len(set(explanation.timeline)) == len(explanation.timeline), row["id"]


def test_events_of_a_namesake_are_left_out() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "a", "uid": "new"}, "status": {"phase": "Pending"}}
    event = {
        "reason": "Pulling",
        "involvedObject": {"name": "a", "uid": "old"},
        "lastTimestamp": "2026-01-01T11:00:00Z",
    }
    assert build_timeline(read_pod(pod), read_events([event]), NOON) == ()
    assert latest_time(read_pod(pod), read_events([event])) is None


def test_a_time_that_means_none_is_no_part_of_the_story() -> None:
    pod = {"kind": "Pod", "metadata": {"creationTimestamp": "0001-01-01T00:00:00Z"}}
    assert build_timeline(read_pod(pod), [], NOON) == ()


def test_a_deletion_s_last_step_is_not_called_somebody_s_wish() -> None:
    """The kubelet ends a graceful deletion by one without grace, stamped with its own time."""
    explanation = explained("delete-running", at=5)
    (asked,) = [mark for mark in explanation.timeline if mark.label == "deleted"]
    assert asked.text == "the pod's deletion was requested"
    (last,) = [mark for mark in explained("delete-running").timeline if mark.label == "deleted"]
    assert last.at > asked.at
    assert "requested" not in last.text
    assert last.tone is Tone.TROUBLE
