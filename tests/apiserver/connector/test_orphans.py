"""Pods whose FlyteWorkflow is gone while FlytePropeller's cache polls on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flyteidl.core.execution_pb2 import TaskExecution

from tests.apiserver.api import Api, ApiStatus, pods
from tests.apiserver.connector.served import Served, Task, eventually
from tests.apiserver.connector.telling import AwaitingKubelet, made, name_of

_GROUP = "flyte.lyft.com"
_CRD = f"flyteworkflows.{_GROUP}"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ORPHANED_AFTER = 2.0
"""The setting, in seconds; then the connector collects every second."""


@pytest.fixture
def workflows(admin: Api, namespace: str) -> Iterator[Callable[[str], str]]:
    """Define the resource, and return the maker of FlyteWorkflows, which returns their paths."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "FlyteWorkflow", "plural": "flyteworkflows", "singular": "flyteworkflow"}
    spec = {"group": _GROUP, "names": names, "scope": "Namespaced", "versions": [version]}
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    folder = f"/apis/{_GROUP}/v1alpha1/namespaces/{namespace}/flyteworkflows"

    def served() -> bool:
        try:
            return admin.find(folder) is not None
        except ApiStatus as status:
            if status.code != 429:  # storage is (re)initializing
                raise
            return False

    def make(name: str) -> str:
        workflow = {"apiVersion": f"{_GROUP}/v1alpha1", "kind": "FlyteWorkflow", "metadata": {"name": name}}
        admin.post(folder, workflow)
        return f"{folder}/{name}"

    admin.post(_CRDS, {**kind, "metadata": {"name": _CRD}, "spec": spec})
    try:
        eventually(served, "the resource")
        yield make
    finally:
        admin.delete(f"{_CRDS}/{_CRD}")
        eventually(lambda: admin.find(f"{_CRDS}/{_CRD}") is None, "the end of the resource")


def test_a_workflow_that_was_removed_while_its_task_is_polled_loses_its_pod_and_others_keep_theirs(
    serve: Callable[..., Served],
    task: Callable[..., Task],
    workflows: Callable[[str], str],
    kubelet: AwaitingKubelet,
    admin: Api,
    namespace: str,
) -> None:
    served, removed, kept = serve(orphaned_after=f"{ORPHANED_AFTER:g}s"), task(), task()
    workflow, _ = workflows(removed.execution), workflows(kept.execution)
    metas = {one: one.create(served) for one in (removed, kept)}
    for one, meta in metas.items():
        kubelet.running(namespace, name_of(meta))
        one.until(served, meta, lambda resource: resource.phase == TaskExecution.RUNNING)
    assert not polled_until_deleted(served, metas, admin, namespace, removed, within=2 * ORPHANED_AFTER)
    admin.delete(workflow)
    assert polled_until_deleted(served, metas, admin, namespace, removed, within=ORPHANED_AFTER + 60)
    assert not is_deleted(admin, namespace, metas[kept])


def test_a_pod_is_kept_where_there_is_no_such_resource(
    serve: Callable[..., Served], task: Callable[..., Task], kubelet: AwaitingKubelet, admin: Api, namespace: str
) -> None:
    served, one = serve(orphaned_after=f"{ORPHANED_AFTER:g}s"), task()
    meta = one.create(served)
    made(admin, namespace, name_of(meta))
    kubelet.running(namespace, name_of(meta))
    assert not polled_until_deleted(served, {one: meta}, admin, namespace, one, within=2 * ORPHANED_AFTER)


def polled_until_deleted(
    served: Served, metas: dict[Task, bytes], admin: Api, namespace: str, one: Task, *, within: float
) -> bool:
    """Poll all tasks until the pod of one is being deleted; return whether that happened within so many seconds."""
    until, turn = time.monotonic() + within, threading.Event()
    while time.monotonic() < until:
        for each, meta in metas.items():
            each.get(served, meta)
        if is_deleted(admin, namespace, metas[one]):
            return True
        turn.wait(0.2)
    return False


def is_deleted(admin: Api, namespace: str, meta: bytes) -> bool:
    pod: Any = admin.find(pods(namespace, name_of(meta)))
    return pod is None or "deletionTimestamp" in pod["metadata"]
