"""What the tests of the guard with a real API server share: Flyte's resources, and replicas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.apiserver.api import Api
from tests.apiserver.front import Front
from tests.apiserver.guard.flyte_resources import define
from tests.apiserver.guard.guarding import Replica, policy
from tests.apiserver.kubelet import ScriptedKubelet, stamp
from tests.apiserver.server import NODE, ApiServer


@pytest.fixture(scope="session")
def flyte_resources(api_server: ApiServer) -> None:
    """Define FlyteWorkflow and TaskAction."""
    define(api_server.api("admin"))


@pytest.fixture
def ready_node(kubelet: ScriptedKubelet) -> None:
    """Have the node say that it is Ready, now."""
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": stamp()}
    kubelet._node.merge(f"/api/v1/nodes/{NODE}/status", {"status": {"conditions": [ready]}})


@pytest.fixture
def replicas(
    flyte_resources: None, ready_node: None, namespace: str, cluster_of: Callable[..., Connection]
) -> Iterator[Callable[..., Replica]]:
    """Return what starts a replica, perhaps behind a front."""
    if find_spec("flytekitplugins_podtriage.core.guard.reducer") is None:
        pytest.skip("the decisions of the guard are not there")
    made: list[Replica] = []

    def start(front: Front | None = None, **changes: Any) -> Replica:
        made.append(Replica(cluster_of("admin", front), namespace, policy(**changes)).start())
        return made[-1]

    yield start
    for replica in made:
        replica.stop()


@pytest.fixture
def second_front(server: ApiServer) -> Iterator[Front]:
    """Return another proxy, for a second replica."""
    proxy = Front(server.url, server.certificate)
    yield proxy
    proxy.close()


@pytest.fixture
def workflow(flyte_resources: None, admin: Api, namespace: str) -> Iterator[None]:
    """Have the namespace's FlyteWorkflows removed after the test."""
    yield
    admin.delete(f"/apis/flyte.lyft.com/v1alpha1/namespaces/{namespace}/flyteworkflows")
