"""Every way in which a cluster cannot be asked ends in one line of one family of errors."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flytekitplugins_podtriage.kube.client import errors
from flytekitplugins_podtriage.kube.pod_reader import connect, list_pods, read_events, read_pod
from tests.builders import NAMESPACE as NS


def failure(call: Callable[[], Any], kind: type[errors.ClusterUnreachable]) -> str:
    with pytest.raises(errors.ClusterUnreachable) as failed:
        call()
    assert kind is type(failed.value), failed.value
    assert "\n" not in str(failed.value)
    assert len(str(failed.value)) < 700
    return str(failed.value)


def test_a_pod_that_is_not_there(server: Any, cluster: Any) -> None:
    told = failure(lambda: read_pod(cluster, NS, "f9"), errors.ClusterNotFound)
    assert f"no pod 'f9' in namespace '{NS}'" in told


@pytest.mark.parametrize("name", ["", "../secrets", "F1", "a b", "x" * 254, "-a", "a\n"])
def test_a_name_that_no_pod_can_have_is_not_asked_for(server: Any, cluster: Any, name: str) -> None:
    assert "allowed: a-z" in failure(lambda: read_pod(cluster, NS, name), errors.ClusterNotFound)
    assert "allowed: a-z" in failure(lambda: read_events(cluster, NS, name), errors.ClusterNotFound)
    assert "allowed: a-z" in failure(lambda: list_pods(cluster, name), errors.ClusterNotFound)
    assert [] == server.asked


def test_403_names_verb_resource_namespace_and_the_role_that_helps(server: Any, cluster: Any, make_status: Any) -> None:
    said = f'pods "f1" is forbidden: User "ann" cannot get resource "pods" in API group "" in the namespace "{NS}"'
    server.always = make_status(403, said, reason="Forbidden")
    told = failure(lambda: read_pod(cluster, NS, "f1"), errors.ClusterForbidden)
    assert f"may not get pods in namespace '{NS}' (403)" in told
    assert 'User "ann"' in told
    assert f"kubectl create role podtriage --verb=get,list --resource=pods,events -n {NS}" in told
    told = failure(lambda: read_events(cluster, NS, "f1"), errors.ClusterForbidden)
    assert f"may not list events in namespace '{NS}'" in told
    told = failure(lambda: list(list_pods(cluster, None)), errors.ClusterForbidden)
    assert "may not list pods in all namespaces" in told and "create clusterrole podtriage" in told


def test_403_of_something_that_is_no_api_server(server: Any, cluster: Any) -> None:
    server.always = (403, {}, b"<html>\n<h1>Forbidden</h1> by https://bob:hunter2@proxy/" + b"x" * 5000)
    told = failure(lambda: read_pod(cluster, NS, "f1"), errors.ClusterForbidden)
    assert "<h1>Forbidden</h1>" in told and "hunter2" not in told


def test_401_asks_for_a_login(server: Any, cluster: Any) -> None:
    server.token = "s3cret"
    assert "(401)" in failure(lambda: read_pod(cluster, NS, "f1"), errors.ClusterLoginRequired)


def test_a_server_that_stays_too_busy(server: Any, cluster: Any, waits: list[float], make_status: Any) -> None:
    server.always = make_status(429, "too many requests")
    assert "(429)" in failure(lambda: read_pod(cluster, NS, "f1"), errors.ClusterUnavailable)
    assert [1.0, 1.0, 1.0] == waits


def test_a_redirection_is_not_followed(server: Any, cluster: Any) -> None:
    server.always = (302, {"Location": "/login"}, b"")
    assert "redirected (302)" in failure(lambda: read_pod(cluster, NS, "f1"), errors.ClusterRefused)
    assert 1 == len(server.asked)


def test_another_status_is_told(server: Any, cluster: Any) -> None:
    server.always = (500, {}, b"\xff etcdserver: leader changed")
    told = failure(lambda: read_pod(cluster, NS, "f1"), errors.ClusterRefused)
    assert "HTTP 500" in told and "leader changed" in told


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Length": "5000"}, b'{"kind": "Pod"}'),
        (200, {}, b'{"kind": "Pod", "metadata": {"na'),
        (200, {}, b"<html>log in</html>"),
        (200, {}, b'{"kind": "\xff"}'),
    ],
)
def test_an_answer_that_breaks_off(
    server: Any, cluster: Any, answer: tuple[int, dict[str, str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(path: str, query: dict[str, str], headers: dict[str, str]) -> Any:
        return answer[0], {**answer[1], "Connection": "close"}, answer[2]

    monkeypatch.setattr(server, "answer", cut)
    failure(lambda: read_pod(cluster, NS, "f1"), errors.ClusterUnavailable)


def test_a_list_that_is_none(server: Any, cluster: Any) -> None:
    server.always = (200, {}, b'{"kind": "Pod", "metadata": {}}')
    assert "is no list" in failure(lambda: list(list_pods(cluster, NS)), errors.ClusterUnavailable)


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        path = _kubeconfig(tmp_path, address)
        reached = connect(kubeconfig=path, environ={})
        assert address in failure(lambda: read_pod(reached, NS, "f1"), errors.ClusterUnavailable)


def test_tls_where_there_is_none(address: str, tmp_path: Path) -> None:
    path = _kubeconfig(tmp_path, address.replace("http://", "https://"))
    reached = connect(kubeconfig=path, environ={})
    failure(lambda: read_pod(reached, NS, "f1"), errors.ClusterUnavailable)


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    assert path in failure(lambda: connect(kubeconfig=path, environ={}), errors.KubeconfigUnusable)
    assert path in failure(lambda: connect(environ={"KUBECONFIG": path}), errors.KubeconfigUnusable)


def test_an_unknown_context_is_refused_with_those_that_there_are(kubeconfig: str) -> None:
    told = failure(lambda: connect("nowhere", kubeconfig, {}), errors.KubeconfigUnusable)
    assert "no context 'nowhere'; allowed: here, there" in told


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
def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    failure(lambda: connect(kubeconfig=str(path), environ={}), errors.KubeconfigUnusable)


def test_inside_a_cluster_without_a_service_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    told = failure(lambda: connect(environ={"KUBERNETES_SERVICE_HOST": "10.0.0.1"}), errors.KubeconfigUnusable)
    assert "service account" in told


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
