"""Replicas of the connector, and tasks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.apiserver.api import Api
from tests.apiserver.connector.served import Served, Task
from tests.apiserver.connector.telling import (
    AwaitingKubelet,
)
from tests.apiserver.front import Front
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.server import ApiServer


@pytest.fixture(scope="module")
def impatient(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A replica that holds nothing, so that every failure is reported at once."""
    replica = Served(
        api_server.kubeconfig("connector"),
        tmp_path_factory.mktemp("impatient"),
        system_patience="0s",
        user_patience="0s",
    )
    try:
        replica.start()
        yield replica
    finally:
        replica.kill()


@pytest.fixture(scope="module")
def patient(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A replica with the patience that it has by default."""
    replica = Served(api_server.kubeconfig("connector"), tmp_path_factory.mktemp("patient"))
    try:
        replica.start()
        yield replica
    finally:
        replica.kill()


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


@pytest.fixture
def kubelet(kubelet: ScriptedKubelet, admin: Api) -> AwaitingKubelet:
    """Return the kubelet of the one node."""
    return AwaitingKubelet(kubelet, admin)
