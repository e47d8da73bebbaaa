"""The hook: a pod in, what a connector answers out, and ``error.pb`` where a stock backend looks for it."""

from __future__ import annotations

import asyncio
import errno
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import fsspec
import pytest
from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError
from flytekit.core.data_persistence import FileAccessProvider
from flytekit.extend.backend.base_connector import Resource
from fsspec.implementations.local import LocalFileSystem

from flytekitplugins_podtriage import ErrorKind, InvalidPod, Policy
from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.responses import PackedResource, pack
from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt
from flytekitplugins_podtriage.core.accounting import Failure
from flytekitplugins_podtriage.flyte.log_links import LinkTemplate
from flytekitplugins_podtriage.flyte.settings import Settings
from flytekitplugins_podtriage.flyte.task import MARKER
from tests.builders import NOW, container, pod, running, terminated, waiting
from tests.connector.templates import template

LIMITED = 'failed to pull image "docker.io/library/app:1": 429 Too Many Requests - toomanyrequests: rate limit'
UNKNOWN = 'failed to resolve reference "docker.io/library/app:1": docker.io/library/app:1: not found'


def pulling(message: str, age: float) -> dict[str, Any]:
    return pod("Pending", waiting("ImagePullBackOff", message), age=age)


RUNNING = pod("Running", running())
SUCCEEDED = pod("Succeeded", terminated(0))
CRASHED = pod("Failed", terminated(3))
SHUT_DOWN = pod("Failed", reason="Terminated", message="Pod was terminated in response to imminent node shutdown.")
OOM = pod("Failed", terminated(137, "OOMKilled"))
LIMITED_LONG = pulling(LIMITED, 3600)
UNPARSABLE = pod("Pending", waiting("InvalidImageName", "invalid reference format"), age=3600)
MISSING_LONG = pulling(UNKNOWN, 3600)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def hook(tmp_path: Path) -> TriageHook:
    return TriageHook(settings=Settings(), access=FileAccessProvider(str(tmp_path), str(tmp_path)))


def attempt(folder: Path, number: int = 0, **more: Any) -> TaskAttempt:
    return TaskAttempt(str(folder / str(number)), **more)


def document(folder: Path, number: int = 0) -> ErrorDocument | None:
    path = folder / str(number) / "error.pb"
    return ErrorDocument.FromString(path.read_bytes()) if path.exists() else None


def leave(folder: Path, number: int, name: str, data: bytes = b"") -> None:
    (folder / str(number)).mkdir(parents=True, exist_ok=True)
    (folder / str(number) / name).write_bytes(data)


def left_by_container(kind: ErrorKind = ErrorKind.USER, recoverable: bool = False) -> bytes:
    said = Failure(kind, "USER:ValueError", "Traceback ... ValueError: no", recoverable)
    data: bytes = idl.error_document(said).SerializeToString()
    return data


def charged(folder: Path, *kinds: ErrorKind) -> None:
    """Leave the documents of earlier attempts that were charged so."""
    for number, kind in enumerate(kinds):
        leave(folder, number, "error.pb", idl.error_document(Failure(kind)).SerializeToString())


# What is not over


@pytest.mark.parametrize(
    ("seen", "phase"),
    [(pod("Pending", container()), idl.INITIALIZING), (RUNNING, idl.RUNNING), (pulling(LIMITED, 60), idl.INITIALIZING)],
)
def test_a_pod_that_is_not_over_is_told_without_a_file(
    hook: TriageHook, folder: Path, seen: dict[str, Any], phase: int
) -> None:
    assert hook.resource(seen, attempt(folder), now=NOW).phase == phase
    assert not folder.exists()


def test_a_pod_that_is_held_says_whose_doing_it_is_until_when_and_what_helps(hook: TriageHook, folder: Path) -> None:
    told = hook.resource(pulling(LIMITED, 60), attempt(folder), now=NOW)
    assert told.message is not None
    for words in ("HTTP 429", "platform-side", "nothing is charged", "until 12:29:00 UTC", "\nFix: "):
        assert words in told.message
    assert told.custom_info is not None
    assert told.custom_info["podtriage"]["category"] == "registry_rate_limited"


