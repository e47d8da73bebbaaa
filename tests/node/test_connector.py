"""The connector, served by flytekit in a process of its own and with the rights of its chart, on a real node.

The kubelet's status, containerd's messages and the kernel's kills are real here, and so are the times between them; the
labels of the recorded stories that each repeats are in ``tests/data/timelines.jsonl.gz``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.execution_pb2 import TaskExecution

from tests.apiserver.api import Api, pods
from tests.apiserver.connector.served import OVER, Served, Task, eventually
from tests.apiserver.connector.telling import RECOVERABLE, SUCCEEDED, SYSTEM, USER, name_of
from tests.apiserver.server import ApiServer
from tests.node.registry import Registry


def pod_spec(image: str, command: str = "true", **container: Any) -> dict[str, Any]:
    """Return the spec of a pod that runs a command of the shell."""
    primary = {"name": "primary", "image": image, "command": ["sh", "-c", command], **container}
    return {"containers": [primary], "restartPolicy": "Never"}


def is_gone(admin: Api, namespace: str, meta: bytes) -> bool:
    return admin.find(pods(namespace, name_of(meta))) is None


def test_a_rate_limit_that_ends_costs_nothing(
    serve: Callable[..., Served], task: Callable[..., Task], registry: Registry, admin: Api, namespace: str
) -> None:
    image = registry.repository("limited-for-a-while")
    image.refuse(429)
    served, one = serve(), task(spec=pod_spec(image.reference))
    meta = one.create(served)
    held = one.until(served, meta, lambda resource: "HTTP 429" in resource.message)
    assert held.phase == TaskExecution.INITIALIZING and "nothing is charged" in held.message
    uid = admin.get(pods(namespace, name_of(meta)))["metadata"]["uid"]
    image.serve()
    assert one.until_over(served, meta).phase == SUCCEEDED
    assert one.error() is None
    assert admin.get(pods(namespace, name_of(meta)))["metadata"]["uid"] == uid


def test_a_rate_limit_that_does_not_end_is_charged_as_system_once_and_the_pod_goes(
    serve: Callable[..., Served], task: Callable[..., Task], registry: Registry, admin: Api, namespace: str
) -> None:
    image = registry.repository("limited-for-ever")
    image.refuse(429)
    served, one = serve(system_patience="15s", user_patience="1s"), task(spec=pod_spec(image.reference))
    meta = one.create(served)
    resource, document = one.until_over(served, meta), one.error()
    assert document is not None
    assert (document.error.origin, document.error.kind) == (SYSTEM, RECOVERABLE)
    assert "429 Too Many Requests" in document.error.message
    eventually(lambda: is_gone(admin, namespace, meta), "the end of the pod")
    assert one.until_over(served, meta) == resource
    assert one.error() == document


def test_an_image_that_is_missing_is_charged_to_the_user_in_the_words_of_the_runtime(
    serve: Callable[..., Served], task: Callable[..., Task], registry: Registry, admin: Api, namespace: str
) -> None:
    image = registry.repository("missing")
    image.refuse(404)
    served, one = serve(user_patience="5s"), task(spec=pod_spec(image.reference))
    meta = one.create(served)
    one.until_over(served, meta)
    document = one.error()
    assert document is not None
    assert (document.error.origin, document.error.kind) == (USER, RECOVERABLE)
    assert f"{image.reference}: not found" in document.error.message
    eventually(lambda: is_gone(admin, namespace, meta), "the end of the pod")


def test_a_container_that_the_kernel_kills_for_its_memory_is_charged_to_the_user(
    serve: Callable[..., Served], task: Callable[..., Task], registry: Registry
) -> None:
    image = registry.repository("hungry")
    resources = {"limits": {"memory": "32Mi", "cpu": "1"}}
    served, one = serve(), task(spec=pod_spec(image.reference, "exec tail /dev/zero", resources=resources))
    one.until_over(served, one.create(served))
    document = one.error()
    assert document is not None
    assert (document.error.origin, document.error.kind) == (USER, RECOVERABLE)
    assert document.error.code == "OOMKilled" and "memory" in document.error.message


def test_a_program_that_fails_is_charged_to_the_user_with_its_exit_code(
    serve: Callable[..., Served], task: Callable[..., Task], registry: Registry
) -> None:
    image = registry.repository("failing")
    served, one = serve(), task(spec=pod_spec(image.reference, "echo no such table >&2; exit 3"))
    one.until_over(served, one.create(served))
    document = one.error()
    assert document is not None
    assert (document.error.origin, document.error.kind) == (USER, RECOVERABLE)
    assert "3" in document.error.message


@pytest.mark.parametrize(("status", "held"), [(404, "not found"), (429, "HTTP 429")])
def test_a_pod_that_recovers_while_the_api_server_is_away_for_longer_than_the_patience_is_not_charged(
    serve: Callable[..., Served],
    task: Callable[..., Task],
    registry: Registry,
    server: ApiServer,
    admin: Api,
    namespace: str,
    tmp_path: Path,
    status: int,
    held: str,
) -> None:
    """The last that the connector has seen is ``ErrImagePull``, while the container runs."""
    image = registry.repository(f"back-while-the-api-server-is-away-{status}")
    image.refuse(status)
    spec = pod_spec(image.reference, "echo ran >> /runs/all", volumeMounts=[{"name": "runs", "mountPath": "/runs"}])
    runs = tmp_path / "runs"
    runs.mkdir()
    spec["volumes"] = [{"name": "runs", "hostPath": {"path": str(runs)}}]
    served, one = serve(user_patience="6s", system_patience="6s"), task(spec=spec)
    meta = one.create(served)
    one.until(served, meta, lambda resource: held in resource.message)
    uid = admin.get(pods(namespace, name_of(meta)))["metadata"]["uid"]
    server.kill()
    image.serve()
    over: list[Any] = []

    def has_run() -> bool:
        resource = one.get(served, meta)
        if resource.phase in OVER:
            over.append(resource)
        return (runs / "all").exists()  # the kubelet pulls again 10 s after the first time at the earliest

    eventually(has_run, "the container")
    server.start()
    resource = one.until_over(served, meta)
    assert (over, resource.phase, one.error()) == ([], SUCCEEDED, None)
    assert admin.get(pods(namespace, name_of(meta)))["metadata"]["uid"] == uid
    assert (runs / "all").read_text() == "ran\n"
