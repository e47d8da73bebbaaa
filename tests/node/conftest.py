"""What the tests with a real node share; on a machine that cannot run one they are skipped, and say why."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import Api, pods
from tests.apiserver.connector.served import Served, Task
from tests.apiserver.programs import found, tool
from tests.apiserver.rights import allow, chart_rules
from tests.apiserver.server import ApiServer
from tests.node.leftovers import of_this_run
from tests.node.machine import Node
from tests.node.registry import Registry
from tests.node.scheduler import Scheduler

HERE = Path(__file__).parent
_NODE = pytest.StashKey[Node]()
_SERVER = pytest.StashKey[ApiServer]()
_numbers = itertools.count(1)


@pytest.hookimpl(tryfirst=True)  # before `-m` is looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.node)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add what the programs wrote during a test that failed."""
    report = yield
    if report.failed and HERE in item.path.parents:
        for program in (item.config.stash.get(_SERVER, None), item.config.stash.get(_NODE, None)):
            tails = program.log_tails() if program is not None else {}
            report.sections.extend((f"{name}, since the test began", text) for name, text in tails.items())
    return report


@pytest.fixture(scope="session")
def able() -> None:
    """Skip what this machine cannot do."""
    why = tool("node").missing(os.environ)
    if why is not None:
        pytest.skip(why)


@pytest.fixture(scope="session")
def busybox(able: None) -> Path:
    """Return the program that all images hold."""
    return Path(shutil.which("busybox") or "")


@pytest.fixture(scope="session")
def nothing_left(able: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Check that the tests leave nothing on the machine."""
    yield
    until = time.monotonic() + 30  # what is killed may take a moment to end
    while (left := of_this_run(tmp_path_factory.getbasetemp())) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == []


@pytest.fixture(scope="session")
def api_server(
    able: None, nothing_left: None, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[ApiServer]:
    """Start the API server of the node, with the connector's rights."""
    server = ApiServer(found("API_SERVER"), tmp_path_factory.mktemp("apiserver"))
    pytestconfig.stash[_SERVER] = server
    try:
        server.start()
        allow(server.api("admin"), "connector", chart_rules())
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def real_node(
    api_server: ApiServer, busybox: Path, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Node]:
    """Start the node, and what binds pods to it."""
    machine = tool("node")
    made = Node(
        server=api_server,
        kubelet=found("KUBELET") / "kubelet",
        busybox=busybox,
        plugins=machine.plugins(),
        apart=machine.APART,
        home=tmp_path_factory.mktemp("node"),
    )
    pytestconfig.stash[_NODE] = made
    try:
        made.start()
        scheduler = Scheduler(api_server, made.name)
        yield made
        scheduler.close()
    finally:
        made.close()


@pytest.fixture
def server(api_server: ApiServer) -> Iterator[ApiServer]:
    """Return the API server; a test may stop, kill and start it."""
    api_server.begin()
    yield api_server
    api_server.start()


@pytest.fixture
def node(server: ApiServer, real_node: Node) -> Iterator[Node]:
    """Return the node; a test may kill its kubelet."""
    real_node.begin()
    starts = server.starts
    yield real_node
    server.start()  # if the test has ended it
    if server.starts != starts:
        # A kubelet lists pods again up to a minute after the API server has come back (client-go's reflector).
        real_node.kill_kubelet()
    real_node.start_kubelet()


@pytest.fixture(scope="session")
def all_repositories(busybox: Path) -> Iterator[Registry]:
    """Start the registry."""
    made = Registry(busybox)
    yield made
    made.close()


@pytest.fixture
def registry(all_repositories: Registry) -> Registry:
    """Return the registry, whose images do as a test says."""
    return all_repositories


@pytest.fixture
def admin(server: ApiServer) -> Api:
    """Return the client that may do everything."""
    return server.api("admin")


@pytest.fixture
def namespace(server: ApiServer, node: Node, admin: Api) -> Iterator[str]:
    """Return a namespace that no other test has; its pods are gone after the test."""
    name = f"flytesnacks-{next(_numbers)}"
    admin.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    server.start()  # if the test has ended it
    for pod in admin.get(pods(name))["items"]:
        if pod["metadata"].get("finalizers"):
            admin.merge(pods(name, pod["metadata"]["name"]), {"metadata": {"finalizers": None}})
    admin.delete(pods(name), grace=0)


@pytest.fixture
def serve(server: ApiServer, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Return the starter of replicas of the connector, each with settings of its own."""
    made: list[Served] = []

    def start(**settings: str) -> Served:
        made.append(Served(server.kubeconfig("connector"), tmp_path / f"replica-{len(made)}", **settings))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.kill()


@pytest.fixture
def task(tmp_path: Path, namespace: str) -> Callable[..., Task]:
    """Return the maker of tasks in the test's namespace."""
    return lambda **of_template: Task(tmp_path, namespace, **of_template)
