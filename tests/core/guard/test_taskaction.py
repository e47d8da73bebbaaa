"""What a TaskAction says of a pod's task."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from flyteidl.core.literals_pb2 import RetryStrategy
from flyteidl.core.tasks_pb2 import Container, TaskMetadata, TaskTemplate
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Counters, Limits
from flytekitplugins_podtriage.core.guard.task_template import template_retries
from flytekitplugins_podtriage.core.guard.taskaction import pods_cannot_be_created, task_record
from flytekitplugins_podtriage.core.guard.values import TaskRecord

LIMITS = Limits(retries=7, max_system_failures=4, default_max_attempts=5)
NOW = datetime(2026, 10, 1, 12, tzinfo=timezone.utc)


def template(retries: int | None = 2) -> TaskTemplate:
    metadata = None if retries is None else TaskMetadata(retries=RetryStrategy(retries=retries), discoverable=True)
    return TaskTemplate(metadata=metadata, type="python-task", container=Container(image="i", args=["a"] * 3))


def encoded(retries: int | None = 2) -> str:
    return base64.b64encode(template(retries).SerializeToString()).decode()


def action(**changes: Any) -> dict[str, Any]:
    """Return a TaskAction whose first pod waits to start."""
    status = {"attempts": 1, "phaseHistory": history("Queued", "Initializing"), "conditions": [progressing()]}
    spec = {"runName": "r1", "taskTemplate": encoded()}
    return {
        "apiVersion": "flyte.org/v1",
        "kind": "TaskAction",
        "metadata": {"name": "r1-a0", "uid": "u1", **changes.get("metadata", {})},
        "spec": {**spec, **changes.get("spec", {})},
        "status": {**status, **changes.get("status", {})},
    }


def history(*phases: str) -> list[dict[str, str]]:
    return [{"phase": phase, "occurredAt": "2026-10-01T12:00:00Z"} for phase in phases]


def progressing() -> dict[str, str]:
    return {"type": "Progressing", "status": "True", "reason": "Initializing"}


def answer(resource: object, name: str | None = "r1-a0-0") -> TaskRecord | str:
    data = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
    return task_record(data, wire.Pod(metadata=wire.Metadata(name=name)), LIMITS)


def record(resource: object, name: str = "r1-a0-0") -> TaskRecord:
    one = answer(resource, name)
    assert isinstance(one, TaskRecord), one
    return one


def test_the_record_of_an_action() -> None:
    assert record(action()) == TaskRecord(
        execution="r1-a0",
        uid="u1",
        attempt=0,
        counters=Counters(0, 0),
        limits=Limits(retries=2, max_system_failures=4, default_max_attempts=1),
        pod_names=frozenset({"r1-a0-0"}),
    )


@pytest.mark.parametrize(
    ("attempts", "attempt", "pod"), [(None, 0, "r1-a0-0"), (0, 0, "r1-a0-0"), (1, 0, "r1-a0-0"), (3, 2, "r1-a0-2")]
)
def test_attempts_are_counted_from_one_and_absent_before_the_first_ended(
    attempts: int | None, attempt: int, pod: str
) -> None:
    one = record(action(status={"attempts": attempts}))
    assert (one.attempt, one.counters.attempts, one.pod_names) == (attempt, attempt, frozenset({pod}))


@pytest.mark.parametrize("name", ["r1-a0", "r1-a0-", "r1-a0-x", "r1-a0-٣", "r1-a-0", "r1-a0-0-0", "", None])
def test_a_pod_that_no_attempt_would_have_has_no_record(name: str | None) -> None:
    assert str(answer(action(), name)).startswith("no attempt of TaskAction r1-a0")


def test_an_action_that_waits_for_a_signal_has_no_pod() -> None:
    assert isinstance(answer(action(spec={"actionType": "condition"})), str)
    assert isinstance(answer(action(spec={"actionType": "task"})), TaskRecord)


@pytest.mark.parametrize(
    ("text", "retries", "known"),
    [
        (encoded(2), 2, True),
        (encoded(0), 0, True),
        (encoded(None), 0, True),
        (encoded(1_000_000), 1_000_000, True),
        (encoded(2**32 - 1), 0, True),  # retries + 1 overflows, and one attempt is made all the same
        ("", 0, True),
        (None, 0, True),
        ("!", 7, False),
        (encoded(2)[:-2], 7, False),
        (base64.b64encode(b"\x1a\x7f").decode(), 7, False),
    ],
)
def test_the_retries_are_in_the_task_template(text: str | None, retries: int, known: bool) -> None:
    one = record(action(spec={"taskTemplate": text}))
    assert (one.limits.retries, one.retries_known) == (retries, known)


@pytest.mark.parametrize(
    ("phases", "attempts", "restarts"),
    [
        (("Queued",), 1, 0),
        (("Queued", "Initializing", "Queued", "Initializing"), 1, 1),
        (("Queued", "Initializing", "Queued", "Initializing"), 2, 0),
        (("Queued", "Initializing") * 5, 2, 3),
        (("Queued", "Initializing", "RetryableFailure", "Executing"), 1, 0),
        (("Queued",), 3, 0),
        ((), 1, 0),
    ],
)
def test_every_new_pod_is_queued_once(phases: tuple[str, ...], attempts: int, restarts: int) -> None:
    one = record(action(status={"attempts": attempts, "phaseHistory": history(*phases)}))
    assert one.system_restarts == restarts
    assert one.unsettled is (not phases)


@pytest.mark.parametrize(("failures", "launch_errors"), [(None, False), (0, False), (1, True), (3, True)])
def test_system_failures_that_stand_are_errors_of_launching(failures: int | None, launch_errors: bool) -> None:
    one = record(action(status={"systemFailures": failures}))
    assert (one.launch_errors, one.counters.system_failures) == (launch_errors, failures or 0)


@pytest.mark.parametrize(
    ("changes", "over"),
    [
        ({}, False),
        ({"status": {"conditions": None}}, False),
        ({"status": {"conditions": [{"type": "Failed", "status": "False"}, progressing()]}}, False),
        ({"status": {"conditions": [progressing(), {"type": "Failed", "status": "True", "reason": "Aborted"}]}}, True),
        ({"status": {"conditions": [{"type": "Succeeded", "status": "True"}]}}, True),
        ({"status": {"conditions": [{"type": "Succeeded", "status": "Unknown"}]}}, False),
        ({"metadata": {"deletionTimestamp": "2026-10-01T12:00:00Z"}}, True),
        ({"metadata": {"labels": {"flyte.org/termination-status": "terminated"}}}, True),
        ({"metadata": {"labels": {"termination-status": "terminated"}}}, False),
    ],
)
def test_whether_the_action_is_over(changes: dict[str, Any], over: bool) -> None:
    assert record(action(**changes)).over is over


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (b"", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        (b'{"status":{"attempts":"1"}}', "cannot be read"),
        (b'{"kind":"FlyteWorkflow","metadata":{"name":"r1-a0","uid":"u1"}}', "not a TaskAction but a 'FlyteWorkflow'"),
        (b'{"metadata":{"name":"r1-a0"}}', "no name or no uid"),
        (b"{}", "no name or no uid"),
    ],
)
def test_what_is_no_action_is_a_reason(resource: bytes, reason: str) -> None:
    assert reason in str(answer(resource))


def launch_event(**changes: Any) -> wire.Event:
    note = 'Plugin "container" system error: [InternalError] failed to create resource, caused by: webhook'
    fields = {"reason": "FailedPluginHandle", "note": note, "event_time": NOW, **changes}
    return wire.Event(**fields)


@pytest.mark.parametrize(
    ("events", "broken"),
    [
        ((), False),
        ((launch_event(),), True),
        ((launch_event(event_time=NOW - timedelta(seconds=1)),), False),
        ((launch_event(event_time=None),), False),
        ((launch_event(note=None, message="failed to create resource"),), True),
        ((launch_event(reason="Failed"),), False),
        ((launch_event(note='Plugin "container" system error: [Interrupted] 429'),), False),  # a pod's, or an act
        (
            (launch_event(event_time=NOW - timedelta(1), series=wire.EventSeries(count=9, last_observed_time=NOW)),),
            True,
        ),
    ],
)
def test_events_say_whether_pods_can_be_created(events: tuple[wire.Event, ...], broken: bool) -> None:
    assert pods_cannot_be_created(events, NOW) is broken


# The reader of protobuf


@given(st.integers(0, 2**32 - 2), st.text(), st.dictionaries(st.text(), st.text()), st.booleans())
def test_the_retries_are_those_that_the_real_message_has(
    retries: int, text: str, config: dict[str, str], interruptible: bool
) -> None:
    message = template(retries)
    message.type, message.metadata.interruptible, message.metadata.deprecated_error_message = text, interruptible, text
    message.config.update(config)
    assert template_retries(message.SerializeToString()) == retries


def test_a_message_that_is_there_twice_is_merged() -> None:
    first, second = template(2), TaskTemplate(metadata=TaskMetadata(discovery_version="1"))
    both = first.SerializeToString() + second.SerializeToString()
    assert TaskTemplate.FromString(both).metadata.retries.retries == template_retries(both) == 2
    both += template(5).SerializeToString()
    assert TaskTemplate.FromString(both).metadata.retries.retries == template_retries(both) == 5


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda data: template(3).SerializeToString() + data))
def test_any_bytes_have_retries_or_none(data: bytes) -> None:
    retries = template_retries(data)
    assert retries is None or 0 <= retries < 2**32


@given(st.binary(max_size=200))
def test_any_bytes_have_an_answer(resource: bytes) -> None:
    assert isinstance(answer(resource), str)


@given(st.integers(0, 10**4), st.integers(0, 255))
def test_a_changed_byte_has_an_answer(at: int, byte: int) -> None:
    resource = bytearray(json.dumps(action()).encode())
    resource[at % len(resource)] = byte
    answer(bytes(resource))