def test_the_tasks_own_patience_goes_before_the_settings(hook: TriageHook, folder: Path) -> None:
    patient = attempt(folder, user_patience=7200.0)
    assert hook.resource(MISSING_LONG, patient, now=NOW).phase == idl.INITIALIZING


def test_a_policy_may_be_handed_to_the_hook(folder: Path) -> None:
    hook = TriageHook(Policy(user_patience=7200), settings=Settings())
    assert hook.resource(MISSING_LONG, attempt(folder), now=NOW).phase == idl.INITIALIZING


# The ends


@pytest.mark.parametrize(
    ("seen", "origin", "code"),
    [
        (LIMITED_LONG, ExecutionError.SYSTEM, "ImagePullBackOff"),
        (SHUT_DOWN, ExecutionError.SYSTEM, "Terminated"),
        (MISSING_LONG, ExecutionError.USER, "ImagePullBackOff"),
        (CRASHED, ExecutionError.USER, "Error"),
        (OOM, ExecutionError.USER, "OOMKilled"),
    ],
)
def test_a_failure_is_told_as_a_success_with_a_document_that_charges_whose_fault_it_is(
    hook: TriageHook, folder: Path, seen: dict[str, Any], origin: int, code: str
) -> None:
    told = hook.resource(seen, attempt(folder), now=NOW)
    found = document(folder)
    assert told.phase == idl.SUCCEEDED and told.outputs is None and found is not None
    assert (found.error.origin, found.error.code) == (origin, code)
    assert found.error.kind == ContainerError.RECOVERABLE
    assert found.error.message == told.message and "\nFix: " in found.error.message


def test_an_image_reference_that_cannot_be_parsed_fails_for_good(hook: TriageHook, folder: Path) -> None:
    hook.resource(UNPARSABLE, attempt(folder), now=NOW)
    found = document(folder)
    assert found is not None
    assert (found.error.origin, found.error.kind) == (ExecutionError.USER, ContainerError.NON_RECOVERABLE)


@pytest.mark.parametrize("seen", [LIMITED_LONG, CRASHED])
def test_of_a_task_without_outputs_the_failure_is_told_by_the_phase_and_the_document_says_user(
    hook: TriageHook, folder: Path, seen: dict[str, Any]
) -> None:
    told = hook.resource(seen, attempt(folder, outputs=False), now=NOW)
    found = document(folder)
    assert told.phase == idl.RETRYABLE_FAILED
    assert found is not None and found.error.origin == ExecutionError.USER


def test_a_task_without_outputs_is_told_why_it_pays_for_the_platform(hook: TriageHook, folder: Path) -> None:
    told = hook.resource(LIMITED_LONG, attempt(folder, outputs=False), now=NOW)
    assert told.message is not None and "declares no outputs" in told.message


@pytest.mark.parametrize("outputs", [True, False])
def test_a_success_leaves_the_prefix_to_the_container(hook: TriageHook, folder: Path, outputs: bool) -> None:
    told = hook.resource(SUCCEEDED, attempt(folder, outputs=outputs), now=NOW)
    assert told.phase == idl.SUCCEEDED and told.outputs is None
    assert document(folder) is None


def test_a_document_that_the_container_left_is_kept(hook: TriageHook, folder: Path) -> None:
    leave(folder, 0, "error.pb", left_by_container())
    assert hook.resource(CRASHED, attempt(folder), now=NOW).phase == idl.SUCCEEDED
    assert (folder / "0" / "error.pb").read_bytes() == left_by_container()


def test_an_exception_told_by_a_container_that_ended_well_fails_a_task_without_outputs(
    hook: TriageHook, folder: Path
) -> None:
    leave(folder, 0, "error.pb", left_by_container())
    told = hook.resource(SUCCEEDED, attempt(folder, outputs=False), now=NOW)
    assert (told.phase, told.message) == (idl.FAILED, "Traceback ... ValueError: no")


def test_a_dynamic_task_whose_body_has_finished_has_not_failed(hook: TriageHook, folder: Path) -> None:
    leave(folder, 0, "futures.pb")
    assert hook.resource(SHUT_DOWN, attempt(folder), now=NOW).phase == idl.SUCCEEDED
    assert document(folder) is None


