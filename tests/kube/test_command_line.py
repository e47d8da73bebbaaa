"""``explain --pod``, from the command line to a cluster and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli.main import cli
from tests import builders

LIMITED = 'Back-off pulling image "a/b:1": ErrImagePull: 429 Too Many Requests'


@pytest.fixture
def run(kubeconfig: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    return lambda *arguments: CliRunner().invoke(cli, ["explain", *arguments])


def waiting(server: Any) -> None:
    pod = server.pod("p")
    pod["status"] = {"phase": "Pending", "containerStatuses": [builders.waiting("ImagePullBackOff", LIMITED)]}
    server.event("p", "Pulling")


def test_a_pod_of_the_cluster_is_explained_with_its_events(server: Any, run: Callable[..., Result]) -> None:
    waiting(server)
    result = run("--pod", "p", "-n", "flytesnacks-development", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["verdict"]["category"] == "registry_rate_limited"
    assert any("events" in path for path, _ in server.requests)


def test_the_default_namespace_is_the_contexts(server: Any, run: Callable[..., Result]) -> None:
    waiting(server)
    assert run("--pod", "p").exit_code == 0


def test_without_permission_to_read_events_the_pod_alone_is_explained(
    server: Any, run: Callable[..., Result], make_status: Any
) -> None:
    waiting(server)
    server.forced = [None, make_status(403, "events is forbidden")]
    result = run("--pod", "p", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["verdict"]["category"] == "registry_rate_limited"


def test_a_missing_pod_is_reported_in_one_line(server: Any, run: Callable[..., Result]) -> None:
    result = run("--pod", "q")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "q" in result.stderr


def test_an_unknown_context_is_reported_in_one_line_with_the_known_ones(run: Callable[..., Result]) -> None:
    result = run("--pod", "p", "--context", "nowhere")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "here" in result.stderr
