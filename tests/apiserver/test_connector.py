"""The connector, served by flytekit in a process of its own, on a real API server and with the rights of its chart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.errors_pb2 import ContainerError
from flyteidl.core.execution_pb2 import ExecutionError, TaskExecution

from flytekitplugins_podtriage.flyte.connector import manifest
from flytekitplugins_podtriage.flyte.connector.meta import PodMeta
from flytekitplugins_podtriage.flyte.prefix import OutputPrefix
from tests.apiserver.api import Api, pods
from tests.apiserver.front import Front
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.served import Served, Task, eventually
from tests.apiserver.server import ApiServer

USER, SYSTEM = ExecutionError.USER, ExecutionError.SYSTEM
RECOVERABLE, FINAL = ContainerError.RECOVERABLE, ContainerError.NON_RECOVERABLE
SUCCEEDED, FAILED, RETRYABLE = TaskExecution.SUCCEEDED, TaskExecution.FAILED, TaskExecution.RETRYABLE_FAILED
LIMITED = "failed to pull and unpack image: unexpected status code: 429 Too Many Requests - toomanyrequests"
MISSING = 'failed to resolve reference "docker.io/library/app:1": docker.io/library/app:1: not found'
SHUTDOWN = "Pod was terminated in response to imminent node shutdown."


@pytest.fixture(scope="module")
def impatient(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A replica that holds nothing, so that every failure is told at once."""
    found = Served(
        api_server.kubeconfig("connector"),
        tmp_path_factory.mktemp("impatient"),
        system_patience="0s",
        user_patience="0s",
    )
    try:
        found.start()
        yield found
    finally:
        found.kill()


