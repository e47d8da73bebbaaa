"""The corners: what is odd, rare or beyond the calendar is answered too."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage import (
    Category,
    InvalidPod,
    InvalidRule,
    Policy,
    Verdict,
    diagnose,
    forecast,
    remember,
    triage,
)
from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits, flyte_2, runs_on_spot
from flytekitplugins_podtriage.core.durations import go_format, seconds
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.rules.builtin import BUILT_IN
from flytekitplugins_podtriage.core.rules.rule import Rule
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from tests.builders import NOW, ago, condition, disruption, event, pod, running, terminated, waiting

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


def test_an_empty_category_and_one_with_blanks_are_none() -> None:
    for name in ("", "a b", "UPPER", "x" * 65, "é", 3):
        with pytest.raises(ValueError, match="is not a valid Category"):
            Category(name)
    assert Category("my_own") == "my_own"


def test_a_verdict_of_a_newer_schema_is_refused() -> None:
    data = json.loads(triage({}, now=NOW).to_json())
    with pytest.raises(ValueError, match="verdict of schema 99: this version reads up to 1"):
        Verdict.from_json(json.dumps({**data, "schema": 99}))
    with pytest.raises(ValueError, match="not the JSON of a verdict: "):
        Verdict.from_json(b"[]")


def test_a_verdict_with_a_category_of_somebodys_own_is_read() -> None:
    data = json.loads(triage({}, now=NOW).to_json())
    assert Verdict.from_json(json.dumps({**data, "category": "mirror_cold"})).category == "mirror_cold"


def test_a_charge_is_json_too() -> None:
    charge = forecast(pod("Failed", terminated(1)), backend="flyte-1.16", now=NOW)
    assert json.loads(charge.to_json())["backend"] == "flyte-1.16"


def test_with_ignore_retry_cause_attempts_take_a_task_off_spot() -> None:
    limits = Limits(retries=2, interruptible=True, ignore_retry_cause=True)
    assert [runs_on_spot(Counters(number), limits) for number in range(3)] == [True, True, False]


def test_a_positive_threshold_counts_from_the_start() -> None:
    limits = Limits(interruptible=True, interruptible_failure_threshold=1)
    assert [runs_on_spot(Counters(number, number), limits) for number in range(2)] == [True, False]


def test_flyte_2_does_not_repeat_what_cannot_be_mended() -> None:
    failure = Failure(ErrorKind.USER, "Code", "m", recoverable=False)
    outcome = flyte_2(Counters(1, 2), failure, Limits(retries=9))
    assert (outcome.retried, outcome.final, outcome.counters) == (False, failure, Counters(1, 0))


@pytest.mark.parametrize("given", ["{", "[1]", {"reason": 3}, '{"reason": 3}'])
def test_an_event_that_cannot_be_read_is_refused_in_one_line(given: object) -> None:
    with pytest.raises(InvalidPod, match="not an Event"):
        triage({}, events=[given], now=NOW)


def test_a_client_event_is_read_as_its_json_is() -> None:
    client = pytest.importorskip("kubernetes.client")
    given = pod("Pending", waiting("ImagePullBackOff", 'Back-off pulling image "acme/app:v1"'))
    model = client.CoreV1Event(
        metadata=client.V1ObjectMeta(name="e"),
        involved_object=client.V1ObjectReference(uid=given["metadata"]["uid"], field_path="spec.containers{main}"),
        reason="Failed",
        message='Failed to pull image "acme/app:v1": 429 Too Many Requests',
        last_timestamp=NOW,
    )
    assert triage(given, events=[model], now=NOW).category == "registry_rate_limited"


def test_the_later_of_two_states_counts_in_memory() -> None:
    limited = waiting("ErrImagePull", "429 Too Many Requests")
    first = remember(None, pod("Pending", limited), now=NOW)
    bare = pod("Pending", waiting("ImagePullBackOff", 'Back-off pulling image "acme/app:v1"'))
    second = remember(first, bare, now=NOW + timedelta(seconds=13))
    assert second == first
    assert triage(bare, memory=second, now=NOW).category == "registry_rate_limited"
    assert remember(second, pod("Running", running()), now=NOW).causes == ()


def test_another_pod_of_the_same_name_is_not_remembered() -> None:
    first = remember(None, pod("Pending", waiting("ErrImagePull", "429 Too Many Requests")), now=NOW)
    other = remember(first, pod("Pending", waiting("ContainerCreating"), uid="v"), now=NOW)
    assert (other.uid, other.causes) == ("v", ())


PODS: list[tuple[str, dict[str, Any], str, str | None, str | None]] = [
    (
        "deleted while it waits, within its grace",
        pod(
            "Pending",
            waiting("ContainerCreating"),
            deleted=-20,
        ),
        "Initializing",
        None,
        None,
    ),
    (
        "deleted while it waits, and the grace is over",
        pod("Pending", waiting("ContainerCreating"), deleted=1),
        "RetryableFailure",
        "SYSTEM",
        "deleted",
    ),
    (
        "deleted while it runs, within its grace",
        pod("Running", running(), deleted=-20),
        "Running",
        None,
        None,
    ),
    (
        "deleted while it runs, and the grace is over",
        pod("Running", running(), deleted=1),
        "RetryableFailure",
        "SYSTEM",
        "deleted",
    ),
    (
        "deleted while it waited for what the user had named wrongly",
        pod("Failed", waiting("ImagePullBackOff", "manifest unknown"), deleted=1),
        "RetryableFailure",
        "USER",
        "not_found",
    ),
    (
        "a start that does not end",
        pod("Pending", waiting("ContainerCreating"), age=4000),
        "RetryableFailure",
        "SYSTEM",
        "unknown",
    ),
    ("not yet seen by the kubelet", pod("Pending", conditions=[]), "Queued", None, None),
    (
        "not scheduled for a reason that is new",
        pod("Pending", conditions=[condition("PodScheduled", "False", "Dreaming", "z")]),
        "Queued",
        None,
        None,
    ),
    (
        "failed while it still waited",
        pod("Failed", waiting("ImagePullBackOff", "429 Too Many Requests")),
        "RetryableFailure",
        "SYSTEM",
        "registry_rate_limited",
    ),
    (
        "an init container out of memory",
        pod("Failed", inits=[terminated(137, "OOMKilled", name="i")]),
        "RetryableFailure",
        "USER",
        "oom",
    ),
    (
        "a sidecar that failed before the task's container ran",
        pod("Failed", waiting("PodInitializing"), terminated(1, name="s"), primary="main"),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
    (
        "a crash that is started again",
        pod(
            "Running",
            waiting("CrashLoopBackOff", restartCount=2, lastState=terminated(1)["state"]),
            conditions=[],
            startTime=ago(60),
        ),
        "Running",
        "USER",
        "app_error",
    ),
    (
        "a crash that was started again too often",
        pod(
            "Running",
            waiting("CrashLoopBackOff", restartCount=9, lastState=terminated(1)["state"]),
            conditions=[],
            startTime=ago(600),
        ),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
    (
        "a crash of which nothing is known",
        pod("Running", waiting("CrashLoopBackOff"), conditions=[], startTime=ago(600)),
        "Running",
        "USER",
        "app_error",
    ),
    (
        "a node's reason with a message of another cause",
        pod("Failed", terminated(1), reason="Shutdown", message="manifest unknown"),
        "RetryableFailure",
        "SYSTEM",
        "node_shutdown",
    ),
    (
        "ended by the kubelet for a reason that it names",
        pod(
            "Failed",
            terminated(137),
            reason="Preempting",
            message="Preempted in order to admit critical pod",
            conditions=[disruption("TerminationByKubelet")],
        ),
        "RetryableFailure",
        "SYSTEM",
        "preempted",
    ),
    (
        "ended by the kubelet for a reason that is new",
        pod(
            "Failed",
            terminated(137),
            reason="Dreaming",
            conditions=[disruption("TerminationByKubelet")],
        ),
        "RetryableFailure",
        "SYSTEM",
        "evicted",
    ),
    (
        "an annotation that names no container",
        pod("Failed", terminated(1), terminated(0, name="s"), primary="none"),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
]


@pytest.mark.parametrize(("given", "phase", "kind", "category"), [pytest.param(*case[1:], id=case[0]) for case in PODS])
def test_rare_pod(given: dict[str, Any], phase: str, kind: str | None, category: str | None) -> None:
    verdict = triage(given, now=NOW)
    assert (verdict.phase, verdict.kind, verdict.category) == (phase, kind, category)


def test_a_pull_that_does_not_end_is_a_time_out_of_the_network() -> None:
    given = pod("Pending", waiting("ContainerCreating"), age=4000)
    events = [event("Pulling", 'Pulling image "acme/app:v1"', age=3000)]
    verdict = triage(given, events=events, now=NOW)
    assert (verdict.category, verdict.kind, verdict.container) == ("network_timeout", "SYSTEM", "main")
    assert not triage(given, events=[event("Pulling", "x", age=60)], now=NOW).failing


def test_a_node_that_stopped_answering_is_told_from_one_that_was_drained() -> None:
    given = pod("Failed", terminated(137), conditions=[disruption("DeletionByTaintManager")])
    lost = {"reason": "NodeNotReady", "message": "Node is not ready", "lastTimestamp": ago(60)}
    assert triage(given, events=[lost], now=NOW).category == "node_lost"
    assert triage(given, now=NOW).category == "preempted"


def test_a_time_that_the_registry_asks_for_is_when_to_look_again() -> None:
    given = pod("Pending", waiting("ErrImagePull", "x"))
    events = [event("Failed", 'Failed to pull image "acme/app:v1": 429 Too Many Requests, retry after 60s', age=10)]
    assert triage(given, events=events, now=NOW).recheck_at == NOW + timedelta(seconds=50)


def test_the_pending_timeout_of_a_pod_without_a_cause_is_the_platforms() -> None:
    verdict = triage(pod("Pending", waiting("ContainerCreating")), policy=Policy(pod_pending_timeout=30), now=NOW)
    assert (verdict.code, verdict.kind, verdict.category) == ("PodPendingTimeout", "SYSTEM", "unknown")
    held = triage(pod("Pending", waiting("ContainerCreating")), policy=Policy(pod_pending_timeout=90), now=NOW)
    assert held.recheck_at == NOW + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("HTTP/1.1 429", 429),
        ("HTTP/2 503", 503),
        ("(HTTP code 500) server error - toomanyrequests", None),
        ("API error (500): toomanyrequests", None),
        ("exit code 137", None),
        ("allowed: 44000/minute, 429 of them", None),
        ("503 Service Unavailable", 503),
        ("504 Gateway Time-out", 504),
    ],
)
def test_a_status_stands_in_a_frame(text: str, status: int | None) -> None:
    assert diagnose(text).http_status == status


def test_a_book_is_a_sequence_of_rules_with_ids_of_their_own() -> None:
    assert BUILT_IN[0] is next(iter(BUILT_IN))
    with pytest.raises(InvalidRule, match="the id is taken"):
        RuleBook([BUILT_IN[0], BUILT_IN[0]])


def test_a_rule_may_ask_for_a_status_a_reason_and_words_at_once() -> None:
    rule = Rule(
        id="mine",
        category="x",
        kind="SYSTEM",
        means="m",
        remedy="r.",
        source="here",
        phrases="a b",
        also="c",
        unless="d",
        statuses={503},
        reasons={"R"},
    )
    book = RuleBook([rule])
    assert diagnose("status 503: a b c", reason="R", rules=book).rule == "mine"
    for text, reason in (
        ("status 503: a b c", "S"),
        ("status 500: a b c", "R"),
        ("status 503: a c", "R"),
        ("status 503: a b", "R"),
        ("status 503: a b c d", "R"),
    ):
        assert diagnose(text, reason=reason, rules=book).rule == "unknown"


def test_bytes_and_memory_views_are_pods_too() -> None:
    data = json.dumps(pod("Failed", terminated(1))).encode()
    now = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    answers = {triage(form, now=now).to_json() for form in (data, bytearray(data), memoryview(data), data.decode())}
    assert len(answers) == 1


def test_a_member_of_an_enumeration_is_found_by_its_string() -> None:
    assert {Category.UNKNOWN: 1}["unknown"] == 1
    assert {Category("my_own"), "my_own"} == {"my_own"}
