"""Every failure to read from a cluster is one error of one family, with a message of one line."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterDenied, ClusterError
from flytekitplugins_podtriage.kube.client.connection import connect
from flytekitplugins_podtriage.kube.client.errors import Forbidden, KubeconfigUnusable, NotFound, TransportError
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.paging import list_items
from flytekitplugins_podtriage.kube.pod_reader import read_events, read_pod
from tests.builders import NAMESPACE as NS


def failure(call: Callable[[], Any], kind: type[ClusterError]) -> str:
    with pytest.raises(ClusterError) as failed:
        call()
    assert isinstance(failed.value, kind), failed.value
    assert "\n" not in str(failed.value)
    assert len(str(failed.value)) < 700
    return str(failed.value)


def test_a_missing_pod(server: Any, cluster: Any) -> None:
    message = failure(lambda: read_pod(cluster, NS, "f9"), NotFound)
    assert f"get pods 'f9' in namespace '{NS}': not found (404)" in message


@pytest.mark.parametrize("name", ["", "../secrets", "F1", "a b", "x" * 254, "-a", "a\n"])
def test_invalid_names_are_not_requested(server: Any, cluster: Any, name: str) -> None:
    assert "allowed: a-z" in failure(lambda: read_pod(cluster, NS, name), NotFound)
    assert "allowed: a-z" in failure(lambda: read_events(cluster, NS, name), NotFound)
    assert "allowed: a-z" in failure(lambda: read_pod(cluster, name, "f1"), NotFound)
    assert [] == server.requests


def test_403_names_the_permission_and_the_command_that_grants_it(server: Any, cluster: Any, make_status: Any) -> None:
    text = f'pods "f1" is forbidden: User "ann" cannot get resource "pods" in API group "" in the namespace "{NS}"'
    server.always = make_status(403, text, reason="Forbidden")
    message = failure(lambda: read_pod(cluster, NS, "f1"), Forbidden)
    assert f"may not get pods in namespace '{NS}' (403)" in message
    assert 'User "ann"' in message
    assert f"kubectl create role podtriage --verb=get,list --resource=pods,events -n {NS}" in message
    message = failure(lambda: read_events(cluster, NS, "f1"), Forbidden)
    assert f"may not list events in namespace '{NS}'" in message
    message = failure(lambda: list(list_items(cluster, Operation("list", "pods"))), Forbidden)
    assert "may not list pods in all namespaces" in message and "create clusterrole NAME --verb=list" in message


def test_403_from_a_proxy(server: Any, cluster: Any) -> None:
    server.always = (403, {}, b"<html>\n<h1>Forbidden</h1> by https://bob:hunter2@proxy/" + b"x" * 5000)
    message = failure(lambda: read_pod(cluster, NS, "f1"), Forbidden)
    assert "<h1>Forbidden</h1>" in message and "hunter2" not in message


def test_401_asks_for_a_login(server: Any, cluster: Any) -> None:
    server.token = "s3cret"
    assert "(401)" in failure(lambda: read_pod(cluster, NS, "f1"), ClusterDenied)


def test_a_server_that_stays_busy(server: Any, cluster: Any, waits: list[float], make_status: Any) -> None:
    server.always = make_status(429, "too many requests")
    assert "HTTP 429" in failure(lambda: read_pod(cluster, NS, "f1"), ClusterBusy)
    assert [1.0, 1.0, 1.0] == waits


def test_a_redirection_is_not_followed(server: Any, cluster: Any) -> None:
    server.always = (302, {"Location": "/login"}, b"")
    assert "redirected (302)" in failure(lambda: read_pod(cluster, NS, "f1"), ClusterError)
    assert 1 == len(server.requests)


def test_any_other_status_is_quoted(server: Any, cluster: Any) -> None:
    server.always = (500, {}, b"\xff etcdserver: leader changed")
    message = failure(lambda: read_pod(cluster, NS, "f1"), ClusterBusy)
    assert "HTTP 500" in message and "leader changed" in message


@pytest.mark.parametrize(
    "response",
    [
        (200, {"Content-Length": "5000"}, b'{"kind": "Pod"}'),
        (200, {}, b'{"kind": "Pod", "metadata": {"na'),
        (200, {}, b"<html>log in</html>"),
        (200, {}, b'{"kind": "\xff"}'),
    ],
)
def test_a_truncated_or_malformed_response(
    server: Any, cluster: Any, response: tuple[int, dict[str, str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(path: str, query: dict[str, str], headers: dict[str, str]) -> Any:
        return response[0], {**response[1], "Connection": "close"}, response[2]

    monkeypatch.setattr(server, "respond", cut)
    failure(lambda: read_pod(cluster, NS, "f1"), ClusterBusy)


def test_a_response_that_is_not_a_list(server: Any, cluster: Any) -> None:
    server.always = (200, {}, b'{"kind": "Pod", "metadata": {}}')
    assert "is not a list" in failure(lambda: read_events(cluster, NS, "f1"), ClusterBusy)


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        path = _kubeconfig(tmp_path, address)
        connected = connect(kubeconfig=path, environ={})
        assert address in failure(lambda: read_pod(connected, NS, "f1"), TransportError)


def test_tls_against_a_plain_server(address: str, tmp_path: Path) -> None:
    path = _kubeconfig(tmp_path, address.replace("http://", "https://"))
    connected = connect(kubeconfig=path, environ={})
    failure(lambda: read_pod(connected, NS, "f1"), TransportError)


def test_a_missing_kubeconfig(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    assert path in failure(lambda: connect(kubeconfig=path, environ={}), KubeconfigUnusable)
    assert path in failure(lambda: connect(environ={"KUBECONFIG": path}), KubeconfigUnusable)


def test_an_unknown_context_is_reported_with_the_known_ones(kubeconfig: str) -> None:
    message = failure(lambda: connect("nowhere", kubeconfig, {}), KubeconfigUnusable)
    assert "no context 'nowhere'; allowed: here, there" in message


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a: [",
        "- 1",
        "\x00",
        "apiVersion: v1\nkind: Config\n",
        json.dumps({"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]}),
        json.dumps(
            {
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": "https://h", "certificate-authority": "/none"}}],
                "users": [{"name": "u", "user": {}}],
            }
        ),
    ],
)
def test_an_unusable_kubeconfig(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    failure(lambda: connect(kubeconfig=str(path), environ={}), KubeconfigUnusable)


def test_inside_a_cluster_without_a_service_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    message = failure(lambda: connect(environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"}), KubeconfigUnusable)
    assert "service account" in message


def _kubeconfig(tmp_path: Path, address: str) -> str:
    path = tmp_path / "config"
    path.write_text(
        json.dumps(
            {
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": address}}],
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    return str(path)