@pytest.fixture(scope="module")
def patient(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A replica with the patience that it has by default."""
    found = Served(api_server.kubeconfig("connector"), tmp_path_factory.mktemp("patient"))
    try:
        found.start()
        yield found
    finally:
        found.kill()


@pytest.fixture
def serve(server: ApiServer, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Return the starter of replicas: of a user, straight to the API server or through a front."""
    made: list[Served] = []

    def start(user: str = "connector", front: Front | None = None, **settings: str) -> Served:
        kubeconfig = server.kubeconfig(user, url=front.url if front else None)
        made.append(Served(kubeconfig, tmp_path / f"replica-{len(made)}", **settings))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.kill()


@pytest.fixture
def task(tmp_path: Path, namespace: str) -> Callable[..., Task]:
    """Return the maker of tasks in the test's namespace."""
    return lambda **of_template: Task(tmp_path, namespace, **of_template)


class AwaitingKubelet:
    """A kubelet that waits for the pods that it is to write of: they are made behind the answer of ``create``."""

    def __init__(self, kubelet: ScriptedKubelet, admin: Api) -> None:
        self._kubelet = kubelet
        self._admin = admin

    def __getattr__(self, call: str) -> Callable[..., Any]:
        function = getattr(self._kubelet, call)

        def when_it_is_there(namespace: str, name: str, *arguments: Any, **more: Any) -> Any:
            made(self._admin, namespace, name)
            return function(namespace, name, *arguments, **more)

        return function if call.startswith("finish_") else when_it_is_there


@pytest.fixture
def kubelet(kubelet: ScriptedKubelet, admin: Api) -> AwaitingKubelet:
    """Return the kubelet of the one node."""
    return AwaitingKubelet(kubelet, admin)


def name_of(meta: bytes) -> str:
    return PodMeta.decode(meta).pod


def made(admin: Api, namespace: str, name: str) -> None:
    eventually(lambda: admin.find(pods(namespace, name)) is not None, f"pod {name}")


def limited(kubelet: AwaitingKubelet, namespace: str, name: str) -> None:
    kubelet.image_pull_failed(namespace, name, LIMITED)
    kubelet.image_pull_back_off(namespace, name, LIMITED)


def missing(kubelet: AwaitingKubelet, namespace: str, name: str) -> None:
    kubelet.image_pull_failed(namespace, name, MISSING)
    kubelet.image_pull_back_off(namespace, name, MISSING)


def crashed(kubelet: AwaitingKubelet, namespace: str, name: str) -> None:
    kubelet.running(namespace, name)
    kubelet.failed(namespace, name, 3)


def shut_down(kubelet: AwaitingKubelet, namespace: str, name: str) -> None:
    kubelet.running(namespace, name)
    kubelet.failed(namespace, name, 143, pod_reason="Terminated", pod_message=SHUTDOWN)


def ended_well(kubelet: AwaitingKubelet, namespace: str, name: str) -> None:
    kubelet.running(namespace, name)
    kubelet.succeeded(namespace, name)


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
    found = one.until_over(impatient, meta)
    document = one.error()
    assert found.phase == phase and not found.outputs.literals
    assert (document and document.error.origin, document and document.error.kind) == (origin, kind)
    if document is not None:
        assert found.message == document.error.message and document.error.code


def test_a_pod_that_is_not_over_is_told_as_queued_initializing_and_running(
    patient: Served, task: Callable[..., Task], kubelet: AwaitingKubelet, namespace: str
) -> None:
    one = task()
    meta = one.create(patient)
    assert one.get(patient, meta).phase == TaskExecution.QUEUED
    kubelet.creating(namespace, name_of(meta))
    one.until(patient, meta, lambda found: found.phase == TaskExecution.INITIALIZING)
    limited(kubelet, namespace, name_of(meta))
    held = one.until(patient, meta, lambda found: "HTTP 429" in found.message)
    assert held.phase == TaskExecution.INITIALIZING and "nothing is charged" in held.message
    kubelet.running(namespace, name_of(meta))
    one.until(patient, meta, lambda found: found.phase == TaskExecution.RUNNING)


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
    from flyteidl.core.errors_pb2 import ErrorDocument

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
    name = manifest.pod_name(OutputPrefix(str(one.prefix())), one.execution, "n0")
    theirs: dict[str, Any] = {"name": name, "annotations": {manifest.PREFIX: "s3://b/0"}}
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
        "deletionTimestamp" not in there["metadata"] and there["metadata"]["annotations"][manifest.PREFIX] == "s3://b/0"
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
    found = one.until(served, meta, lambda found: "pods" in found.message)
    assert found.phase == TaskExecution.WAITING_FOR_RESOURCES and one.error() is None
    assert any(verb in found.message for verb in ("create", "list"))
    one.delete(served, meta)


def test_a_kubeconfig_that_cannot_be_read_is_told_and_charges_nobody(tmp_path: Path, task: Callable[..., Task]) -> None:
    served, one = Served(str(tmp_path / "nowhere"), tmp_path / "replica"), task()
    try:
        served.start()
        meta = one.create(served)
        found = one.get(served, meta)
        assert found.phase == TaskExecution.WAITING_FOR_RESOURCES
        assert "kubeconfig" in found.message and "no such file" in found.message
        one.delete(served, meta)
    finally:
        served.kill()


# An API server that is slow, breaks off, or goes away


def test_create_answers_within_a_second_while_the_api_server_hangs(
    serve: Callable[..., Served], front: Front, task: Callable[..., Task], admin: Api, namespace: str
) -> None:
    served, one = serve(front=front), task()
    one.get(served, one.create(served))  # what is loaded at the first call is loaded
    held = front.hold("create", "pods")
    began = time.monotonic()
    meta = one.create(served, 1)
    assert time.monotonic() - began < 1.0
    assert one.get(served, meta).phase == TaskExecution.QUEUED
    assert admin.find(pods(namespace, name_of(meta))) is None
    held.release()
    made(admin, namespace, name_of(meta))


def test_an_answer_that_is_lost_makes_no_second_pod(
    serve: Callable[..., Served], front: Front, task: Callable[..., Task], admin: Api, namespace: str
) -> None:
    served, one = serve(front=front), task()
    front.lose("create", "pods")
    meta = one.create(served)
    made(admin, namespace, name_of(meta))
    uid = admin.get(pods(namespace, name_of(meta)))["metadata"]["uid"]
    one.until(served, meta, lambda found: found.phase == TaskExecution.QUEUED and "node" in found.message)
    assert [pod["metadata"]["uid"] for pod in admin.get(pods(namespace))["items"]] == [uid]


@pytest.mark.parametrize("trouble", ["cut", "end", "expired", "too large", "refused"])
def test_a_watch_that_breaks_off_is_taken_up_again(
    serve: Callable[..., Served],
    front: Front,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    namespace: str,
    trouble: str,
) -> None:
    served, one = serve(front=front), task()
    meta = one.create(served)
    kubelet.creating(namespace, name_of(meta))
    one.until(served, meta, lambda found: found.phase == TaskExecution.INITIALIZING)
    front.wait_for_watches(2)
    if trouble == "cut":
        front.cut()
    elif trouble == "end":
        front.end()
    elif trouble == "expired":
        front.expire()
    elif trouble == "too large":
        front.answer("watch", "pods", 504, "Timeout: Too large resource version: 9, current: 1")
        front.cut()
    else:
        front.refuse()
        front.accept()
    kubelet.running(namespace, name_of(meta))
    one.until(served, meta, lambda found: found.phase == TaskExecution.RUNNING)


def test_questions_cost_the_api_server_nothing(
    serve: Callable[..., Served],
    front: Front,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    namespace: str,
) -> None:
    served, some = serve(front=front), [task() for _ in range(10)]
    metas = [one.create(served) for one in some]
    for meta in metas:
        kubelet.creating(namespace, name_of(meta))
    for one, meta in zip(some, metas, strict=True):
        one.until(served, meta, lambda found: found.phase == TaskExecution.INITIALIZING)
    before = front.count()
    for _ in range(20):
        for one, meta in zip(some, metas, strict=True):
            one.get(served, meta)
    assert front.count() == before


# Replicas, restarts


def test_another_replica_answers_for_an_attempt_that_it_did_not_create(
    impatient: Served,
    serve: Callable[..., Served],
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    namespace: str,
) -> None:
    other, one = serve(system_patience="0s"), task()
    meta = one.create(impatient)
    kubelet.running(namespace, name_of(meta))
    one.until(other, meta, lambda found: found.phase == TaskExecution.RUNNING)
    shut_down(kubelet, namespace, name_of(meta))
    assert one.until_over(other, meta) == one.until_over(impatient, meta)


@pytest.mark.parametrize("before", ["the pod is made", "its answer", "the first question"])
def test_killed_while_it_creates_it_leaves_one_pod_and_nobody_pays(
    serve: Callable[..., Served],
    front: Front,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    admin: Api,
    namespace: str,
    before: str,
) -> None:
    served, one = serve(front=front), task()
    one.get(served, b"")  # what is loaded at the first call is loaded
    held = front.hold("create", "pods") if before == "the pod is made" else None
    if before == "its answer":
        front.lose("create", "pods", times=1)
    meta = one.create(served)
    if held is not None:
        front.wait_for("create", "pods")
    else:
        made(admin, namespace, name_of(meta))
    served.kill()
    if held is not None:
        held.release()
    served.start()
    one.until(served, meta, lambda found: "node" in found.message)
    assert [pod["metadata"]["name"] for pod in admin.get(pods(namespace))["items"]] == [name_of(meta)]
    ended_well(kubelet, namespace, name_of(meta))
    assert one.until_over(served, meta).phase == SUCCEEDED
    assert one.error() is None


@pytest.mark.parametrize("tell", [limited, shut_down, crashed, ended_well])
def test_killed_before_the_pod_is_deleted_it_tells_the_same_afterwards(
    serve: Callable[..., Served],
    front: Front,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    admin: Api,
    namespace: str,
    tell: Callable[..., None],
) -> None:
    served, one = serve(front=front, system_patience="0s", keep_finished="0s"), task()
    meta = one.create(served)
    made(admin, namespace, name_of(meta))
    held = front.hold("delete", "pods")
    tell(kubelet, namespace, name_of(meta))
    told, document = one.until_over(served, meta), one.error()
    front.wait_for("delete", "pods")
    served.kill()
    held.release()
    served.start()
    assert one.until_over(served, meta) == told
    eventually(lambda: kubelet.finish_deletion(namespace, name_of(meta)) or _is_gone(admin, namespace, meta), "the end")
    eventually(lambda: _is_gone(admin, namespace, meta), "the end of the pod")
    assert one.until_over(served, meta) == told
    assert one.error() == document


def test_killed_between_the_record_and_the_document_it_writes_the_document(
    serve: Callable[..., Served], task: Callable[..., Task], kubelet: AwaitingKubelet, namespace: str
) -> None:
    served, one = serve(system_patience="0s"), task()
    meta = one.create(served)
    shut_down(kubelet, namespace, name_of(meta))
    told, document = one.until_over(served, meta), one.error()
    served.kill()
    (one.prefix() / "error.pb").unlink()
    served.start()
    assert one.until_over(served, meta) == told
    assert one.error() == document


def test_killed_while_it_deletes_it_is_asked_again_and_the_pod_goes(
    serve: Callable[..., Served],
    front: Front,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    admin: Api,
    namespace: str,
) -> None:
    served, one = serve(front=front), task()
    meta = one.create(served)
    made(admin, namespace, name_of(meta))
    kubelet.running(namespace, name_of(meta))
    held = front.hold("delete", "pods")
    one.delete(served, meta)  # it answers, and goes on behind it
    served.kill()
    held.release()
    served.start()
    one.delete(served, meta)
    eventually(lambda: kubelet.finish_deletion(namespace, name_of(meta)), "the deletion")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_api_server_that_is_away_loses_no_pod_and_charges_nobody(
    serve: Callable[..., Served],
    server: ApiServer,
    task: Callable[..., Task],
    kubelet: AwaitingKubelet,
    admin: Api,
    namespace: str,
    how: str,
) -> None:
    served, one, late = serve(), task(), task()
    meta = one.create(served)
    made(admin, namespace, name_of(meta))
    kubelet.running(namespace, name_of(meta))
    one.until(served, meta, lambda found: found.phase == TaskExecution.RUNNING)
    getattr(server, how)()
    assert one.get(served, meta).phase == TaskExecution.RUNNING
    asked = late.create(served)
    assert late.get(served, asked).phase in (TaskExecution.QUEUED, TaskExecution.WAITING_FOR_RESOURCES)
    server.start()
    made(admin, namespace, name_of(asked))
    ended_well(kubelet, namespace, name_of(meta))
    ended_well(kubelet, namespace, name_of(asked))
    for each, of in ((one, meta), (late, asked)):
        assert each.until_over(served, of).phase == SUCCEEDED
        assert each.error() is None


def _is_gone(admin: Api, namespace: str, meta: bytes) -> bool:
    return admin.find(pods(namespace, name_of(meta))) is None
