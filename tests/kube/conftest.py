"""A small API server on the loopback: pods and events, selectors, pages, and ways to misbehave."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import attrs
import pytest

from flytekitplugins_podtriage.kube.client.connection import Connection, connect
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster
from tests.builders import NAMESPACE, event, pod
from tests.kube.scripted import Scripted, serve


class FakeServer:
    """The objects of the cluster, the requests it received, and scripted responses."""

    def __init__(self) -> None:
        self.pods: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.forced: list[tuple[int, dict[str, str], bytes] | None] = []
        """Responses to the next requests, in order; None: the regular one."""
        self.always: tuple[int, dict[str, str], bytes] | None = None
        self.token: str | None = None
        """The required bearer token, if any."""

    def pod(self, name: str, namespace: str = NAMESPACE, **labels: str) -> dict[str, Any]:
        """Create a pod."""
        created = pod(name=name, namespace=namespace, labels=labels)
        self.pods.append(created)
        self.pods.sort(key=_key)
        return created

    def event(self, about: str, reason: str, uid: str | None = None, kind: str = "Pod") -> None:
        """Record an event."""
        name = f"{about}.{len(self.events):04}"
        self.events.append(event(reason, about=about, uid=uid, kind=kind, name=name))

    def respond(self, path: str, query: dict[str, str], headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.requests.append((path, query))
        self.headers.append(headers)
        if self.always is not None:
            return self.always
        forced = self.forced.pop(0) if self.forced else None
        if forced is not None:
            return forced
        if self.token is not None and headers.get("authorization") != f"Bearer {self.token}":
            return status(401, "Unauthorized")
        parts = [unquote(part) for part in path.split("/")[3:]]
        namespace = None
        if parts[:1] == ["namespaces"]:
            namespace, parts = parts[1], parts[2:]
        resource = parts[0]
        if len(parts) == 2:
            for pod in self.pods:
                if (pod["metadata"]["namespace"], pod["metadata"]["name"]) == (namespace, parts[1]):
                    return 200, {}, json.dumps({"kind": "Pod", "apiVersion": "v1", **pod}).encode()
            return status(404, f'pods "{parts[1]}" not found', reason="NotFound")
        items = {"pods": self.pods, "events": self.events}[resource]
        items = [item for item in items if namespace in (None, item["metadata"]["namespace"])]
        items = [item for item in items if _selected(item, query)]
        return 200, {}, json.dumps(self._page(items, query, resource)).encode()

    def _page(self, items: list[dict[str, Any]], query: dict[str, str], resource: str) -> dict[str, Any]:
        after, limit = query.get("continue", ""), int(query["limit"])
        items = [item for item in items if _key(item) > after]
        more = {"continue": _key(items[limit - 1])} if len(items) > limit else {}
        kind = {"pods": "PodList", "events": "EventList"}[resource]
        return {"kind": kind, "apiVersion": "v1", "metadata": more, "items": items[:limit]}


def status(code: int, message: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
    """Return a response whose body is a ``Status``."""
    return (
        code,
        {},
        json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": code, **more}).encode(),
    )


def _key(item: dict[str, Any]) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def _selected(item: dict[str, Any], query: dict[str, str]) -> bool:
    for term in filter(None, query.get("fieldSelector", "").split(",")):
        field, _, value = term.partition("=")
        if item["involvedObject"][field.removeprefix("involvedObject.")] != value:
            return False
    for term in filter(None, query.get("labelSelector", "").split(",")):
        key, equals, value = term.partition("=")
        labels = item["metadata"]["labels"]
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


@pytest.fixture
def make_status() -> Callable[..., tuple[int, dict[str, str], bytes]]:
    """Return the function that makes a response with a ``Status``."""
    return status


@pytest.fixture
def server() -> FakeServer:
    """Return the API server that ``cluster`` talks to."""
    return FakeServer()


@pytest.fixture
def address(server: FakeServer) -> Iterator[str]:
    """Serve ``server`` on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            split = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(split.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            code, more, body = server.respond(split.path, query, headers)
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", more.pop("Content-Length", str(len(body))))
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    http_server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http_server.daemon_threads = True
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{http_server.server_address[1]}"
    http_server.shutdown()
    http_server.server_close()
    thread.join()


@pytest.fixture
def kubeconfig(address: str, tmp_path: Path) -> str:
    """Write a kubeconfig with two contexts."""
    path = tmp_path / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "clusters": [{"name": "c", "cluster": {"server": address}}],
                "users": [{"name": "nobody", "user": {}}, {"name": "ann", "user": {"token": "s3cret"}}],
                "contexts": [
                    {
                        "name": "here",
                        "context": {"cluster": "c", "user": "nobody", "namespace": "flytesnacks-development"},
                    },
                    {"name": "there", "context": {"cluster": "c", "user": "ann"}},
                ],
            }
        )
    )
    return str(path)


@pytest.fixture
def waits() -> list[float]:
    """Return the waits of ``cluster``, in seconds, which take no time."""
    return []


@pytest.fixture
def cluster(kubeconfig: str, waits: list[float]) -> Iterator[Connection]:
    """Connect to ``server``."""
    connection = connect(kubeconfig=kubeconfig, environ={})
    yield attrs.evolve(connection, timeout=10.0, sleep=waits.append)
    connection.client.rest_client.pool_manager.clear()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture
def script() -> Iterator[Scripted]:
    """Return the script of the API server of ``scripted``."""
    script = Scripted()
    yield script
    script.end_all()


@pytest.fixture
def scripted(script: Scripted, tmp_path: Path) -> Iterator[Connection]:
    """Connect to an API server that follows ``script``."""
    server, thread = serve(script)
    path = tmp_path / "scripted"
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
                "users": [{"name": "ann", "user": {"tokenFile": str(tmp_path / "token")}}],
                "contexts": [
                    {"name": "here", "context": {"cluster": "c", "user": "ann", "namespace": "flytesnacks-development"}}
                ],
            }
        )
    )
    (tmp_path / "token").write_text("first")
    connection = connect(kubeconfig=str(path), environ={})
    yield connection
    connection.client.rest_client.pool_manager.clear()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def kube(scripted: Connection) -> KubeCluster:
    """A cluster that is not watched."""
    return KubeCluster(scripted, NAMESPACE)
