"""How the end of an attempt is told to a stock backend: the table of webapi/connector/plugin.go's ``Status``."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError, TaskExecution

from flytekitplugins_podtriage import ErrorKind, Phase
from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.core.accounting import Failure

USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM
RECOVERABLE, FINAL = ContainerError.RECOVERABLE, ContainerError.NON_RECOVERABLE


@pytest.mark.parametrize(
    ("phase", "told"),
    [
        (Phase.UNDEFINED, TaskExecution.QUEUED),
        (Phase.NOT_READY, TaskExecution.QUEUED),
        (Phase.QUEUED, TaskExecution.QUEUED),
        (Phase.WAITING_FOR_RESOURCES, TaskExecution.WAITING_FOR_RESOURCES),
        (Phase.INITIALIZING, TaskExecution.INITIALIZING),
        (Phase.RUNNING, TaskExecution.RUNNING),
    ],
)
def test_a_phase_that_is_no_end_keeps_its_name(phase: Phase, told: int) -> None:
    assert idl.phase(phase) == told


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase.terminal])
def test_an_end_is_not_told_by_its_phase_alone(phase: Phase) -> None:
    with pytest.raises(KeyError):
        idl.phase(phase)


@pytest.mark.parametrize("outputs", [True, False])
def test_a_success_is_told_as_such_and_what_the_container_left_is_not_touched(outputs: bool) -> None:
    assert idl.attempt_result(None, outputs=outputs) == idl.AttemptResult(TaskExecution.SUCCEEDED)


@pytest.mark.parametrize(
    ("kind", "recoverable", "outputs", "phase", "origin", "of_document"),
    [
        (ErrorKind.SYSTEM, True, True, TaskExecution.SUCCEEDED, SYSTEM, RECOVERABLE),
        (ErrorKind.SYSTEM, False, True, TaskExecution.SUCCEEDED, SYSTEM, FINAL),
        (ErrorKind.USER, True, True, TaskExecution.SUCCEEDED, USER, RECOVERABLE),
        (ErrorKind.USER, False, True, TaskExecution.SUCCEEDED, USER, FINAL),
        # Without outputs SUCCEEDED would be a false success, and the user is charged whatever the cause.
        (ErrorKind.SYSTEM, True, False, TaskExecution.RETRYABLE_FAILED, USER, RECOVERABLE),
        (ErrorKind.SYSTEM, False, False, TaskExecution.FAILED, USER, FINAL),
        (ErrorKind.USER, True, False, TaskExecution.RETRYABLE_FAILED, USER, RECOVERABLE),
        (ErrorKind.USER, False, False, TaskExecution.FAILED, USER, FINAL),
    ],
)
def test_a_failure_is_told_by_a_document_that_says_who_is_charged(
    kind: ErrorKind, recoverable: bool, outputs: bool, phase: int, origin: int, of_document: int
) -> None:
    told = idl.attempt_result(Failure(kind, "Evicted", "the node is full", recoverable), outputs=outputs)
    assert told.document is not None
    error = ErrorDocument.FromString(told.document.SerializeToString()).error
    assert (told.phase, error.origin, error.kind) == (phase, origin, of_document)
    assert (error.code, error.message, told.message) == ("Evicted", "the node is full", "the node is full")


@pytest.mark.parametrize("kind", [ErrorKind.USER, ErrorKind.SYSTEM, ErrorKind.UNKNOWN])
@pytest.mark.parametrize("recoverable", [True, False])
def test_a_document_reads_back_as_the_failure_it_was_made_of(kind: ErrorKind, recoverable: bool) -> None:
    failure = Failure(kind, "OOMKilled", "too little memory", recoverable)
    assert idl.failure_of(idl.error_document(failure)) == failure


def test_a_document_tells_when() -> None:
    at = datetime(2026, 8, 1, 12, 0, 1, 500000, tzinfo=timezone.utc)
    document = idl.error_document(Failure(ErrorKind.USER), at)
    assert document.error.timestamp.ToDatetime(timezone.utc) == at


def test_a_message_without_end_is_cut() -> None:
    document = idl.error_document(Failure(ErrorKind.USER, message="x" * 10_000_000))
    assert len(document.error.message) == idl.MAX_MESSAGE
