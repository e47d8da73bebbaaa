"""Logging in again, as the kubeconfig says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flytekitplugins_podtriage.kube.client.connection import _renewing, connect
from flytekitplugins_podtriage.kube.client.http import send
from flytekitplugins_podtriage.kube.client.operation import Operation
from tests.kube.scripted import Scripted, serve

LIST = Operation("list", "pods")
PLUGIN = """
import json, sys
with open(sys.argv[1]) as file:
    token = file.read()
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}))
"""


def test_a_401_runs_the_exec_plugin_again(script: Scripted, tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "token").write_text("first")
    server, thread = serve(script)
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(tmp_path / "plugin.py"), str(tmp_path / "token")],
        "interactiveMode": "Never",
    }
    config = {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "users": [{"name": "ann", "user": {"exec": plugin}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "ann"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    cluster = connect(kubeconfig=str(tmp_path / "config"), environ={})
    script.token = "second"
    assert send(cluster, LIST).status == 401
    (tmp_path / "token").write_text("second")
    assert send(cluster, LIST).status == 200
    assert send(cluster, LIST).status == 200
    tokens = [request.headers["authorization"].removeprefix("Bearer ") for request in script.requests]
    assert tokens == ["first", "first", "first", "second", "second"]
    cluster.client.rest_client.pool_manager.clear()
    server.shutdown()
    server.server_close()
    thread.join()


class Rest:
    def __init__(self, configuration: Any) -> None:
        self.certificate = configuration.cert_file


@pytest.mark.parametrize(("certificate", "made"), [("old.pem", False), ("new.pem", True)])
def test_new_certificates_replace_the_connection_pool(certificate: str, made: bool) -> None:
    configuration = SimpleNamespace(host="h", ssl_ca_cert="ca", cert_file="old.pem", key_file="key")
    client = SimpleNamespace(configuration=configuration, rest_client=Rest(configuration))
    before = client.rest_client
    _renewing(client, lambda: setattr(configuration, "cert_file", certificate))()
    assert (client.rest_client is not before) == made
    assert client.rest_client.certificate == certificate
