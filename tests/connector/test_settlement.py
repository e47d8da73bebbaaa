"""Settling attempts: which kind is charged, what is on record, and output prefixes that cannot be written."""

from __future__ import annotations

import errno
from datetime import timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from flyteidl.core.execution_pb2 import ExecutionError
from fsspec.implementations.local import LocalFileSystem

from flytekitplugins_podtriage import ErrorKind
from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.flyte.settings import Settings
from tests.builders import NOW
from tests.connector.ended_pods import (
    CRASHED,
    LIMITED_LONG,
    MISSING_LONG,
    RUNNING,
    SHUT_DOWN,
    SUCCEEDED,
    attempt,
    charge_earlier,
    error_document,
    fields,
    write,
)


@pytest.mark.parametrize(
    ("before", "retries", "origin"),
    [
        ((), 0, ExecutionError.SYSTEM),
        ((ErrorKind.SYSTEM,), 5, ExecutionError.SYSTEM),
        # Two of three are spent: the last is the reserve, and the user has retries left.
        ((ErrorKind.SYSTEM, ErrorKind.SYSTEM), 5, ExecutionError.USER),
        ((ErrorKind.SYSTEM, ErrorKind.SYSTEM), 0, ExecutionError.SYSTEM),
        # The user's retries are spent, and the reserve is all that is left.
        ((ErrorKind.SYSTEM, ErrorKind.SYSTEM, ErrorKind.USER), 1, ExecutionError.SYSTEM),
        ((ErrorKind.USER,), 1, ExecutionError.SYSTEM),
    ],
)
def test_the_charged_kind_depends_on_the_earlier_attempts(
    hook: TriageHook, directory: Path, before: tuple[ErrorKind, ...], retries: int, origin: int
) -> None:
    charge_earlier(directory, *before)
    hook.resource(SHUT_DOWN, attempt(directory, len(before), retries=retries), now=NOW)
    document = error_document(directory, len(before))
    assert document is not None and document.error.origin == origin


def test_a_backend_that_counts_both_kinds_together_gets_the_true_kind(directory: Path) -> None:
    charge_earlier(directory, ErrorKind.SYSTEM, ErrorKind.SYSTEM)
    hook = TriageHook(settings=Settings(ignore_retry_cause=True))
    hook.resource(SHUT_DOWN, attempt(directory, 2, retries=5), now=NOW)
    document = error_document(directory, 2)
    assert document is not None and document.error.origin == ExecutionError.SYSTEM


def test_an_earlier_attempt_without_a_document_was_charged_to_the_user(hook: TriageHook, directory: Path) -> None:
    charge_earlier(directory, ErrorKind.SYSTEM, ErrorKind.SYSTEM)
    hook.resource(SHUT_DOWN, attempt(directory, 3, retries=1), now=NOW)
    document = error_document(directory, 3)
    assert document is not None and document.error.origin == ExecutionError.SYSTEM


def test_the_message_says_why_a_user_retry_is_charged_for_the_platform(hook: TriageHook, directory: Path) -> None:
    charge_earlier(directory, ErrorKind.SYSTEM, ErrorKind.SYSTEM)
    response = hook.resource(SHUT_DOWN, attempt(directory, 2, retries=5), now=NOW)
    assert (
        response.message is not None and "Charged to: USER, because the failure is the platform's" in response.message
    )


def test_the_same_system_failure_is_not_believed_for_ever(hook: TriageHook, directory: Path) -> None:
    for number in range(3):
        hook.resource(SHUT_DOWN, attempt(directory, number, retries=0), now=NOW)
        (directory / str(number) / "error.pb").unlink()  # so that the retries left do not decide
    hook.resource(SHUT_DOWN, attempt(directory, 3, retries=9), now=NOW)
    document = error_document(directory, 3)
    assert document is not None and document.error.origin == ExecutionError.USER