def test_a_pod_that_is_gone_after_its_outputs_were_written_has_not_failed(hook: TriageHook, folder: Path) -> None:
    leave(folder, 0, "outputs.pb")
    assert hook.resource(RUNNING, attempt(folder), gone=True, now=NOW).phase == idl.SUCCEEDED
    assert document(folder) is None


def test_a_pod_that_is_gone_without_a_trace_is_the_platforms_failure(hook: TriageHook, folder: Path) -> None:
    hook.resource(RUNNING, attempt(folder), gone=True, now=NOW)
    found = document(folder)
    assert found is not None and (found.error.origin, found.error.code) == (ExecutionError.SYSTEM, "PodGone")


def test_of_a_pod_that_is_gone_nothing_else_need_be_known(hook: TriageHook, folder: Path) -> None:
    first = hook.resource(SHUT_DOWN, attempt(folder), now=NOW)
    assert as_told(hook.resource(None, attempt(folder), now=NOW)) == as_told(first)
    hook.resource(None, attempt(folder, 1), now=NOW)
    found = document(folder, 1)
    assert found is not None and (found.error.origin, found.error.code) == (ExecutionError.SYSTEM, "PodGone")


def test_a_task_with_nothing_but_the_marker_gets_it_from_the_answer(hook: TriageHook, folder: Path) -> None:
    told = hook.resource(SUCCEEDED, attempt(folder, marker=True), now=NOW)
    assert told.outputs is not None and list(told.outputs.literals) == [MARKER]


def test_a_marker_is_not_given_for_a_failure(hook: TriageHook, folder: Path) -> None:
    leave(folder, 0, "error.pb", left_by_container())
    told = hook.resource(SUCCEEDED, attempt(folder, marker=True), now=NOW)
    assert (told.phase, told.outputs) == (idl.SUCCEEDED, None)  # propeller reads the document


# The budgets


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
def test_the_budget_is_chosen_by_what_the_attempts_before_left(
    hook: TriageHook, folder: Path, before: tuple[ErrorKind, ...], retries: int, origin: int
) -> None:
    charged(folder, *before)
    hook.resource(SHUT_DOWN, attempt(folder, len(before), retries=retries), now=NOW)
    found = document(folder, len(before))
    assert found is not None and found.error.origin == origin


def test_where_the_backend_keeps_one_budget_the_true_kind_is_told(folder: Path) -> None:
    charged(folder, ErrorKind.SYSTEM, ErrorKind.SYSTEM)
    hook = TriageHook(settings=Settings(ignore_retry_cause=True))
    hook.resource(SHUT_DOWN, attempt(folder, 2, retries=5), now=NOW)
    found = document(folder, 2)
    assert found is not None and found.error.origin == ExecutionError.SYSTEM


def test_an_attempt_that_left_nothing_was_charged_to_the_user(hook: TriageHook, folder: Path) -> None:
    charged(folder, ErrorKind.SYSTEM, ErrorKind.SYSTEM)
    hook.resource(SHUT_DOWN, attempt(folder, 3, retries=1), now=NOW)
    found = document(folder, 3)
    assert found is not None and found.error.origin == ExecutionError.SYSTEM


def test_who_pays_for_the_platform_is_told_why(hook: TriageHook, folder: Path) -> None:
    charged(folder, ErrorKind.SYSTEM, ErrorKind.SYSTEM)
    told = hook.resource(SHUT_DOWN, attempt(folder, 2, retries=5), now=NOW)
    assert told.message is not None and "Charged to: USER, because the failure is the platform's" in told.message


def test_the_same_failure_is_not_believed_for_ever(hook: TriageHook, folder: Path) -> None:
    for number in range(3):
        hook.resource(SHUT_DOWN, attempt(folder, number, retries=0), now=NOW)
        (folder / str(number) / "error.pb").unlink()  # so that the budget itself is not what decides
    hook.resource(SHUT_DOWN, attempt(folder, 3, retries=9), now=NOW)
    found = document(folder, 3)
    assert found is not None and found.error.origin == ExecutionError.USER


# Once and for all


