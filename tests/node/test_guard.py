"""The guard's writes on a real node: what the kubelet makes of them, with and without the finalizer.

What stock Flyte reads out of every state that such a pod goes through is decided by the core's copy of its Go code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage import Policy, triage
from flytekitplugins_podtriage.core.guard.values import Outcome
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.kube.client.connection import connect
from tests.apiserver.api import Api, Object, pods
from tests.apiserver.connector.served import eventually
from tests.apiserver.guard.flyte_resources import define
from tests.apiserver.guard.guarding import Replica, make_pod, make_workflow, policy
from tests.apiserver.server import ApiServer
from tests.node.registry import Registry, Repository
from tests.node.test_connector import pod_spec

FINALIZER = "flyte.org/finalizer-k8s"
GRACE = 20.0
"""Stock Flyte's grace period, in seconds."""
STOCK = attrs.evolve(Policy.for_backend("flyte-1.16"), image_pull_backoff_grace_period=GRACE)
MESSAGE = "podtriage guard: written by a test"


@pytest.fixture(scope="session")
def flyte_resources(api_server: ApiServer) -> None:
    define(api_server.api("admin"))


@pytest.fixture
def guard(server: ApiServer, flyte_resources: None, namespace: str) -> Iterator[Callable[..., Replica]]:
    """Return what starts the guard: it may act in the test's namespace, where stock Flyte has this grace period."""
    connection = connect(kubeconfig=server.kubeconfig("admin"), environ={})
    made: list[Replica] = []

    def start(grace: float) -> Replica:
        stock = attrs.evolve(STOCK, image_pull_backoff_grace_period=grace)
        made.append(Replica(connection, namespace, policy(stock=stock, margin=4.0)).start())
        return made[-1]

    yield start
    for replica in made:
        replica.stop()
    connection.client.rest_client.pool_manager.clear()


class LimitedPod:
    """A pod of stock Flyte whose registry answers 429."""

    def __init__(self, admin: Api, namespace: str, image: Repository, command: str = "true") -> None:
        self._admin = admin
        self.workflow = make_workflow(admin, namespace, "f1")
        self.name = make_pod(admin, self.workflow, **pod_spec(image.reference, command))
        self.path = pods(namespace, self.name)
        self.uid = self.get()["metadata"]["uid"]

    def get(self) -> Object:
        return self._admin.get(self.path)

    def find(self) -> Object | None:
        """Return the pod; None once it is gone."""
        return self._admin.find(self.path)

    def waits_for(self, reason: str) -> bool:
        statuses = self.get()["status"].get("containerStatuses") or [{}]
        return bool(statuses[0].get("state", {}).get("waiting", {}).get("reason") == reason)

    def write_status(self) -> None:
        """Write what the guard writes, without its preconditions."""
        status = {"phase": "Failed", "reason": "Terminated", "message": MESSAGE}
        self._admin.merge(f"{self.path}/status", {"status": status})


@pytest.fixture
def limited(admin: Api, flyte_resources: None, namespace: str, registry: Registry) -> Iterator[Callable[..., Any]]:
    """Return the maker of a pod whose registry answers 429."""

    def make(name: str, command: str = "true") -> tuple[LimitedPod, Repository]:
        image = registry.repository(name)
        image.refuse(429)
        return LimitedPod(admin, namespace, image, command), image

    yield make
    admin.delete(f"/apis/flyte.lyft.com/v1alpha1/namespaces/{namespace}/flyteworkflows")


def kind_for_stock_flyte(pod: Object) -> ErrorKind | None:
    """Return whom stock Flyte 1.16 charges for a pod as it is; None: nobody yet."""
    verdict = triage(pod, policy=STOCK, now=datetime.now(timezone.utc))
    return verdict.kind if verdict.failing else None


def test_a_pull_that_stays_limited_is_ended_before_the_charge_and_the_message_outlives_the_teardown(
    guard: Callable[..., Replica], limited: Callable[..., Any], admin: Api
) -> None:
    replica = guard(GRACE)
    pod, _ = limited("guarded")
    eventually(lambda: "deletionTimestamp" in pod.get()["metadata"], "the guard's act")
    assert replica.observer.of(Outcome.ACTED) in ([], [pod.name])  # the report comes with the response
    ended = pod.get()
    created = datetime.fromisoformat(ended["status"]["startTime"].replace("Z", "+00:00"))
    deleted = datetime.fromisoformat(ended["metadata"]["deletionTimestamp"].replace("Z", "+00:00"))
    assert (deleted - created).total_seconds() < GRACE
    assert ended["metadata"]["finalizers"] == [FINALIZER]
    # FlytePropeller reads the pod at some moment of the teardown, and again, until it removes the finalizer. For less
    # than a second the kubelet's own status has neither reason nor message: that is SYSTEM too.
    until = time.monotonic() + 15
    kinds, messages = set(), [ended["status"].get("message", "")]
    while time.monotonic() < until:
        state = pod.get()
        kinds.add(kind_for_stock_flyte(state))
        if state["status"].get("message", "") != messages[-1]:
            messages.append(state["status"].get("message", ""))
    assert kinds == {ErrorKind.SYSTEM}
    message = messages[-1]
    assert "HTTP 429" in message and "Fix:" in message
    assert set(messages) <= {message, ""}
    admin.merge(pod.path, {"metadata": {"finalizers": None}})
    eventually(lambda: pod.find() is None, "the end of the pod")
    assert replica.observer.of(Outcome.ACTED) == [pod.name]


def test_a_pull_that_recovers_before_the_charge_is_left_alone(
    guard: Callable[..., Replica], limited: Callable[..., Any]
) -> None:
    replica = guard(60.0)  # the kubelet pulls again 10 to 16 s after the first failure
    pod, image = limited("guarded-and-recovering")
    eventually(lambda: pod.waits_for("ErrImagePull"), "the failed pull")
    eventually(lambda: replica.guard.scheduled() == 1, "the plan to act")
    image.serve()
    eventually(lambda: pod.get()["status"]["phase"] == "Succeeded", "the end of the program")
    assert pod.get()["metadata"]["uid"] == pod.uid
    assert replica.observer.of(Outcome.ACTED) == []


def test_without_the_deletion_the_kubelet_puts_its_own_status_back(limited: Callable[..., Any]) -> None:
    """That is why the guard deletes every pod whose status it wrote, and why it completes what a crash left."""
    pod, _ = limited("patched-only")
    eventually(lambda: pod.waits_for("ErrImagePull"), "the failed pull")
    pod.write_status()
    eventually(lambda: pod.get()["status"]["phase"] == "Pending", "the kubelet's own status")
    assert pod.get()["status"].get("message") != MESSAGE


def test_without_the_finalizer_a_pod_is_gone_at_once_with_its_message(limited: Callable[..., Any], admin: Api) -> None:
    """The API server deletes a pod that has failed without waiting for its kubelet."""
    pod, _ = limited("deleted-without-a-finalizer")
    eventually(lambda: pod.waits_for("ErrImagePull"), "the failed pull")
    pod.write_status()
    admin.delete(pod.path, uid=pod.uid)
    assert pod.find() is None
