"""Requests are reported to whoever counts them: verb, resource and status, or that there was no response."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import urllib3

from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import TransportError
from flytekitplugins_podtriage.kube.client.http import send, stream
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster

TIMEOUT = urllib3.Timeout(5)


class Pool:
    """urllib3's pool, which answers with a status or raises; the body of an answer may break off."""

    def __init__(self, answer: int | Exception, breaks_off: Exception | None = None) -> None:
        self._answer = answer
        self._breaks_off = breaks_off

    def request(self, *_: Any, **__: Any) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return SimpleNamespace(
            status=self._answer, headers={}, data=b"{}", read1=self._read, close=lambda: None, release_conn=lambda: None
        )

    def _read(self, _: int) -> bytes:
        if self._breaks_off is not None:
            raise self._breaks_off
        return b""


Counted = list[tuple[str, str, "int | None"]]


def connection(pool: Pool, counted: Counted) -> Connection:
    configuration = SimpleNamespace(host="http://server", auth_settings=dict)
    client = SimpleNamespace(configuration=configuration, rest_client=SimpleNamespace(pool_manager=pool))
    return Connection(client, observe=lambda *request: counted.append(request))


@pytest.mark.parametrize("status", [200, 404, 429, 503])
def test_each_response_is_reported_with_its_status(status: int) -> None:
    counted: Counted = []
    send(connection(Pool(status), counted), Operation("get", "pods/log", "ns", "p0"))
    assert counted == [("get", "pods/log", status)]


def test_a_request_without_a_response_is_reported_as_that() -> None:
    counted: Counted = []
    with pytest.raises(TransportError):
        send(connection(Pool(urllib3.exceptions.ProtocolError("refused")), counted), Operation("delete", "pods"))
    assert counted == [("delete", "pods", None)]


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        (urllib3.exceptions.ProtocolError("connection reset"), [200, None]),
        (urllib3.exceptions.TimeoutError("nothing arrived"), [200]),
        (None, [200]),
    ],
)
def test_a_watch_that_breaks_off_is_reported_and_one_that_is_idle_is_not(
    error: Exception | None, reported: list[int | None]
) -> None:
    counted: Counted = []
    with stream(connection(Pool(200, error), counted), Operation("watch", "pods"), {}, timeout=TIMEOUT) as opened:
        try:
            assert not list(opened.chunks)
        except TransportError:
            assert error is not None
    assert [status for _, _, status in counted] == reported


def test_without_an_observer_nothing_is_reported_and_nothing_fails() -> None:
    silent = Connection(connection(Pool(200), []).client)
    assert send(silent, Operation("list", "pods")).status == 200


def test_the_view_has_an_age_from_the_first_moment_on(cluster: Any) -> None:
    watched = KubeCluster(cluster)
    reflector = watched._pods
    reflector._clock, reflector._made = (lambda: 100.0), 90.0
    assert watched.view_age() == 10.0  # nothing was ever reported
    reflector.heard = 97.0
    assert watched.view_age() == 3.0
