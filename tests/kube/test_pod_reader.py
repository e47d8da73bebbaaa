"""A pod and its events, read from a server on the loopback through the official client's connections."""

from __future__ import annotations

import json
from typing import Any

from flytekitplugins_podtriage.core.decode import read_event as core_event
from flytekitplugins_podtriage.core.decode import read_pod as core_pod
from flytekitplugins_podtriage.kube.pod_reader import read_events, read_pod
from tests.builders import NAMESPACE as NS


def test_a_pod_is_returned_as_the_server_wrote_it(server: Any, cluster: Any) -> None:
    server.pod("f1-n0-0")
    body = read_pod(cluster, NS, "f1-n0-0")
    assert json.dumps({"kind": "Pod", "apiVersion": "v1", **server.pods[0]}).encode() == body
    metadata = core_pod(body).metadata
    assert metadata is not None and "f1-n0-0" == metadata.name
    assert [(f"/api/v1/namespaces/{NS}/pods/f1-n0-0", {})] == server.requests


def test_events_of_an_earlier_pod_of_the_same_name_are_left_out(server: Any, cluster: Any) -> None:
    server.event("f1-n0-0", "Pulling")
    server.event("f1-n0-0", "Failed", uid="an-earlier-one")
    server.event("f1-n0-1", "Pulled")
    server.event("f1-n0-0", "Scaled", kind="Job")
    events = read_events(cluster, NS, "f1-n0-0", "uid-f1-n0-0")
    assert ["Pulling"] == [core_event(item).reason for item in events]
    assert ["Pulling", "Failed"] == [core_event(item).reason for item in read_events(cluster, NS, "f1-n0-0")]


def test_many_events_are_read_in_pages(server: Any, cluster: Any) -> None:
    for _ in range(600):
        server.event("f1-n0-0", "BackOff")
    assert 600 == len(read_events(cluster, NS, "f1-n0-0"))
    assert 3 == len(server.requests)


def test_requests_to_a_busy_server_are_repeated_after_the_wait_it_asks_for(
    server: Any, cluster: Any, waits: list[float], make_status: Any
) -> None:
    server.pod("p0")
    code, _, body = make_status(429, "too many requests")
    server.forced = [
        (code, {"Retry-After": "3"}, body),
        make_status(504, "Too large resource version", details={"retryAfterSeconds": 2}),
        (503, {"Retry-After": "9999"}, b"upstream"),
    ]
    assert "p0" == json.loads(read_pod(cluster, NS, "p0"))["metadata"]["name"]
    assert [3.0, 2.0, 10.0] == waits
