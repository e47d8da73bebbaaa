"""The guard's port on loopback: probes, metrics, and clients that do not behave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
import urllib3
from prometheus_client import CollectorRegistry

from flytekitplugins_podtriage.guard import http_server
from flytekitplugins_podtriage.guard.http_server import HttpServer
from flytekitplugins_podtriage.guard.metrics import GuardMetrics

Get = Callable[..., urllib3.BaseHTTPResponse]


class Health:
    """What the guard says of itself."""

    alive = ""
    ready = "the pods are not listed yet"


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def server(health: Health) -> Iterator[HttpServer]:
    registry = CollectorRegistry()
    GuardMetrics(registry)
    made = HttpServer(registry, host="127.0.0.1", port=0, alive=lambda: health.alive, ready=lambda: health.ready)
    yield made
    made.close()


@pytest.fixture
def get(server: HttpServer) -> Iterator[Get]:
    with urllib3.PoolManager(retries=False, timeout=10.0) as pool:
        yield lambda path, method="GET", **options: pool.request(
            method, f"http://127.0.0.1:{server.port}{path}", **options
        )


def test_it_is_alive_while_the_loop_runs(get: Get, health: Health) -> None:
    answer = get("/healthz")
    assert (answer.status, answer.data) == (200, b"ok\n")
    health.alive = "the loop has not run for 60 s"
    answer = get("/healthz")
    assert (answer.status, answer.data) == (503, b"the loop has not run for 60 s\n")


def test_it_is_ready_as_soon_as_it_says_so_and_says_why_not(get: Get, health: Health) -> None:
    answer = get("/readyz")
    assert (answer.status, answer.data) == (503, b"the pods are not listed yet\n")
    health.ready = ""
    assert get("/readyz").status == 200


def test_metrics_are_served_in_prometheus_text(get: Get) -> None:
    answer = get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert b'podtriage_guard_outcomes_total{outcome="acted"} 0.0' in answer.data


def test_metrics_are_served_as_open_metrics_if_prometheus_asks_for_them(get: Get) -> None:
    answer = get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.data.endswith(b"# EOF\n")


@pytest.mark.parametrize("path", ["/", "/healthz/x", "/metrics/..", "/debug"])
def test_there_is_nothing_else(get: Get, path: str) -> None:
    assert get(path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(get: Get, method: str) -> None:
    assert get("/healthz", method).status == 405


def test_a_client_that_sends_nothing_or_nonsense_disturbs_nobody(get: Get, server: HttpServer) -> None:
    with closing(socket.create_connection(("127.0.0.1", server.port), 10)) as silent:
        with closing(socket.create_connection(("127.0.0.1", server.port), 10)) as other:
            other.sendall(b"\x00\xff" * 100 + b"\r\n\r\n")
        assert get("/healthz").status == 200
        assert silent.fileno() > 0


def test_a_client_may_go_before_it_is_answered(get: Get, server: HttpServer, health: Health) -> None:
    for _ in range(5):
        with closing(socket.create_connection(("127.0.0.1", server.port), 10)) as one:
            one.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert get("/healthz").status == 200


def test_more_clients_than_there_are_threads_for_are_refused_and_later_ones_answered(
    get: Get, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(http_server._MOST_THREADS)]
    with pytest.raises(urllib3.exceptions.HTTPError):
        get("/healthz")
    for one in held:
        one.close()
    for _ in range(100):  # the threads end as soon as they read the end of the connections
        try:
            if get("/healthz").status == 200:
                return
        except urllib3.exceptions.HTTPError:
            continue
    pytest.fail("it answers nobody any more")


def test_a_port_that_is_taken_is_an_error_at_once(server: HttpServer) -> None:
    with pytest.raises(OSError, match="Address already in use"):
        HttpServer(CollectorRegistry(), host="127.0.0.1", port=server.port, alive=str, ready=str)


def test_nothing_is_left_when_it_is_closed() -> None:
    server = HttpServer(CollectorRegistry(), host="127.0.0.1", port=0, alive=str, ready=str)
    server.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "podtriage-http"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 10)
