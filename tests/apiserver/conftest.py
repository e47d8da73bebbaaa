"""What the tests with a real API server share; without etcd and kube-apiserver they are skipped."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flytekitplugins_podtriage.kube.client.connection import Connection, connect
from tests.apiserver.api import Api, pods
from tests.apiserver.front import Front
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.logs import LogServer
from tests.apiserver.programs import found
from tests.apiserver.rights import allow, chart_rules, may
from tests.apiserver.server import KUBELET, ApiServer
from tests.apiserver.story import Story

HERE = Path(__file__).parent
_SERVER = pytest.StashKey[ApiServer]()
_numbers = itertools.count(1)


@pytest.hookimpl(tryfirst=True)  # before `-m` is looked at
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.apiserver)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add what the servers said during a test that failed."""
    report = yield
    server = item.config.stash.get(_SERVER, None)
    if report.failed and server is not None and HERE in item.path.parents:
        report.sections.extend((f"{name}, since the test began", text) for name, text in server.log_tails().items())
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run the tests of this folder that are coroutines, each in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def programs() -> Path:
    """Return the folder that holds etcd and kube-apiserver."""
    return found("API_SERVER")


@pytest.fixture(scope="session")
def api_server(
    programs: Path, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[ApiServer]:
    """Start the API server of all tests, with the connector's rights."""
    server = ApiServer(programs, tmp_path_factory.mktemp("apiserver"))
    pytestconfig.stash[_SERVER] = server
    try:
        server.start()
        allow(server.api("admin"), "connector", chart_rules())
        yield server
    finally:
        server.close()


@pytest.fixture
def server(api_server: ApiServer) -> Iterator[ApiServer]:
    """Return the API server; a test may stop, kill and start it."""
    api_server.begin()
    yield api_server
    api_server.start()


@pytest.fixture
def admin(server: ApiServer) -> Api:
    """Return the client that may do everything."""
    return server.api("admin")


@pytest.fixture
def make_namespace(server: ApiServer, admin: Api) -> Iterator[Callable[[], str]]:
    """Return the maker of namespaces; their pods are gone after the test, whatever their finalizers."""
    made: list[str] = []

    def make() -> str:
        name = f"flytesnacks-{next(_numbers)}"
        admin.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        made.append(name)
        return name

    yield make
    server.start()  # if the test has ended it
    for name in made:
        for pod in admin.get(pods(name))["items"]:
            if pod["metadata"].get("finalizers"):
                admin.merge(pods(name, pod["metadata"]["name"]), {"metadata": {"finalizers": None}})
        admin.delete(pods(name), grace=0)


@pytest.fixture
def namespace(make_namespace: Callable[[], str]) -> str:
    """Return a namespace that no other test has."""
    return make_namespace()


@pytest.fixture(scope="session")
def node(api_server: ApiServer) -> Iterator[ScriptedKubelet]:
    """Register the one node."""
    logs = LogServer(api_server.certificate, api_server.key)
    kubelet = ScriptedKubelet(api_server.api("admin"), api_server.api(KUBELET), logs)
    kubelet.register()
    yield kubelet
    logs.close()


@pytest.fixture
def kubelet(server: ApiServer, node: ScriptedKubelet) -> Iterator[ScriptedKubelet]:
    """Return the kubelet of the one node."""
    yield node
    node.logs.clear()


@pytest.fixture
def tell(admin: Api, kubelet: ScriptedKubelet) -> Callable[[dict[str, Any], str], Story]:
    """Return the teller of recorded stories: of a row of the timelines, in a namespace."""
    return lambda row, namespace: Story(row, namespace, admin, kubelet)


@pytest.fixture
def front(server: ApiServer) -> Iterator[Front]:
    """Return a proxy before the API server that misbehaves as it is told."""
    proxy = Front(server.url, server.certificate)
    yield proxy
    proxy.close()


@pytest.fixture
def cluster_of(server: ApiServer) -> Iterator[Callable[..., Connection]]:
    """Return the maker of connections: of a user, straight to the server or through a front."""
    made: list[Connection] = []

    def make(user: str, front: Front | None = None, namespace: str = "default") -> Connection:
        path = server.kubeconfig(user, namespace, front.url if front else None)
        made.append(connect(kubeconfig=path, environ={}))
        return made[-1]

    yield make
    for each in made:
        each.client.rest_client.pool_manager.clear()


@pytest.fixture
def guest_may(admin: Api) -> Callable[..., None]:
    """Return what gives the user "guest" these rights alone, as "verb resource", and waits until they are in force."""

    def give(*rights: str) -> None:
        wanted = {tuple(right.split()) for right in rights}
        rules = [{"apiGroups": [""], "resources": [resource], "verbs": [verb]} for verb, resource in sorted(wanted)]
        allow(admin, "guest", rules, role="guest")
        # The authorizer learns of roles through a watch of its own, within milliseconds.
        until = time.monotonic() + 30
        while any(may(admin, "guest", *right) != (right in wanted) for right in wanted | _RIGHTS):
            assert time.monotonic() < until, f"the guest's rights are not in force: {rights}"

    return give


_RIGHTS = {(verb, resource) for resource in ("pods", "events") for verb in ("get", "list", "watch", "create", "delete")}
