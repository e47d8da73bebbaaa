"""The hook: the response about a pod, and ``error.pb`` where a stock backend reads it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.errors_pb2 import ContainerError
from flyteidl.core.execution_pb2 import ExecutionError

from flytekitplugins_podtriage import InvalidPod, Policy
from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.flyte.log_links import LinkTemplate
from flytekitplugins_podtriage.flyte.settings import Settings
from flytekitplugins_podtriage.flyte.task import MARKER
from tests.builders import NOW, container, pod
from tests.connector.ended_pods import (
    CRASHED,
    LIMITED,
    LIMITED_LONG,
    MISSING_LONG,
    OOM,
    RUNNING,
    SHUT_DOWN,
    SUCCEEDED,
    UNPARSABLE,
    attempt,
    container_document,
    error_document,
    fields,
    pulling,
    write,
)


@pytest.mark.parametrize(
    ("pod_state", "phase"),
    [(pod("Pending", container()), idl.INITIALIZING), (RUNNING, idl.RUNNING), (pulling(LIMITED, 60), idl.INITIALIZING)],
)
def test_nothing_is_written_about_a_pod_that_is_not_over(
    hook: TriageHook, directory: Path, pod_state: dict[str, Any], phase: int
) -> None:
    assert hook.resource(pod_state, attempt(directory), now=NOW).phase == phase
    assert not directory.exists()


def test_the_message_about_a_held_pod_has_the_side_the_time_and_the_fix(hook: TriageHook, directory: Path) -> None:
    response = hook.resource(pulling(LIMITED, 60), attempt(directory), now=NOW)
    assert response.message is not None
    for words in ("HTTP 429", "platform-side", "nothing is charged", "until 12:29:00 UTC", "\nFix: "):
        assert words in response.message
    assert response.custom_info is not None
    assert response.custom_info["podtriage"]["category"] == "registry_rate_limited"


def test_the_patience_of_the_task_precedes_the_settings(hook: TriageHook, directory: Path) -> None:
    patient = attempt(directory, user_patience=7200.0)
    assert hook.resource(MISSING_LONG, patient, now=NOW).phase == idl.INITIALIZING


def test_a_policy_may_be_passed_to_the_hook(directory: Path) -> None:
    hook = TriageHook(Policy(user_patience=7200), settings=Settings())
    assert hook.resource(MISSING_LONG, attempt(directory), now=NOW).phase == idl.INITIALIZING


@pytest.mark.parametrize(
    ("pod_state", "origin", "code"),
    [
        (LIMITED_LONG, ExecutionError.SYSTEM, "ImagePullBackOff"),
        (SHUT_DOWN, ExecutionError.SYSTEM, "Terminated"),
        (MISSING_LONG, ExecutionError.USER, "ImagePullBackOff"),
        (CRASHED, ExecutionError.USER, "Error"),
        (OOM, ExecutionError.USER, "OOMKilled"),
    ],
)
def test_a_failure_is_answered_as_a_success_with_a_document_that_has_the_kind(
    hook: TriageHook, directory: Path, pod_state: dict[str, Any], origin: int, code: str
) -> None:
    response = hook.resource(pod_state, attempt(directory), now=NOW)
    document = error_document(directory)
    assert response.phase == idl.SUCCEEDED and response.outputs is None and document is not None
    assert (document.error.origin, document.error.code) == (origin, code)
    assert document.error.kind == ContainerError.RECOVERABLE
    assert document.error.message == response.message and "\nFix: " in document.error.message


def test_an_invalid_image_reference_fails_for_good(hook: TriageHook, directory: Path) -> None:
    hook.resource(UNPARSABLE, attempt(directory), now=NOW)
    document = error_document(directory)
    assert document is not None
    assert (document.error.origin, document.error.kind) == (ExecutionError.USER, ContainerError.NON_RECOVERABLE)


@pytest.mark.parametrize("pod_state", [LIMITED_LONG, CRASHED])
def test_the_failure_of_a_task_without_outputs_is_in_the_phase_and_the_document_says_user(
    hook: TriageHook, directory: Path, pod_state: dict[str, Any]
) -> None:
    response = hook.resource(pod_state, attempt(directory, outputs=False), now=NOW)
    document = error_document(directory)
    assert response.phase == idl.RETRYABLE_FAILED
    assert document is not None and document.error.origin == ExecutionError.USER


def test_a_task_without_outputs_learns_why_it_is_charged_for_the_platform(hook: TriageHook, directory: Path) -> None:
    response = hook.resource(LIMITED_LONG, attempt(directory, outputs=False), now=NOW)
    assert response.message is not None and "declares no outputs" in response.message


@pytest.mark.parametrize("outputs", [True, False])
def test_a_success_leaves_the_prefix_to_the_container(hook: TriageHook, directory: Path, outputs: bool) -> None:
    response = hook.resource(SUCCEEDED, attempt(directory, outputs=outputs), now=NOW)
    assert response.phase == idl.SUCCEEDED and response.outputs is None
    assert error_document(directory) is None


def test_the_document_of_the_container_is_kept(hook: TriageHook, directory: Path) -> None:
    write(directory, 0, "error.pb", container_document())
    assert hook.resource(CRASHED, attempt(directory), now=NOW).phase == idl.SUCCEEDED
    assert (directory / "0" / "error.pb").read_bytes() == container_document()


def test_the_document_of_a_container_that_succeeded_fails_a_task_without_outputs(
    hook: TriageHook, directory: Path
) -> None:
    write(directory, 0, "error.pb", container_document())
    response = hook.resource(SUCCEEDED, attempt(directory, outputs=False), now=NOW)
    assert (response.phase, response.message) == (idl.FAILED, "Traceback ... ValueError: no")


def test_a_dynamic_task_whose_body_has_finished_has_not_failed(hook: TriageHook, directory: Path) -> None:
    write(directory, 0, "futures.pb")
    assert hook.resource(SHUT_DOWN, attempt(directory), now=NOW).phase == idl.SUCCEEDED
    assert error_document(directory) is None


def test_a_pod_that_is_gone_after_its_outputs_were_written_has_not_failed(hook: TriageHook, directory: Path) -> None:
    write(directory, 0, "outputs.pb")
    assert hook.resource(RUNNING, attempt(directory), gone=True, now=NOW).phase == idl.SUCCEEDED
    assert error_document(directory) is None


def test_a_pod_that_is_gone_without_a_trace_is_a_system_failure(hook: TriageHook, directory: Path) -> None:
    hook.resource(RUNNING, attempt(directory), gone=True, now=NOW)
    document = error_document(directory)
    assert document is not None and (document.error.origin, document.error.code) == (ExecutionError.SYSTEM, "PodGone")


def test_the_last_state_of_a_pod_that_is_gone_is_optional(hook: TriageHook, directory: Path) -> None:
    first = hook.resource(SHUT_DOWN, attempt(directory), now=NOW)
    assert fields(hook.resource(None, attempt(directory), now=NOW)) == fields(first)
    hook.resource(None, attempt(directory, 1), now=NOW)
    document = error_document(directory, 1)
    assert document is not None and (document.error.origin, document.error.code) == (ExecutionError.SYSTEM, "PodGone")


def test_a_container_task_with_only_the_marker_gets_it_from_the_response(hook: TriageHook, directory: Path) -> None:
    response = hook.resource(SUCCEEDED, attempt(directory, marker=True), now=NOW)
    assert response.outputs is not None and list(response.outputs.literals) == [MARKER]


def test_a_failure_has_no_marker(hook: TriageHook, directory: Path) -> None:
    write(directory, 0, "error.pb", container_document())
    response = hook.resource(SUCCEEDED, attempt(directory, marker=True), now=NOW)
    assert (response.phase, response.outputs) == (idl.SUCCEEDED, None)  # FlytePropeller reads the document


def test_log_links_are_part_of_the_response(directory: Path) -> None:
    link = LinkTemplate.parse("Logs=https://logs.example/{{ .namespace }}/{{.podName}}?c={{ .containerName }}")
    response = TriageHook(settings=Settings(log_links=[link])).resource(RUNNING, attempt(directory), now=NOW)
    assert response.log_links is not None
    assert [(one.name, one.uri) for one in response.log_links] == [
        ("Logs", "https://logs.example/flytesnacks-development/f3a91c-n0-0?c=main")
    ]


def test_an_invalid_pod_is_refused(hook: TriageHook, directory: Path) -> None:
    with pytest.raises(InvalidPod):
        hook.resource(b"{", attempt(directory), now=NOW)


def test_the_asynchronous_call_returns_the_same(hook: TriageHook, directory: Path) -> None:
    first = hook.resource(LIMITED_LONG, attempt(directory), now=NOW)
    again = asyncio.run(hook.aresource(LIMITED_LONG, attempt(directory), now=NOW))
    assert fields(again) == fields(first)
