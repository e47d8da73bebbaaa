"""The connector before an API server that is slow, breaks off, or goes away."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from flyteidl.core.execution_pb2 import TaskExecution

from tests.apiserver.api import Api, pods
from tests.apiserver.connector.served import Served, Task
from tests.apiserver.connector.telling import (
    SUCCEEDED,
    AwaitingKubelet,
    ended_well,
    made,
    name_of,
)
from tests.apiserver.front import Front
from tests.apiserver.server import ApiServer

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
    one.until(served, meta, lambda resource: resource.phase == TaskExecution.QUEUED and "node" in resource.message)
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
    one.until(served, meta, lambda resource: resource.phase == TaskExecution.INITIALIZING)
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
    one.until(served, meta, lambda resource: resource.phase == TaskExecution.RUNNING)


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
        one.until(served, meta, lambda resource: resource.phase == TaskExecution.INITIALIZING)
    before = front.count()
    for _ in range(20):
        for one, meta in zip(some, metas, strict=True):
            one.get(served, meta)
    assert front.count() == before


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
    one.until(served, meta, lambda resource: resource.phase == TaskExecution.RUNNING)
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