@pytest.mark.parametrize("pod_state", [LIMITED_LONG, MISSING_LONG, SHUT_DOWN, CRASHED, SUCCEEDED])
@pytest.mark.parametrize("outputs", [True, False])
def test_an_end_is_answered_alike_by_another_replica_later_and_after_the_pod_is_gone(
    hook: TriageHook, directory: Path, pod_state: dict[str, Any], outputs: bool
) -> None:
    one = attempt(directory, outputs=outputs)
    first = hook.resource(pod_state, one, now=NOW)
    written = error_document(directory)
    replica = TriageHook(settings=Settings(max_system_failures=0), access=hook._access)
    for later in (NOW, NOW + timedelta(days=1)):
        assert fields(replica.resource(pod_state, one, now=later)) == fields(first)
        assert fields(replica.resource(pod_state, one, gone=True, now=later)) == fields(first)
    assert error_document(directory) == written


def test_a_document_that_is_missing_after_a_crash_is_written_by_the_next_call(
    hook: TriageHook, directory: Path
) -> None:
    first = hook.resource(SHUT_DOWN, attempt(directory), now=NOW)
    written = error_document(directory)
    (directory / "0" / "error.pb").unlink()
    assert fields(hook.resource(RUNNING, attempt(directory), gone=True, now=NOW)) == fields(first)
    assert error_document(directory) == written


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"schema": 99}', b"\xff"])
def test_a_record_that_cannot_be_read_is_ignored(hook: TriageHook, directory: Path, broken: bytes) -> None:
    write(directory, 0, "podtriage-verdict.json", broken)
    hook.resource(SHUT_DOWN, attempt(directory), now=NOW)
    document = error_document(directory)
    assert document is not None and document.error.origin == ExecutionError.SYSTEM


class Full(LocalFileSystem):
    """A disk without free space."""

    def exists(self, path: str, **_: Any) -> bool:
        return False

    def cat_file(self, path: str, *_: Any, **__: Any) -> bytes:
        raise FileNotFoundError(path)

    def pipe_file(self, path: str, *_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    protocol = "full"


class Access:
    def __init__(self, files: fsspec.AbstractFileSystem) -> None:
        self.files = files

    def get_filesystem_for_path(self, path: str) -> fsspec.AbstractFileSystem:
        return self.files


def test_a_system_failure_is_held_while_it_cannot_be_recorded(directory: Path) -> None:
    hook = TriageHook(settings=Settings(), access=Access(Full()))
    response = hook.resource(SHUT_DOWN, attempt(directory), now=NOW)
    assert response.phase == idl.INITIALIZING
    assert response.message is not None
    assert "No space left on device" in response.message and "podtriage-verdict.json" in response.message


@pytest.mark.parametrize(
    ("pod_state", "outputs", "phase"),
    [
        (CRASHED, True, idl.RETRYABLE_FAILED),
        (CRASHED, False, idl.RETRYABLE_FAILED),
        # Without outputs the user pays in any case, and a response is worth more than a record.
        (SHUT_DOWN, False, idl.RETRYABLE_FAILED),
        (SUCCEEDED, True, idl.SUCCEEDED),
        (SUCCEEDED, False, idl.SUCCEEDED),
    ],
)
def test_an_end_that_needs_no_document_is_answered_without_a_record(
    directory: Path, pod_state: dict[str, Any], outputs: bool, phase: int
) -> None:
    hook = TriageHook(settings=Settings(), access=Access(Full()))
    assert hook.resource(pod_state, attempt(directory, outputs=outputs), now=NOW).phase == phase


def test_the_right_kind_is_charged_once_the_store_works_again(directory: Path, hook: TriageHook) -> None:
    TriageHook(settings=Settings(), access=Access(Full())).resource(SHUT_DOWN, attempt(directory), now=NOW)
    assert hook.resource(SHUT_DOWN, attempt(directory), now=NOW).phase == idl.SUCCEEDED
    document = error_document(directory)
    assert document is not None and document.error.origin == ExecutionError.SYSTEM


def test_an_output_prefix_that_is_a_file_is_reported(hook: TriageHook, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    response = hook.resource(SHUT_DOWN, attempt(tmp_path / "data"), now=NOW)
    assert response.phase == idl.INITIALIZING
    assert response.message is not None and "Not a directory" in response.message
