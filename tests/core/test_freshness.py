"""Time counts only as far as the view reaches: the value, and the rule on pods, built and recorded."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage import ErrorKind, Phase, Policy, triage
from flytekitplugins_podtriage.core.absent_pods import pod_not_created, triage_snapshot
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.durations import ZERO_TIME
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterDenied,
    ClusterError,
    ClusterUnreachable,
    PodRejected,
    PodSnapshot,
    QuotaExceeded,
)
from tests.builders import NOW, pod, running, terminated, waiting
from tests.core.test_timelines import steps
from tests.recordings import timelines

POLICY = Policy(user_patience=40, system_patience=90)
LIMITED = "429 Too Many Requests - toomanyrequests"
MISSING = "docker.io/library/app:1: not found"
UNKNOWN_VIEW = Freshness(as_of=None)


def before(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


# The value


@pytest.mark.parametrize(
    ("as_of", "reach"),
    [(None, ZERO_TIME), (before(30), before(30)), (NOW, NOW), (before(-5), NOW)],
)
def test_a_decision_is_made_as_of_the_view_and_never_later_than_now(as_of: datetime | None, reach: datetime) -> None:
    assert Freshness(as_of=as_of).reach(NOW) == reach


@pytest.mark.parametrize(
    ("freshness", "text"),
    [
        (Freshness(as_of=None), "there is no view of it yet"),
        (Freshness(as_of=before(47)), "the last view of it is 47 s old"),
        (Freshness(as_of=None, heard_at=before(61)), "the last view of it is 61 s old"),
        (Freshness(as_of=before(90), heard_at=before(61)), "the last view of it is 61 s old"),
        (Freshness(as_of=before(-3)), "the last view of it is 0 s old"),
    ],
)
def test_a_message_says_how_old_the_view_is(freshness: Freshness, text: str) -> None:
    assert freshness.describe(NOW) == text


@pytest.mark.parametrize("name", ["as_of", "heard_at"])
def test_a_moment_without_a_zone_is_refused(name: str) -> None:
    moments: dict[str, Any] = {"as_of": None, name: datetime(2026, 3, 1)}  # noqa: DTZ001
    with pytest.raises(ValueError, match=f"{name} is a naive datetime"):
        Freshness(**moments)


# Pods

BY_TIME = {
    "a pull that is the platform's": pod("Pending", waiting("ImagePullBackOff", LIMITED), age=100),
    "a pull that is the user's": pod("Pending", waiting("ErrImagePull", MISSING), age=100),
    "an unknown cause": pod("Pending", waiting("CreateContainerError", "who knows"), age=100),
    "a start that hangs": pod("Pending", waiting("ContainerCreating"), age=100),
    "a crash loop": pod(
        "Running",
        waiting("CrashLoopBackOff", lastState={"terminated": {"exitCode": 1, "reason": "Error"}}, restartCount=3),
        age=100,
        startTime=before(100).isoformat(),
    ),
    "a running pod whose grace period is over": pod("Running", running(), deleted=1),
    "a waiting pod whose grace period is over": pod("Pending", waiting("ContainerCreating"), deleted=1),
}
BY_FACT = {
    "a container that exited": pod("Failed", terminated(3)),
    "a container that was killed for its memory": pod("Failed", terminated(137, "OOMKilled")),
    "a success": pod("Succeeded", terminated(0)),
    "an eviction": pod("Failed", reason="Evicted", message="The node was low on resource: memory."),
    "a refused admission": pod("Failed", reason="OutOfcpu", message="Pod was rejected"),
}


@pytest.mark.parametrize("as_of", [None, before(300), before(70)])
@pytest.mark.parametrize("name", BY_TIME)
def test_an_end_by_time_waits_for_a_view_that_reaches_it(name: str, as_of: datetime | None) -> None:
    snapshot = PodSnapshot(read_pod(BY_TIME[name]))
    current = triage_snapshot(snapshot, POLICY, NOW, Freshness.current(NOW))
    assert current.verdict.phase.failing and current.unconfirmed is None
    if as_of == before(70) and current.verdict.kind is ErrorKind.USER:
        as_of = before(80)  # the user's patience was over then
    decision = triage_snapshot(snapshot, POLICY, NOW, Freshness(as_of=as_of, heard_at=before(65)))
    if as_of is not None and triage(BY_TIME[name], policy=POLICY, now=as_of).phase.terminal:
        return  # it had been long enough
    assert not decision.verdict.phase.terminal
    assert decision.unconfirmed == current.verdict
    assert decision.verdict.kind == triage(BY_TIME[name], policy=POLICY, now=as_of or ZERO_TIME).kind
    assert "decided on a current view of the pod: the last view of it is 65 s old" in decision.verdict.reason
    assert decision.verdict.recheck_at is None, "no passing of time changes it"


@pytest.mark.parametrize("as_of", [None, before(3600), NOW])
@pytest.mark.parametrize("name", BY_FACT)
def test_an_end_that_was_observed_is_not_held_up(name: str, as_of: datetime | None) -> None:
    decision = triage_snapshot(PodSnapshot(read_pod(BY_FACT[name])), POLICY, NOW, Freshness(as_of=as_of))
    assert decision.verdict == triage(BY_FACT[name], policy=POLICY, now=NOW)
    assert decision.verdict.phase.terminal and decision.unconfirmed is None


@pytest.mark.parametrize("as_of", [None, before(3600), before(50), NOW])
def test_a_pod_that_is_gone_is_not_held_up_and_its_last_state_does_not_age(as_of: datetime | None) -> None:
    running_still = PodSnapshot(read_pod(pod("Running", running())), gone=True)
    assert triage_snapshot(running_still, POLICY, NOW, Freshness(as_of=as_of)).verdict.code == "PodGone"
    being_deleted = PodSnapshot(read_pod(pod("Running", running(), deleted=1)), gone=True)
    assert triage_snapshot(being_deleted, POLICY, NOW, Freshness(as_of=as_of)).verdict.rule == "pod-deleted"


def test_a_gone_pod_is_not_charged_for_time_that_nobody_observed() -> None:
    snapshot = PodSnapshot(read_pod(BY_TIME["a pull that is the user's"]), gone=True)
    assert triage_snapshot(snapshot, POLICY, NOW, UNKNOWN_VIEW).verdict.code == "PodGone"
    assert triage_snapshot(snapshot, POLICY, NOW, Freshness.current(NOW)).verdict.kind is ErrorKind.USER


ROWS = st.sampled_from(sorted(timelines()))
SECONDS = st.floats(0, 3000, allow_nan=False)


@given(ROWS, st.floats(0, 1), SECONDS, SECONDS)
def test_an_end_is_one_that_a_current_view_gave_at_the_moment_that_the_view_reaches(
    name: str, part: float, later: float, age: float
) -> None:
    states = list(steps(timelines()[name]))
    at, document, recorded = states[int(part * (len(states) - 1))]
    snapshot = PodSnapshot(read_pod(document), tuple(read_events(recorded)))
    now, as_of = at + timedelta(seconds=later), at + timedelta(seconds=later - age)
    decision = triage_snapshot(snapshot, POLICY, now, Freshness(as_of=as_of))
    then = triage_snapshot(snapshot, POLICY, as_of, Freshness.current(as_of)).verdict
    current = triage_snapshot(snapshot, POLICY, now, Freshness.current(now)).verdict
    if decision.verdict.phase.terminal:
        assert decision.verdict == then
    elif current.phase.terminal:
        assert decision.unconfirmed == current and not then.phase.terminal
    else:
        assert decision.verdict == current and decision.unconfirmed is None


@given(ROWS, st.floats(0, 1), SECONDS)
def test_what_ends_on_a_view_of_no_known_age_ends_on_every_view(name: str, part: float, age: float) -> None:
    states = list(steps(timelines()[name]))
    at, document, recorded = states[int(part * (len(states) - 1))]
    snapshot = PodSnapshot(read_pod(document), tuple(read_events(recorded)))
    unknown = triage_snapshot(snapshot, POLICY, at, UNKNOWN_VIEW).verdict
    if unknown.phase.terminal:
        some = triage_snapshot(snapshot, POLICY, at, Freshness(as_of=at - timedelta(seconds=age))).verdict
        assert (some.phase, some.kind) == (unknown.phase, unknown.kind)


# Pods that were not created

REFUSED = [
    QuotaExceeded("exceeded quota: q"),
    ClusterDenied("create pods: forbidden"),
    ClusterBusy("create pods: HTTP 500: failed calling webhook"),
    PodRejected('admission webhook "w" denied the request: no', status=403),
]


def not_created(error: ClusterError, freshness: Freshness, age: float = 2000) -> Phase:
    return pod_not_created(error, since=before(age), policy=POLICY, now=NOW, freshness=freshness).phase


@pytest.mark.parametrize("error", REFUSED)
def test_a_pod_is_given_up_on_a_refusal_that_came_after_its_patience(error: ClusterError) -> None:
    assert not_created(error, Freshness.current(NOW)) is Phase.RETRYABLE_FAILURE
    assert not_created(error, Freshness(as_of=before(1800))) is Phase.RETRYABLE_FAILURE
    for as_of in (before(1990), None):
        assert not_created(error, Freshness(as_of=as_of)) is Phase.WAITING_FOR_RESOURCES


def test_no_pod_is_given_up_because_nothing_answers() -> None:
    error = ClusterUnreachable("create pods: no response")
    verdict = pod_not_created(error, since=before(9999), policy=POLICY, now=NOW, freshness=Freshness.current(NOW))
    assert verdict.phase is Phase.WAITING_FOR_RESOURCES and verdict.recheck_at is None


def test_a_pod_that_never_can_be_is_given_up_at_once() -> None:
    assert not_created(PodRejected("invalid", status=422), UNKNOWN_VIEW, age=0) is Phase.PERMANENT_FAILURE
