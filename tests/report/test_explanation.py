"""What an explanation holds: the story, the next try, and who pays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.flyte_pods import attempts_before
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.policy import BACKENDS, Policy
from flytekitplugins_podtriage.report.explanation import Explanation, explain
from flytekitplugins_podtriage.report.text.event_labels import Tone
from flytekitplugins_podtriage.report.timeline import build_timeline, latest_time

Explained = Callable[..., Explanation]
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def labels(told: Explanation) -> list[str]:
    return [mark.label for mark in told.timeline]


def at_noon(pod: dict[str, Any], **limits: Any) -> Explanation:
    policies = {name: Policy.for_backend(name) for name in BACKENDS}
    return explain(read_pod(pod), policies=policies, limits=Limits(**limits), now=NOON)


def test_a_limited_pull_is_told_from_schedule_to_the_next_try(explained: Explained) -> None:
    told = explained("pull-429-hub-manifest", at=150)
    assert labels(told) == ["scheduled", "pulling", "429", "429"]
    assert [mark.count for mark in told.timeline] == [1, 1, 1, 4]
    assert told.timeline[-1].tone is Tone.TROUBLE
    assert told.next_try is not None
    # Four failures: 10, 20, 40, then 80 s after the last. The record shows the pull 90 s after it.
    assert told.next_try - told.timeline[-1].at == timedelta(seconds=80)


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
def test_what_happened_has_a_word(explained: Explained, scenario: str, at: float, expected: str) -> None:
    assert expected in labels(explained(scenario, at=at))


def test_the_end_of_a_container_is_told_by_code_or_reason(explained: Explained) -> None:
    assert labels(explained("pull-429-recovers-early"))[-1] == "exit 0"


def test_a_next_try_is_told_only_where_a_back_off_is_under_way(explained: Explained) -> None:
    assert explained("pull-hang-manifest", at=60).next_try is None
    assert explained("oom-main").next_try is None
    assert explained("pull-slow-ok", at=5).next_try is None


def test_stories_are_in_order_and_without_repeats(explained: Explained, stories: dict[str, Any]) -> None:
    for row in stories.values():
        told = explained(row["scenario"], kubelet=row["kubelet"])
        times = [mark.at for mark in told.timeline]
        assert times == sorted(times), row["id"]
        assert len(set(told.timeline)) == len(told.timeline), row["id"]


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


def test_who_pays_on_each_backend(explained: Explained) -> None:
    told = explained("pull-429-hub-manifest", at=150, retries=2)
    stock, newer, ours = told.charges
    assert [charge.charge.kind for charge in told.charges] == [ErrorKind.USER, ErrorKind.SYSTEM, ErrorKind.SYSTEM]
    assert (stock.charged_to, stock.consequence, stock.wrong, stock.task_ends) == (
        "user retries, 2 left",
        "retried at once as attempt 2",
        True,
        False,
    )
    assert (newer.charged_to, newer.wrong) == ("system retries", False)
    assert (ours.charged_to, ours.wrong, ours.task_ends) == ("system retries, 1 of 3", False, False)
    assert ours.charge.at is not None
    assert stock.charge.at is not None
    assert ours.charge.at > stock.charge.at


def test_a_user_s_failure_is_nobody_s_wrong(explained: Explained) -> None:
    told = explained("pull-404-manifest-unknown", at=60)
    assert [charge.charge.kind for charge in told.charges] == [ErrorKind.USER] * 3
    assert not any(charge.wrong for charge in told.charges)


def test_the_last_system_retry_is_kept_while_the_user_could_pay(explained: Explained) -> None:
    ours = explained("preempted-by-scheduler", retries=1, max_system_failures=1).charges[-1]
    assert ours.charged_to == "user retries, 1 left"
    assert "a user retry is spent so that the task goes on" in ours.consequence


def test_with_both_budgets_spent_the_task_ends(explained: Explained) -> None:
    ours = explained("preempted-by-scheduler", max_system_failures=0).charges[-1]
    assert ours.task_ends
    assert "neither budget has a retry left" in ours.consequence


def test_a_permanent_failure_is_not_tried_again() -> None:
    waiting = {"waiting": {"reason": "InvalidImageName", "message": "couldn't parse image name"}}
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T11:59:00Z"}
    status = {"phase": "Pending", "conditions": [ready], "containerStatuses": [{"name": "a", "state": waiting}]}
    told = at_noon({"kind": "Pod", "status": status}, retries=5)
    assert told.charges[0].consequence == "the task fails at once: this failure is not retried"
    assert told.charges[0].task_ends
    assert [charge.charged_to for charge in told.charges] == ["user retries, 5 left"] * 3


def test_a_time_far_in_the_future_charges_nobody() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "429 Too Many Requests"}}
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": "2999-01-01T00:00:00Z"}
    status = {"phase": "Pending", "conditions": [ready], "containerStatuses": [{"name": "a", "state": waiting}]}
    told = at_noon({"kind": "Pod", "status": status})
    assert told.charges[0].charge.kind is None
    assert told.charge_time(told.charges[0]) == "never"
    assert told.state_with_age == "ImagePullBackOff"


def test_an_unknown_cause_is_called_unknown_and_nobody_is_wronged() -> None:
    waiting = {"waiting": {"reason": "SomethingNew", "message": "nobody knows this"}}
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T11:00:00Z"}
    status = {"phase": "Pending", "conditions": [ready], "containerStatuses": [{"name": "a", "state": waiting}]}
    told = at_noon({"kind": "Pod", "status": status})
    assert told.cause_unknown
    assert not any(charge.wrong for charge in told.charges)


def test_an_old_record_is_pointed_out_only_if_nobody_chose_the_moment(stories: dict[str, Any]) -> None:
    pod = [step["pod"] for step in stories["pull-429-hub-manifest@1.34.4"]["steps"] if "pod" in step][-1]
    policies = {name: Policy.for_backend(name) for name in BACKENDS}
    for chosen in (True, False):
        told = explain(
            read_pod(pod),
            policies=policies,
            limits=Limits(),
            now=NOON + timedelta(days=3650),
            now_is_explicit=chosen,
        )
        assert any("--now last" in note for note in told.notes) is not chosen


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
def test_how_long_ago_a_pod_ended_is_told_only_where_it_is_known(
    explained: Explained, scenario: str, standing: str
) -> None:
    """The condition Ready does not tell: of a pod that was never ready it has not changed since its node took it."""
    assert explained(scenario).state_with_age == standing
