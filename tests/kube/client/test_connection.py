"""Connections: by a kubeconfig, or by a pod's service account."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from kubernetes.config import incluster_config

from flytekitplugins_podtriage.kube.client import connection
from flytekitplugins_podtriage.kube.client.connection import connect
from flytekitplugins_podtriage.kube.pod_reader import read_pod
from tests.builders import NAMESPACE as NS


def test_the_login_of_the_context_is_sent(server: Any, kubeconfig: str) -> None:
    server.token = "s3cret"
    server.pod("p0", "default")
    connected = connect("there", kubeconfig, {})
    assert "default" == connected.namespace
    assert b"p0" in read_pod(connected, connected.namespace, "p0")
    connected.client.rest_client.pool_manager.clear()


def test_inside_a_cluster_the_service_account_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "namespace").write_text("flyte\n")
    (tmp_path / "ca.crt").write_text("not read yet")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(connection, "_NAMESPACE_FILE", str(tmp_path / "namespace"))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    configured: list[Any] = []
    monkeypatch.setattr(client, "ApiClient", configured.append)
    connected = connect()
    assert ("flyte", "this pod's cluster") == (connected.namespace, connected.name)
    (configuration,) = configured
    assert "https://10.0.0.1:443" == configuration.host
    assert "bearer s3cret" == configuration.auth_settings()["BearerToken"]["value"]


def test_the_pool_keeps_a_connection_for_each_thread(cluster: Any) -> None:
    pool = cluster.client.rest_client.pool_manager.connection_from_url(cluster.client.configuration.host)
    assert pool.pool.maxsize >= 40, "the official client's default depends on the number of cores"


def test_kubeconfig_may_list_several_files(kubeconfig: str, tmp_path: Path) -> None:
    joined = os.pathsep.join((str(tmp_path / "none"), kubeconfig))
    assert NS == connect(environ={"KUBECONFIG": joined}).namespace


def test_the_namespace_is_the_contexts(cluster: Any) -> None:
    assert NS == cluster.namespace