def as_told(told: Resource) -> tuple[Any, ...]:
    return (told.phase, told.message, told.custom_info, told.outputs)


@pytest.mark.parametrize("seen", [LIMITED_LONG, MISSING_LONG, SHUT_DOWN, CRASHED, SUCCEEDED])
@pytest.mark.parametrize("outputs", [True, False])
def test_an_end_is_told_the_same_way_by_another_replica_later_and_after_the_pod_is_gone(
    hook: TriageHook, folder: Path, seen: dict[str, Any], outputs: bool
) -> None:
    one = attempt(folder, outputs=outputs)
    first = hook.resource(seen, one, now=NOW)
    written = document(folder)
    replica = TriageHook(settings=Settings(max_system_failures=0), access=hook._access)
    for later in (NOW, NOW + timedelta(days=1)):
        assert as_told(replica.resource(seen, one, now=later)) == as_told(first)
        assert as_told(replica.resource(seen, one, gone=True, now=later)) == as_told(first)
    assert document(folder) == written


def test_who_was_killed_before_the_document_was_written_writes_it_when_next_asked(
    hook: TriageHook, folder: Path
) -> None:
    first = hook.resource(SHUT_DOWN, attempt(folder), now=NOW)
    written = document(folder)
    (folder / "0" / "error.pb").unlink()
    assert as_told(hook.resource(RUNNING, attempt(folder), gone=True, now=NOW)) == as_told(first)
    assert document(folder) == written


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"schema": 99}', b"\xff"])
def test_a_record_that_cannot_be_read_is_as_none(hook: TriageHook, folder: Path, broken: bytes) -> None:
    leave(folder, 0, "podtriage-verdict.json", broken)
    hook.resource(SHUT_DOWN, attempt(folder), now=NOW)
    found = document(folder)
    assert found is not None and found.error.origin == ExecutionError.SYSTEM


def test_asked_asynchronously_it_tells_the_same(hook: TriageHook, folder: Path) -> None:
    first = hook.resource(LIMITED_LONG, attempt(folder), now=NOW)
    again = asyncio.run(hook.aresource(LIMITED_LONG, attempt(folder), now=NOW))
    assert as_told(again) == as_told(first)


# A prefix that cannot be written


class Full(LocalFileSystem):
    """A disk without room, or without rights."""

    why = errno.ENOSPC

    def exists(self, path: str, **_: Any) -> bool:
        return False

    def cat_file(self, path: str, *_: Any, **__: Any) -> bytes:
        raise FileNotFoundError(path)

    def pipe_file(self, path: str, *_: Any, **__: Any) -> None:
        raise OSError(self.why, "No space left on device")

    protocol = "full"


class Access:
    def __init__(self, files: fsspec.AbstractFileSystem) -> None:
        self.files = files

    def get_filesystem_for_path(self, path: str) -> fsspec.AbstractFileSystem:
        return self.files


def test_a_platforms_failure_is_held_while_it_cannot_be_put_on_record(folder: Path) -> None:
    hook = TriageHook(settings=Settings(), access=Access(Full()))
    told = hook.resource(SHUT_DOWN, attempt(folder), now=NOW)
    assert told.phase == idl.INITIALIZING
    assert told.message is not None
    assert "No space left on device" in told.message and "podtriage-verdict.json" in told.message


@pytest.mark.parametrize(
    ("seen", "outputs", "phase"),
    [
        (CRASHED, True, idl.RETRYABLE_FAILED),
        (CRASHED, False, idl.RETRYABLE_FAILED),
        # Without outputs the user pays in any case, and an answer is worth more than a record.
        (SHUT_DOWN, False, idl.RETRYABLE_FAILED),
        (SUCCEEDED, True, idl.SUCCEEDED),
        (SUCCEEDED, False, idl.SUCCEEDED),
    ],
)
def test_what_needs_no_document_is_told_all_the_same(
    folder: Path, seen: dict[str, Any], outputs: bool, phase: int
) -> None:
    hook = TriageHook(settings=Settings(), access=Access(Full()))
    assert hook.resource(seen, attempt(folder, outputs=outputs), now=NOW).phase == phase


