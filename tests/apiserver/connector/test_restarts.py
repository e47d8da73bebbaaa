"""The connector killed at every step, and more than one replica of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flyteidl.core.execution_pb2 import TaskExecution

from tests.apiserver.api import Api, pods
from tests.apiserver.connector.served import Served, Task, eventually
from tests.apiserver.connector.telling import (
    SUCCEEDED,
    AwaitingKubelet,
    crashed,
    ended_well,
    limited,
    made,
    name_of,
    shut_down,
)
from tests.apiserver.front import Front


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
    one.until(other, meta, lambda resource: resource.phase == TaskExecution.RUNNING)
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
    one.until(served, meta, lambda resource: "node" in resource.message)
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
    resource, document = one.until_over(served, meta), one.error()
    front.wait_for("delete", "pods")
    served.kill()
    held.release()
    served.start()
    assert one.until_over(served, meta) == resource
    eventually(lambda: kubelet.finish_deletion(namespace, name_of(meta)) or _is_gone(admin, namespace, meta), "the end")
    eventually(lambda: _is_gone(admin, namespace, meta), "the end of the pod")
    assert one.until_over(served, meta) == resource
    assert one.error() == document


def test_killed_between_the_record_and_the_document_it_writes_the_document(
    serve: Callable[..., Served], task: Callable[..., Task], kubelet: AwaitingKubelet, namespace: str
) -> None:
    served, one = serve(system_patience="0s"), task()
    meta = one.create(served)
    shut_down(kubelet, namespace, name_of(meta))
    resource, document = one.until_over(served, meta), one.error()
    served.kill()
    (one.prefix() / "error.pb").unlink()
    served.start()
    assert one.until_over(served, meta) == resource
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


def _is_gone(admin: Api, namespace: str, meta: bytes) -> bool:
    return admin.find(pods(namespace, name_of(meta))) is None
