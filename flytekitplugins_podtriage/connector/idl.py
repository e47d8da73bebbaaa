"""The phases of flyteidl that a connector answers with."""

from __future__ import annotations

from typing import Final

from flyteidl.core.execution_pb2 import TaskExecution

from flytekitplugins_podtriage.core.model import Phase

QUEUED: Final = TaskExecution.QUEUED
WAITING_FOR_RESOURCES: Final = TaskExecution.WAITING_FOR_RESOURCES
INITIALIZING: Final = TaskExecution.INITIALIZING
RUNNING: Final = TaskExecution.RUNNING
SUCCEEDED: Final = TaskExecution.SUCCEEDED
FAILED: Final = TaskExecution.FAILED
RETRYABLE_FAILED: Final = TaskExecution.RETRYABLE_FAILED

_PHASES: Final = {
    # Undefined and NotReady have no counterpart in the IDL that FlytePropeller takes for "not over yet" but QUEUED.
    Phase.UNDEFINED: QUEUED,
    Phase.NOT_READY: QUEUED,
    Phase.QUEUED: QUEUED,
    Phase.WAITING_FOR_RESOURCES: WAITING_FOR_RESOURCES,
    Phase.INITIALIZING: INITIALIZING,
    Phase.RUNNING: RUNNING,
}


def phase(of: Phase) -> int:
    """Return the IDL's number of a phase in which an attempt is not over; for its end see ``error_document``."""
    return int(_PHASES[of])
