"""How the end of an attempt is reported to a stock backend: the table of webapi/connector/plugin.go, ``Status``."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError, TaskExecution

from flytekitplugins_podtriage import ErrorKind, Phase
from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.error_document import (
    MAX_MESSAGE,
    AttemptResult,
    attempt_result,
    error_document,
    failure_of,
)
from flytekitplugins_podtriage.core.accounting import Failure

USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM
RECOVERABLE, FINAL = ContainerError.RECOVERABLE, ContainerError.NON_RECOVERABLE


@pytest.mark.parametrize(
    ("phase", "number"),
    [
        (Phase.UNDEFINED, TaskExecution.QUEUED),
        (Phase.NOT_READY, TaskExecution.QUEUED),
        (Phase.QUEUED, TaskExecution.QUEUED),
        (Phase.WAITING_FOR_RESOURCES, TaskExecution.WAITING_FOR_RESOURCES),
        (Phase.INITIALIZING, TaskExecution.INITIALIZING),
        (Phase.RUNNING, TaskExecution.RUNNING),
    ],
)
def test_a_phase_that_is_not_terminal_keeps_its_name(phase: Phase, number: int) -> None:
    assert idl.phase(phase) == number


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase.terminal])
def test_a_terminal_phase_has_no_counterpart(phase: Phase) -> None:
    with pytest.raises(KeyError):
        idl.phase(phase)


@pytest.mark.parametrize("outputs", [True, False])
def test_a_success_writes_no_document(outputs: bool) -> None:
    assert attempt_result(None, outputs=outputs) == AttemptResult(TaskExecution.SUCCEEDED)


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
def test_a_failure_has_a_document_with_the_charged_kind(
    kind: ErrorKind, recoverable: bool, outputs: bool, phase: int, origin: int, of_document: int
) -> None:
    result = attempt_result(Failure(kind, "Evicted", "the node is full", recoverable), outputs=outputs)
    assert result.document is not None
    error = ErrorDocument.FromString(result.document.SerializeToString()).error
    assert (result.phase, error.origin, error.kind) == (phase, origin, of_document)
    assert (error.code, error.message, result.message) == ("Evicted", "the node is full", "the node is full")


@pytest.mark.parametrize("kind", [ErrorKind.USER, ErrorKind.SYSTEM, ErrorKind.UNKNOWN])
@pytest.mark.parametrize("recoverable", [True, False])
def test_a_document_reads_back_as_the_failure_it_was_made_of(kind: ErrorKind, recoverable: bool) -> None:
    failure = Failure(kind, "OOMKilled", "too little memory", recoverable)
    assert failure_of(error_document(failure)) == failure


def test_a_document_has_the_time() -> None:
    at = datetime(2026, 8, 1, 12, 0, 1, 500000, tzinfo=timezone.utc)
    document = error_document(Failure(ErrorKind.USER), at)
    assert document.error.timestamp.ToDatetime(timezone.utc) == at


def test_a_huge_message_is_cut() -> None:
    document = error_document(Failure(ErrorKind.USER, message="x" * 10_000_000))
    assert len(document.error.message) == MAX_MESSAGE
