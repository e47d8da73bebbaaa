"""Pods that have not started, run, or ended in some way, and the files at the output prefixes of their attempts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flyteidl.core.errors_pb2 import ErrorDocument
from flytekit.extend.backend.base_connector import Resource

from flytekitplugins_podtriage import ErrorKind
from flytekitplugins_podtriage.connector.error_document import error_document as document_of
from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt
from flytekitplugins_podtriage.core.accounting import Failure
from tests.builders import pod, running, terminated, waiting

LIMITED = 'failed to pull image "docker.io/library/app:1": 429 Too Many Requests - toomanyrequests: rate limit'
UNKNOWN = 'failed to resolve reference "docker.io/library/app:1": docker.io/library/app:1: not found'


def pulling(message: str, age: float) -> dict[str, Any]:
    """Return a pod that cannot pull its image."""
    return pod("Pending", waiting("ImagePullBackOff", message), age=age)


RUNNING = pod("Running", running())
SUCCEEDED = pod("Succeeded", terminated(0))
CRASHED = pod("Failed", terminated(3))
SHUT_DOWN = pod("Failed", reason="Terminated", message="Pod was terminated in response to imminent node shutdown.")
OOM = pod("Failed", terminated(137, "OOMKilled"))
LIMITED_LONG = pulling(LIMITED, 3600)
UNPARSABLE = pod("Pending", waiting("InvalidImageName", "invalid reference format"), age=3600)
MISSING_LONG = pulling(UNKNOWN, 3600)


def attempt(directory: Path, number: int = 0, **more: Any) -> TaskAttempt:
    """Return an attempt whose output prefix is in this directory."""
    return TaskAttempt(str(directory / str(number)), **more)


def error_document(directory: Path, number: int = 0) -> ErrorDocument | None:
    """Return the error document of an attempt; None if there is none."""
    path = directory / str(number) / "error.pb"
    return ErrorDocument.FromString(path.read_bytes()) if path.exists() else None


def write(directory: Path, number: int, name: str, data: bytes = b"") -> None:
    """Write a file at the output prefix of an attempt."""
    (directory / str(number)).mkdir(parents=True, exist_ok=True)
    (directory / str(number) / name).write_bytes(data)


def container_document(kind: ErrorKind = ErrorKind.USER, recoverable: bool = False) -> bytes:
    """Return an error document as a container writes it."""
    failure = Failure(kind, "USER:ValueError", "Traceback ... ValueError: no", recoverable)
    data: bytes = document_of(failure).SerializeToString()
    return data


def charge_earlier(directory: Path, *kinds: ErrorKind) -> None:
    """Write the documents of earlier attempts that were charged to these kinds."""
    for number, kind in enumerate(kinds):
        write(directory, number, "error.pb", document_of(Failure(kind)).SerializeToString())


def fields(response: Resource) -> tuple[Any, ...]:
    """Return what two responses about the same end have in common."""
    return (response.phase, response.message, response.custom_info, response.outputs)
