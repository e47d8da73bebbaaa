"""The connector, served by flytekit in a process of its own, on a real API server and with the rights of its chart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.errors_pb2 import ContainerError, ErrorDocument
from flyteidl.core.execution_pb2 import TaskExecution

from flytekitplugins_podtriage.connector import pod_manifest
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix
from flytekitplugins_podtriage.flyte.task import MARKER
from tests.apiserver.api import Api, pods
from tests.apiserver.connector.served import Served, Task, eventually
from tests.apiserver.connector.telling import (
    FAILED,
    FINAL,
    RECOVERABLE,
    RETRYABLE,
    SUCCEEDED,
    SYSTEM,
    USER,
    AwaitingKubelet,
    crashed,
    ended_well,
    limited,
    made,
    missing,
    name_of,
    shut_down,
)

# The table of what is answered


@pytest.mark.parametrize(
    ("tell", "outputs", "phase", "origin", "kind"),
    [
        (ended_well, True, SUCCEEDED, None, None),
        (ended_well, False, SUCCEEDED, None, None),
        (limited, True, SUCCEEDED, SYSTEM, RECOVERABLE),
        (missing, True, SUCCEEDED, USER, RECOVERABLE),
        (shut_down, True, SUCCEEDED, SYSTEM, RECOVERABLE),
        (crashed, True, SUCCEEDED, USER, RECOVERABLE),
        (limited, False, RETRYABLE, USER, RECOVERABLE),
        (shut_down, False, RETRYABLE, USER, RECOVERABLE),
        (missing, False, RETRYABLE, USER, RECOVERABLE),
        (crashed, False, RETRYABLE, USER, RECOVERABLE),
    ],
)
def test_the_end_of_an_attempt_is_told_so_that_a_stock_backend_charges_whose_fault_it_is(
    impatient: Served,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    namespace: str,
    tell: Callable[..., None],
    outputs: bool,
    phase: int,
    origin: int | None,
    kind: int | None,
) -> None:
    one = task(outputs=("o0",) if outputs else ())
    meta = one.create(impatient)
    tell(kubelet, namespace, name_of(meta))
    resource = one.until_over(impatient, meta)
    document = one.error()
    assert resource.phase == phase and not resource.outputs.literals
    assert (document and document.error.origin, document and document.error.kind) == (origin, kind)
    if document is not None:
        assert resource.message == document.error.message and document.error.code


def test_a_pod_that_is_not_over_is_told_as_queued_initializing_and_running(
    patient: Served, task: Callable[..., Task], kubelet: AwaitingKubelet, namespace: str
) -> None:
    one = task()
    meta = one.create(patient)
    assert one.get(patient, meta).phase == TaskExecution.QUEUED
    kubelet.creating(namespace, name_of(meta))
    one.until(patient, meta, lambda resource: resource.phase == TaskExecution.INITIALIZING)
    limited(kubelet, namespace, name_of(meta))
    held = one.until(patient, meta, lambda resource: "HTTP 429" in resource.message)
    assert held.phase == TaskExecution.INITIALIZING and "nothing is charged" in held.message
    kubelet.running(namespace, name_of(meta))
    one.until(patient, meta, lambda resource: resource.phase == TaskExecution.RUNNING)


@pytest.mark.parametrize(("outputs", "phase"), [(("o0",), SUCCEEDED), ((), FAILED)])
def test_a_document_that_the_container_left_is_kept(
    impatient: Served,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    namespace: str,
    outputs: tuple[str, ...],
    phase: int,
) -> None:
    one = task(outputs=outputs)
    meta = one.create(impatient)
    left = ContainerError(code="USER:ValueError", message="no", kind=FINAL, origin=USER)

    one.prefix().mkdir(parents=True, exist_ok=True)
    (one.prefix() / "error.pb").write_bytes(ErrorDocument(error=left).SerializeToString())
    ended_well(kubelet, namespace, name_of(meta))
    assert one.until_over(impatient, meta).phase == phase
    assert one.error() == ErrorDocument(error=left)


def test_a_dynamic_task_whose_body_has_finished_is_not_failed_with_its_node(
    impatient: Served, task: Callable[..., Task], kubelet: AwaitingKubelet, namespace: str
) -> None:
    one = task()
    meta = one.create(impatient)
    one.prefix().mkdir(parents=True, exist_ok=True)
    (one.prefix() / "futures.pb").write_bytes(b"")
    shut_down(kubelet, namespace, name_of(meta))
    assert one.until_over(impatient, meta).phase == SUCCEEDED
    assert one.error() is None


def test_while_the_users_retries_last_the_reserve_of_the_platform_is_not_touched(
    impatient: Served, task: Callable[..., Task], kubelet: AwaitingKubelet, namespace: str
) -> None:
    one = task(retries=1)
    charged = []
    for attempt in range(4):
        meta = one.create(impatient, attempt)
        limited(kubelet, namespace, name_of(meta))
        one.until_over(impatient, meta)
        document = one.error(attempt)
        assert document is not None
        charged.append(document.error.origin)
    assert charged == [SYSTEM, SYSTEM, USER, SYSTEM]


def test_the_create_of_an_attempt_removes_the_pods_of_those_before(
    impatient: Served, task: Callable[..., Task], kubelet: AwaitingKubelet, admin: Api, namespace: str
) -> None:
    one, other = task(), task()
    first, theirs = one.create(impatient, 0), other.create(impatient, 0)
    for meta in (first, theirs):
        kubelet.running(namespace, name_of(meta))
    second = one.create(impatient, 1)
    made(admin, namespace, name_of(second))
    assert kubelet.finish_deletions(namespace) == [name_of(first)]
    left = {pod["metadata"]["name"] for pod in admin.get(pods(namespace))["items"]}
    assert left == {name_of(second), name_of(theirs)}


def test_a_pod_of_the_same_name_is_taken_for_its_own_only_by_its_annotation(
    impatient: Served, task: Callable[..., Task], admin: Api, namespace: str
) -> None:
    one = task()
    name = pod_manifest.pod_name(OutputPrefix(str(one.prefix())), one.execution, "n0")
    theirs: dict[str, Any] = {"name": name, "annotations": {pod_manifest.PREFIX: "s3://b/0"}}
    spec = {"containers": [{"name": "c", "image": "i"}], "automountServiceAccountToken": False}
    admin.post(pods(namespace), {"apiVersion": "v1", "kind": "Pod", "metadata": theirs, "spec": spec})
    meta = one.create(impatient)
    assert name_of(meta) == name
    one.until_over(impatient, meta)
    document = one.error()
    assert document is not None
    assert (document.error.origin, document.error.code) == (SYSTEM, "PodNameTaken")
    there = admin.get(pods(namespace, name))
    assert (
        "deletionTimestamp" not in there["metadata"]
        and there["metadata"]["annotations"][pod_manifest.PREFIX] == "s3://b/0"
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"containers": [{"name": "primary", "image": "i", "ports": [{"containerPort": 99999}]}]}, "containerPort"),
        ({"containers": [{"name": "primary", "image": "i"}], "restartPolicy": "Sometimes"}, "restartPolicy"),
    ],
)
def test_a_pod_that_the_api_server_does_not_take_is_the_users_failure_for_good(
    impatient: Served, task: Callable[..., Task], spec: dict[str, Any], words: str
) -> None:
    one = task(spec=spec)
    one.until_over(impatient, one.create(impatient))
    document = one.error()
    assert document is not None and (document.error.origin, document.error.kind) == (USER, FINAL)
    assert words in document.error.message


def test_an_attempt_that_is_given_up_loses_its_pod(
    impatient: Served, task: Callable[..., Task], kubelet: AwaitingKubelet, admin: Api, namespace: str
) -> None:
    one = task()
    meta = one.create(impatient)
    made(admin, namespace, name_of(meta))
    kubelet.running(namespace, name_of(meta))
    one.delete(impatient, meta)
    eventually(lambda: kubelet.finish_deletion(namespace, name_of(meta)), "the deletion")


def test_bytes_that_are_no_meta_charge_nobody(impatient: Served, task: Callable[..., Task]) -> None:
    for data in (b"", b"{", b'{"v": 9}', b"\xff"):
        assert task().get(impatient, data).phase == TaskExecution.WAITING_FOR_RESOURCES


# Rights


def test_a_right_that_is_missing_is_named_and_charges_nobody(
    serve: Callable[..., Served], task: Callable[..., Task], namespace: str
) -> None:
    served, one = serve("nobody"), task()
    meta = one.create(served)
    resource = one.until(served, meta, lambda resource: "pods" in resource.message)
    assert resource.phase == TaskExecution.WAITING_FOR_RESOURCES and one.error() is None
    assert any(verb in resource.message for verb in ("create", "list"))
    one.delete(served, meta)


def test_a_kubeconfig_that_cannot_be_read_is_told_and_charges_nobody(tmp_path: Path, task: Callable[..., Task]) -> None:
    served, one = Served(str(tmp_path / "nowhere"), tmp_path / "replica"), task()
    try:
        served.start()
        meta = one.create(served)
        resource = one.get(served, meta)
        assert resource.phase == TaskExecution.WAITING_FOR_RESOURCES
        assert "kubeconfig" in resource.message and "no such file" in resource.message
        one.delete(served, meta)
    finally:
        served.kill()


@pytest.mark.parametrize(
    ("tell", "outputs", "origin"), [(ended_well, [MARKER], None), (crashed, [], USER), (limited, [], SYSTEM)]
)
def test_a_container_task_without_outputs_gets_the_marker_once_its_pod_has_ended_well(
    impatient: Served,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    namespace: str,
    tell: Callable[..., None],
    outputs: list[str],
    origin: int | None,
) -> None:
    one = task(outputs=(MARKER,), data_config=True)
    meta = one.create(impatient)
    tell(kubelet, namespace, name_of(meta))
    resource = one.until_over(impatient, meta)
    document = one.error()
    assert (resource.phase, list(resource.outputs.literals)) == (SUCCEEDED, outputs)
    assert (document and document.error.origin) == origin


def test_a_container_task_has_not_succeeded_before_copilot_has_stored_its_outputs(
    impatient: Served, task: Callable[..., Task], kubelet: AwaitingKubelet, namespace: str
) -> None:
    uploader = {"name": "flyte-copilot-uploader", "image": "copilot:1", "restartPolicy": "Always"}
    spec = {"containers": [{"name": "primary", "image": "i"}], "initContainers": [uploader], "restartPolicy": "Never"}
    one = task(spec=spec, data_config=True)
    meta = one.create(impatient)
    kubelet.running(namespace, name_of(meta))
    kubelet.ended_in_a_running_pod(namespace, name_of(meta))
    resource = one.until(impatient, meta, lambda resource: "copilot stores its outputs" in resource.message)
    assert resource.phase == TaskExecution.RUNNING
    kubelet.succeeded(namespace, name_of(meta))
    assert one.until_over(impatient, meta).phase == SUCCEEDED
