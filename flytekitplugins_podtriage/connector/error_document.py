"""What ``error.pb`` says at the end of an attempt, and the phase that goes with it.

flytepropeller 1.16 reads no error kind from a connector's response (flyteplugins webapi/connector/plugin.go,
``Status``): ``RETRYABLE_FAILED`` and ``FAILED`` are always charged to the user. What it honours is an ``ErrorDocument``
at the output prefix, which it reads when the response is ``SUCCEEDED`` without outputs, and only if the task declares
outputs (``writeOutput``; ioutils/remote_file_output_reader.go). So a failed attempt of such a task is answered with
``SUCCEEDED``, and the document says that it failed, which kind is charged, and whether to retry.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs
from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.core.accounting import Failure
from flytekitplugins_podtriage.core.model import ErrorKind

_ORIGINS: Final = {
    ErrorKind.USER: ExecutionError.USER,
    ErrorKind.SYSTEM: ExecutionError.SYSTEM,
    ErrorKind.UNKNOWN: ExecutionError.UNKNOWN,
}
_KINDS: Final = {value: kind for kind, value in _ORIGINS.items()}
MAX_MESSAGE: Final = 64 * 1024
"""How many characters of a message are passed on: it is stored in the FlyteWorkflow and in flyteadmin's database
(flytepropeller cuts it at ``max-output-size-bytes`` of its own)."""


@attrs.frozen(slots=True)
class AttemptResult:
    """How the end of an attempt is reported to a stock backend."""

    phase: int
    """``TaskExecution.Phase``."""
    document: ErrorDocument | None = None
    """The content of ``error.pb``; None: it is not written."""
    message: str = ""
    """For the phases that carry one."""


def attempt_result(failure: Failure | None, *, outputs: bool, at: datetime | None = None) -> AttemptResult:
    """Return how to report the end of an attempt: its failure, with the kind that is charged, or None for a success."""
    if failure is None:
        return AttemptResult(idl.SUCCEEDED)
    text = failure.message[:MAX_MESSAGE]
    if outputs:
        return AttemptResult(idl.SUCCEEDED, error_document(failure, at), text)
    # FlytePropeller would take SUCCEEDED for a success, without reading the document. The user is charged whatever the
    # cause, and the document says so: whoever counts the attempts later must not count this one as SYSTEM.
    charged = attrs.evolve(failure, kind=ErrorKind.USER)
    return AttemptResult(idl.RETRYABLE_FAILED if failure.recoverable else idl.FAILED, error_document(charged, at), text)


def error_document(failure: Failure, at: datetime | None = None) -> ErrorDocument:
    """Return a failure as flyteidl's ``ErrorDocument``."""
    error = ContainerError(
        code=failure.code,
        message=failure.message[:MAX_MESSAGE],
        kind=ContainerError.RECOVERABLE if failure.recoverable else ContainerError.NON_RECOVERABLE,
        origin=_ORIGINS[failure.kind],
    )
    if at is not None:
        error.timestamp.FromDatetime(at)
    return ErrorDocument(error=error)


def failure_of(document: ErrorDocument) -> Failure:
    """Return the failure in an ``ErrorDocument``."""
    error = document.error
    return Failure(
        kind=_KINDS.get(error.origin, ErrorKind.UNKNOWN),
        code=error.code,
        message=error.message,
        recoverable=error.kind == ContainerError.RECOVERABLE,
    )
