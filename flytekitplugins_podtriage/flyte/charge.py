"""Which budget paid for a failed attempt, as far as the record tells.

Sources: flytepropeller 1.16.8 nodes/executor.go ``execute`` (the wrapping of a node's last error, and the timeout),
``handleRetryableFailure`` (which aborts the attempt with the error's message), nodes/task/handler.go ``Abort``.
"""

from __future__ import annotations

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.text.wrapping import unwrap

_EXHAUSTED = "RetriesExhausted|"
_WRAPPED = "currentAttempt done. Last Error: "
_ABORTED = "Task Aborted"
_TIMEOUT = "task execution timeout ["


def charged_kind(code: str, message: str, reported: ErrorKind) -> ErrorKind:
    """Return whose budget a failure consumed.

    A node whose retries are spent ends with the kind USER, whatever its last error was; the message tells the true one.
    An attempt past its timeout is ended as ``Task Aborted`` without a kind; the timeout itself is USER.
    """
    head = message[:4096]
    if code.startswith(_EXHAUSTED) or _WRAPPED in head:
        told = unwrap(head).charged
        if told is not None:
            return ErrorKind(told)
    if code == _ABORTED and message.startswith(_TIMEOUT):
        return ErrorKind.USER
    return reported
