"""Verdicts in flyteidl's terms: which phase a connector answers with, and what stands in ``error.pb``.

flytepropeller 1.16 reads no error kind from a connector's answer (flyteplugins webapi/connector/plugin.go, ``Status``):
``RETRYABLE_FAILED`` and ``FAILED`` are always the user's. What it honours is an ``ErrorDocument`` at the output prefix,
which it looks for when the answer is ``SUCCEEDED`` without outputs in it, and only of a task that declares outputs
(``writeOutput``; ioutils/remote_file_output_reader.go). So a failed attempt of such a task is answered with
``SUCCEEDED``, and the document says that it failed, whose fault it was, and whether to try again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs
from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError, TaskExecution

from flytekitplugins_podtriage.core.accounting import Failure
from flytekitplugins_podtriage.core.model import ErrorKind, Phase

QUEUED: Final = TaskExecution.QUEUED
WAITING_FOR_RESOURCES: Final = TaskExecution.WAITING_FOR_RESOURCES
INITIALIZING: Final = TaskExecution.INITIALIZING
RUNNING: Final = TaskExecution.RUNNING
SUCCEEDED: Final = TaskExecution.SUCCEEDED
FAILED: Final = TaskExecution.FAILED
RETRYABLE_FAILED: Final = TaskExecution.RETRYABLE_FAILED

_PHASES: Final = {
    # Undefined and NotReady have no name in the IDL that propeller takes for "not over yet" but QUEUED.
    Phase.UNDEFINED: QUEUED,
    Phase.NOT_READY: QUEUED,
    Phase.QUEUED: QUEUED,
    Phase.WAITING_FOR_RESOURCES: WAITING_FOR_RESOURCES,
    Phase.INITIALIZING: INITIALIZING,
    Phase.RUNNING: RUNNING,
}
_ORIGINS: Final = {
    ErrorKind.USER: ExecutionError.USER,
    ErrorKind.SYSTEM: ExecutionError.SYSTEM,
    ErrorKind.UNKNOWN: ExecutionError.UNKNOWN,
}
_KINDS: Final = {value: kind for kind, value in _ORIGINS.items()}
MOST: Final = 64 * 1024
"""How many characters of a message are handed on: it is stored in the workflow's resource and in the console's database
(flytepropeller cuts at ``max-output-size-bytes`` of its own)."""


def phase(of: Phase) -> int:
    """Return the IDL's number of a phase that is not the end of an attempt.

    Raises:
        KeyError: it is an end; :func:`answer` says how that is told.
    """
    return int(_PHASES[of])


@attrs.frozen(slots=True)
class Answer:
    """How the end of an attempt is told to a stock backend."""

    phase: int
    """``TaskExecution.Phase``."""
    document: ErrorDocument | None = None
    """What ``error.pb`` has to say; None: nothing is written."""
    message: str = ""
    """For the phases that carry one."""


def answer(failure: Failure | None, *, outputs: bool, at: datetime | None = None) -> Answer:
    """Return how to tell the end of an attempt.

    Args:
        failure: what it failed of, ``kind`` being who is to be charged; None: it succeeded.
        outputs: whether the task declares any.
        at: when it failed.
    """
    if failure is None:
        return Answer(SUCCEEDED)
    if outputs:
        return Answer(SUCCEEDED, error_document(failure, at), failure.message[:MOST])
    # Propeller would take SUCCEEDED for a success, without a look at the document. The user is charged whatever the
    # cause, and the document says so: whoever counts the attempts later must not take it for the platform's.
    charged = attrs.evolve(failure, kind=ErrorKind.USER)
    ended = RETRYABLE_FAILED if failure.recoverable else FAILED
    return Answer(ended, error_document(charged, at), failure.message[:MOST])


def error_document(failure: Failure, at: datetime | None = None) -> ErrorDocument:
    """Return a failure as flyteidl's ``ErrorDocument``."""
    error = ContainerError(
        code=failure.code,
        message=failure.message[:MOST],
        kind=ContainerError.RECOVERABLE if failure.recoverable else ContainerError.NON_RECOVERABLE,
        origin=_ORIGINS[failure.kind],
    )
    if at is not None:
        error.timestamp.FromDatetime(at)
    return ErrorDocument(error=error)


def failure_of(document: ErrorDocument) -> Failure:
    """Return what an ``ErrorDocument`` says."""
    error = document.error
    return Failure(
        kind=_KINDS.get(error.origin, ErrorKind.UNKNOWN),
        code=error.code,
        message=error.message,
        recoverable=error.kind == ContainerError.RECOVERABLE,
    )
