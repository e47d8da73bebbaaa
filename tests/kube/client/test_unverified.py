"""A kubeconfig that switches off the check of certificates is logged once."""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import pytest
from urllib3.exceptions import InsecureRequestWarning

from flytekitplugins_podtriage.kube.client.connection import connect


def kubeconfig(folder: Path, server: str, *, insecure: bool) -> str:
    config = {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server, "insecure-skip-tls-verify": insecure}}],
        "users": [{"name": "ann", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "ann"}}],
    }
    (folder / "config").write_text(json.dumps(config))
    return str(folder / "config")


def warn(host: str) -> None:
    """Warn as urllib3 does of each connection, under the filter that it installs."""
    message = f"Unverified HTTPS request is being made to host '{host}'. Adding certificate verification is advised."
    warnings.warn(message, InsecureRequestWarning, stacklevel=2)


def test_it_is_logged_once_and_urllib3_does_not_repeat_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always", InsecureRequestWarning)
        connected = connect(kubeconfig=kubeconfig(tmp_path, "https://10.0.0.1:6443", insecure=True), environ={})
        for _ in range(1000):
            warn("10.0.0.1")
        assert caught == []
        (record,) = caplog.records
        assert "the cluster of context here at https://10.0.0.1:6443" in record.getMessage()
        assert "not verified" in record.getMessage() and "certificate-authority" in record.getMessage()
        warn("another.example")  # which somebody else in this process talks to
        assert len(caught) == 1
    connected.client.rest_client.pool_manager.clear()


@pytest.mark.parametrize(("server", "insecure"), [("https://10.0.0.1:6443", False), ("http://10.0.0.1:8080", True)])
def test_nothing_is_said_where_certificates_are_verified_or_there_are_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, server: str, insecure: bool
) -> None:
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.WARNING):
        warnings.simplefilter("always", InsecureRequestWarning)
        connected = connect(kubeconfig=kubeconfig(tmp_path, server, insecure=insecure), environ={})
        assert not caplog.records
        warn("10.0.0.1")
        assert len(caught) == 1
    connected.client.rest_client.pool_manager.clear()
