"""What the responses to an act's writes mean for it; the preconditions are tested with a real API server."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flytekitplugins_podtriage.core.guard.values import NOT_LEADER, Step, Write, WriteFailed, Written
from flytekitplugins_podtriage.guard.writes import FINALIZER, Postponed, WriteResult, carry_out, operation_of
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from tests.builders import NAME, NAMESPACE
from tests.guard.acts import act
from tests.kube.model import status
from tests.kube.scripted import Scripted

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
EVENTS = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
REQUESTS = {
    Step.EVENT: ("POST", EVENTS),
    Step.FINALIZER: ("PATCH", f"{PODS}/{NAME}"),
    Step.STATUS: ("PATCH", f"{PODS}/{NAME}/status"),
    Step.DELETE: ("DELETE", f"{PODS}/{NAME}"),
    Step.RELEASE: ("PATCH", f"{PODS}/{NAME}"),
}
UID = f"uid-{NAME}"


def write(
    connection: Connection, step: Step, version: str = "", *, leads: bool = True, read: float = 5.0, **changes: Any
) -> WriteResult:
    made = act(**changes)
    plan = Write(step, made, version)
    timeouts = Timeouts(connect=1.0, read=read)
    return carry_out(connection, operation_of(step, made), plan, {"kind": "Event"}, lambda: leads, timeouts)


@pytest.mark.parametrize(
    ("step", "content", "body"),
    [
        (Step.EVENT, "application/json", {"kind": "Event"}),
        (
            Step.FINALIZER,
            "application/strategic-merge-patch+json",
            {"metadata": {"uid": UID, "resourceVersion": "7", "finalizers": [FINALIZER]}},
        ),
        (
            Step.STATUS,
            "application/merge-patch+json",
            {
                "metadata": {"uid": UID, "resourceVersion": "7"},
                "status": {"phase": "Failed", "reason": "Terminated", "message": act().message},
            },
        ),
        (
            Step.DELETE,
            "application/json",
            {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": UID}},
        ),
        (
            Step.RELEASE,
            "application/strategic-merge-patch+json",
            {"metadata": {"uid": UID, "$deleteFromPrimitiveList/finalizers": [FINALIZER]}},
        ),
    ],
)
def test_the_request_of_a_step(
    scripted: Connection, script: Scripted, step: Step, content: str, body: dict[str, Any]
) -> None:
    script.reply(*REQUESTS[step], 200, {"metadata": {"resourceVersion": "8"}})
    version = "8" if step in (Step.FINALIZER, Step.STATUS) else ""
    assert write(scripted, step) == Written(step, version)
    (request,) = script.requests
    assert request.body == body
    assert request.headers["content-type"] == content
    assert request.query == {"timeout": "6s"}, "the server gives up when the client does"


def test_a_step_takes_the_version_that_it_is_given(scripted: Connection, script: Scripted) -> None:
    script.reply(*REQUESTS[Step.STATUS], 200, {"metadata": {"resourceVersion": "10"}})
    assert write(scripted, Step.STATUS, "9") == Written(Step.STATUS, "10")
    assert script.requests[0].body["metadata"]["resourceVersion"] == "9"


@pytest.mark.parametrize("step", Step)
def test_nothing_is_sent_without_the_lease(scripted: Connection, script: Scripted, step: Step) -> None:
    assert write(scripted, step, leads=False) == WriteFailed(step, NOT_LEADER)
    assert script.requests == []


@pytest.mark.parametrize("step", [Step.EVENT, Step.STATUS, Step.DELETE])
@pytest.mark.parametrize("name", ["", "a/b"])
def test_nothing_is_sent_that_would_address_something_else(
    scripted: Connection, script: Scripted, step: Step, name: str
) -> None:
    result = write(scripted, step, namespace=name)
    assert isinstance(result, WriteFailed)
    assert "not a valid name" in result.error
    assert script.requests == []


@pytest.mark.parametrize("step", Step)
def test_a_write_without_a_response_may_have_been_done(scripted: Connection, script: Scripted, step: Step) -> None:
    held = threading.Event()
    script.reply(*REQUESTS[step], 200, {}, held=held)
    result = write(scripted, step, read=0.1)
    held.set()
    assert isinstance(result, WriteFailed)
    assert (result.unanswered, result.conflict) == (True, False)


@pytest.mark.parametrize("step", [Step.EVENT, Step.STATUS, Step.DELETE])
@pytest.mark.parametrize("code", [500, 504])
def test_so_may_one_that_the_server_failed_on(scripted: Connection, script: Scripted, step: Step, code: int) -> None:
    script.reply(*REQUESTS[step], code, status(code, "etcdserver: request timed out"))
    result = write(scripted, step)
    assert isinstance(result, WriteFailed)
    assert result.unanswered


@pytest.mark.parametrize("step", [Step.EVENT, Step.STATUS, Step.DELETE])
@pytest.mark.parametrize(
    ("code", "headers", "wait"), [(429, {"Retry-After": "3"}, 3.0), (429, {}, 1.0), (401, {}, 1.0)]
)
def test_a_write_that_was_not_begun_is_postponed(
    scripted: Connection, script: Scripted, step: Step, code: int, headers: dict[str, str], wait: float
) -> None:
    script.reply(*REQUESTS[step], code, status(code, "no"), headers=headers)
    result = write(scripted, step)
    assert isinstance(result, Postponed)
    assert result.seconds == wait
    assert (result.failure.step, result.failure.conflict, result.failure.unanswered) == (step, False, False)
    assert len(script.requests) == 1, "logging in again may take longer than the lease lasts"


@pytest.mark.parametrize("step", [Step.FINALIZER, Step.STATUS])
@pytest.mark.parametrize("code", [404, 409])
def test_a_pod_that_changed_or_is_gone_is_decided_anew(
    scripted: Connection, script: Scripted, step: Step, code: int
) -> None:
    script.reply(*REQUESTS[step], code, status(code, "no", reason="NotFound" if code == 404 else "Conflict"))
    result = write(scripted, step)
    assert isinstance(result, WriteFailed)
    assert (result.conflict, result.unanswered) == (True, False)


@pytest.mark.parametrize("step", [Step.FINALIZER, Step.STATUS, Step.DELETE, Step.RELEASE])
@pytest.mark.parametrize(("uid", "gone"), [("another", True), (UID, False)])
def test_an_invalid_patch_is_looked_into(
    scripted: Connection, script: Scripted, step: Step, uid: str, gone: bool
) -> None:
    script.reply(*REQUESTS[step], 422, status(422, "metadata.uid: field is immutable", reason="Invalid"))
    script.reply("GET", f"{PODS}/{NAME}", 200, {"kind": "Pod", "metadata": {"uid": uid}})
    result = write(scripted, step)
    if step in (Step.DELETE, Step.RELEASE) and gone:
        assert result == Written(step)
    else:
        assert isinstance(result, WriteFailed)
        assert result.conflict == gone


@pytest.mark.parametrize(("uid", "done"), [("another", True), (UID, False)])
def test_a_delete_that_conflicts_is_done_only_if_the_pod_is_gone(
    scripted: Connection, script: Scripted, uid: str, done: bool
) -> None:
    script.reply(*REQUESTS[Step.DELETE], 409, status(409, "Precondition failed", reason="Conflict"))
    script.reply("GET", f"{PODS}/{NAME}", 200, {"kind": "Pod", "metadata": {"uid": uid}})
    assert isinstance(write(scripted, Step.DELETE), Written) == done


@pytest.mark.parametrize("step", [Step.EVENT, Step.STATUS, Step.DELETE])
def test_a_missing_permission_is_no_conflict(scripted: Connection, script: Scripted, step: Step) -> None:
    script.reply(*REQUESTS[step], 403, status(403, "forbidden", reason="Forbidden"))
    result = write(scripted, step)
    assert isinstance(result, WriteFailed)
    assert (result.conflict, result.unanswered) == (False, False)
    assert "may not" in result.error


@pytest.mark.parametrize(("reason", "done"), [("AlreadyExists", True), ("Conflict", False)])
def test_an_event_that_exists_is_done(scripted: Connection, script: Scripted, reason: str, done: bool) -> None:
    script.reply(*REQUESTS[Step.EVENT], 409, status(409, "events", reason=reason))
    assert isinstance(write(scripted, Step.EVENT), Written) == done


@pytest.mark.parametrize("body", [b"", b"{", b"[]", {"metadata": None}])
def test_a_response_that_cannot_be_read_leaves_what_was_done(scripted: Connection, script: Scripted, body: Any) -> None:
    script.reply(*REQUESTS[Step.STATUS], 200, body)
    assert write(scripted, Step.STATUS) == Written(Step.STATUS, "")