def test_once_there_is_room_again_the_right_budget_pays(folder: Path, hook: TriageHook) -> None:
    TriageHook(settings=Settings(), access=Access(Full())).resource(SHUT_DOWN, attempt(folder), now=NOW)
    assert hook.resource(SHUT_DOWN, attempt(folder), now=NOW).phase == idl.SUCCEEDED
    found = document(folder)
    assert found is not None and found.error.origin == ExecutionError.SYSTEM


def test_a_folder_that_is_a_file_is_told_as_such(hook: TriageHook, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    told = hook.resource(SHUT_DOWN, attempt(tmp_path / "data"), now=NOW)
    assert told.phase == idl.INITIALIZING
    assert told.message is not None and "Not a directory" in told.message


# What it is told


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, TaskAttempt("p/0", outputs=True, retries=0)),
        ({"outputs": ()}, TaskAttempt("p/0", outputs=False)),
        ({"retries": 4}, TaskAttempt("p/0", retries=4)),
        ({"outputs": (MARKER,)}, TaskAttempt("p/0")),
        ({"outputs": (MARKER,), "data_config": True}, TaskAttempt("p/0", marker=True)),
        ({"outputs": (MARKER, "o0"), "data_config": True}, TaskAttempt("p/0")),
        ({"custom": {"user_patience": 60.0}}, TaskAttempt("p/0", user_patience=60.0)),
        ({"custom": {"system_patience": 5}}, TaskAttempt("p/0", system_patience=5.0)),
        ({"custom": {"system_patience": "long", "other": 1}}, TaskAttempt("p/0")),
    ],
)
def test_an_attempt_is_read_from_its_template(given: dict[str, Any], expected: TaskAttempt) -> None:
    assert TaskAttempt.of(template(**given), "p/0") == expected


def test_links_are_filled_in(folder: Path) -> None:
    link = LinkTemplate.parse("Logs=https://logs.example/{{ .namespace }}/{{.podName}}?c={{ .containerName }}")
    told = TriageHook(settings=Settings(log_links=[link])).resource(RUNNING, attempt(folder), now=NOW)
    assert told.log_links is not None
    assert [(one.name, one.uri) for one in told.log_links] == [
        ("Logs", "https://logs.example/flytesnacks-development/f3a91c-n0-0?c=main")
    ]


@pytest.mark.parametrize("text", ["", "Logs", "Logs=", "=https://x", "Logs=x", "Logs=https://x/{{ .nothing }}"])
def test_a_link_that_is_none_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        LinkTemplate.parse(text)


def test_what_is_no_pod_is_refused_in_the_one_family_of_errors(hook: TriageHook, folder: Path) -> None:
    with pytest.raises(InvalidPod):
        hook.resource(b"{", attempt(folder), now=NOW)


@pytest.mark.parametrize("seen", [RUNNING, LIMITED_LONG, pulling(LIMITED, 60), SUCCEEDED])
def test_a_packed_answer_says_what_it_said_before(hook: TriageHook, folder: Path, seen: dict[str, Any]) -> None:
    told = hook.resource(seen, attempt(folder), now=NOW)

    async def story() -> None:
        packed = PackedResource(await pack(told))
        assert await packed.to_flyte_idl() == await told.to_flyte_idl()

    asyncio.run(story())


def test_custom_info_goes_through_json(hook: TriageHook, folder: Path) -> None:
    told = hook.resource(LIMITED_LONG, attempt(folder), now=NOW)
    assert json.loads(json.dumps(told.custom_info)) == told.custom_info


def test_an_attempt_tells_its_number_and_those_before_it() -> None:
    from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix

    nested = OutputPrefix("s3://b/metadata/p-d-x/n0/data/0/n1/2")
    assert (nested.attempt, nested.task) == (2, "s3://b/metadata/p-d-x/n0/data/0/n1")
    assert nested.earlier(1).path == "s3://b/metadata/p-d-x/n0/data/0/n1/1"
    assert (OutputPrefix("s3://b/x").attempt, OutputPrefix("s3://b/x").task) == (0, "s3://b/x")
    assert attrs.evolve(nested, path="s3://b/x/7/").attempt == 7
