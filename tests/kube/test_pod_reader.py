"""Pods and events of a cluster, asked of a server on the loopback with the official client's connections."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.config import incluster_config

from flytekitplugins_podtriage.core.decode import read_event as core_event
from flytekitplugins_podtriage.core.decode import read_pod as core_pod
from flytekitplugins_podtriage.kube.client import connection
from flytekitplugins_podtriage.kube.client.errors import ClusterRefused
from flytekitplugins_podtriage.kube.pod_reader import connect, list_events, list_pods, read_events, read_pod
from tests.builders import NAMESPACE as NS


def names(found: Any) -> list[str]:
    return [json.loads(item)["metadata"]["name"] for item in found]


def test_a_pod_comes_as_the_server_wrote_it(server: Any, cluster: Any) -> None:
    server.pod("f1-n0-0")
    body = read_pod(cluster, NS, "f1-n0-0")
    assert json.dumps({"kind": "Pod", "apiVersion": "v1", **server.pods[0]}).encode() == body
    metadata = core_pod(body).metadata
    assert metadata is not None and "f1-n0-0" == metadata.name
    assert [(f"/api/v1/namespaces/{NS}/pods/f1-n0-0", {})] == server.asked


@pytest.mark.parametrize("page", [1, 2, 5, 250])
def test_pods_come_page_by_page(server: Any, cluster: Any, page: int) -> None:
    for number in range(5):
        server.pod(f"p{number}")
    server.pod("elsewhere", "other")
    assert [f"p{n}" for n in range(5)] == names(list_pods(cluster, NS, page=page))
    assert {str(page)} == {query["limit"] for _, query in server.asked}


def test_pods_of_all_namespaces_may_be_selected_by_label(server: Any, cluster: Any) -> None:
    server.pod("a", "one", **{"execution-id": "f1"})
    server.pod("b", "two", **{"execution-id": "f2"})
    server.pod("c", "two")
    assert ["a", "b"] == names(list_pods(cluster, None, "execution-id"))
    assert ["b"] == names(list_pods(cluster, None, "execution-id=f2"))
    assert "/api/v1/pods" == server.asked[-1][0]


def test_events_are_those_of_the_pod_and_not_of_its_namesake(server: Any, cluster: Any) -> None:
    server.event("f1-n0-0", "Pulling")
    server.event("f1-n0-0", "Failed", uid="an-earlier-one")
    server.event("f1-n0-1", "Pulled")
    server.event("f1-n0-0", "Scaled", kind="Job")
    found = read_events(cluster, NS, "f1-n0-0", "uid-f1-n0-0")
    assert ["Pulling"] == [core_event(item).reason for item in found]
    assert ["Pulling", "Failed"] == [core_event(item).reason for item in read_events(cluster, NS, "f1-n0-0")]


def test_many_events_come_page_by_page(server: Any, cluster: Any) -> None:
    for _ in range(600):
        server.event("f1-n0-0", "BackOff")
    assert 600 == len(read_events(cluster, NS, "f1-n0-0"))
    assert 3 == len(server.asked)
    assert 600 == len(list(list_events(cluster, NS)))


@pytest.mark.parametrize("items", ["null", "[]"])
def test_a_list_may_be_empty(server: Any, cluster: Any, items: str) -> None:
    server.always = (200, {}, b'{"kind": "PodList", "metadata": {}, "items": %s}' % items.encode())
    assert [] == names(list_pods(cluster, NS))


def test_a_list_that_expired_goes_on_where_the_server_says(server: Any, cluster: Any, make_status: Any) -> None:
    for number in range(6):
        server.pod(f"p{number}")
    gone = make_status(410, "The provided continue parameter is too old", metadata={"continue": f"{NS}/p1"})
    server.forced = [None, gone]
    assert [f"p{n}" for n in range(6)] == names(list_pods(cluster, NS, page=2))
    assert f"{NS}/p1" == server.asked[2][1]["continue"]


def test_a_list_that_expired_without_a_way_on_starts_over_and_tells_nothing_twice(
    server: Any, cluster: Any, make_status: Any
) -> None:
    # In etcd "a-b/..." comes before "a/...": the key decides, not the namespace.
    for namespace, number in (("a-b", 0), ("a-b", 1), ("a", 2), ("a", 3)):
        server.pod(f"p{number}", namespace)
    server.forced = [None, None, make_status(410, "Expired", reason="Expired")]
    found = list_pods(cluster, None, page=1)
    assert ["p0", "p1", "p2", "p3"] == names(found)
    assert "continue" not in server.asked[3][1]


def test_a_list_that_expires_again_and_again_is_given_up(server: Any, cluster: Any, make_status: Any) -> None:
    server.always = make_status(410, "Expired")
    with pytest.raises(ClusterRefused, match=r"expired \(410\)"):
        list(list_pods(cluster, NS))
    assert 4 == len(server.asked)


def test_a_server_that_is_too_busy_is_asked_again(
    server: Any, cluster: Any, waits: list[float], make_status: Any
) -> None:
    server.pod("p0")
    code, _, body = make_status(429, "too many requests")
    server.forced = [
        (code, {"Retry-After": "3"}, body),
        make_status(504, "Too large resource version", details={"retryAfterSeconds": 2}),
        (503, {"Retry-After": "9999"}, b"upstream"),
    ]
    assert ["p0"] == names([read_pod(cluster, NS, "p0")])
    assert [3.0, 2.0, 10.0] == waits


def test_the_login_of_the_context_is_sent(server: Any, kubeconfig: str) -> None:
    server.token = "s3cret"
    server.pod("p0", "default")
    reached = connect("there", kubeconfig, {})
    assert "default" == reached.namespace
    assert b"p0" in read_pod(reached, reached.namespace, "p0")
    reached.client.rest_client.pool_manager.clear()


def test_inside_a_cluster_the_service_account_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "namespace").write_text("flyte\n")
    (tmp_path / "ca.crt").write_text("not asked yet")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(connection, "_NAMESPACE_FILE", str(tmp_path / "namespace"))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    configured: list[Any] = []
    monkeypatch.setattr(client, "ApiClient", configured.append)
    reached = connect()
    assert ("flyte", "this pod's cluster") == (reached.namespace, reached.name)
    (configuration,) = configured
    assert "https://10.0.0.1:443" == configuration.host
    assert "bearer s3cret" == configuration.auth_settings()["BearerToken"]["value"]


def test_several_kubeconfigs_may_be_joined(kubeconfig: str, tmp_path: Path) -> None:
    joined = os.pathsep.join((str(tmp_path / "none"), kubeconfig))
    assert NS == connect(environ={"KUBECONFIG": joined}).namespace


def test_the_namespace_is_the_contexts(cluster: Any) -> None:
    assert NS == cluster.namespace
