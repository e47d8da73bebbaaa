"""``podtriage doctor``: findings with a remedy each, as text and as JSON, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli.main import cli
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.guard.test_cluster_reader import K8S, SELF, nodes, review
from tests.guard.test_surroundings import CONFIG, DEPLOYMENT, config_map, deployment
from tests.kube.scripted import Scripted

Doctor = Callable[..., Result]


@pytest.fixture
def doctor(scripted: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "scripted"))
    return lambda *arguments: CliRunner().invoke(cli, ["doctor", *arguments])


def cluster(script: Scripted, config: str = K8S, version: str = "v1.16.8", *, allowed: bool = True) -> None:
    script.reply("GET", CONFIG, 200, config_map(**{"k8s.yaml": config}))
    script.reply("GET", DEPLOYMENT, 200, deployment(f"flytepropeller:{version}"))
    script.reply("GET", "/api/v1/nodes", 200, nodes("v1.34.1"))
    script.reply("POST", SELF, 201, review(allowed))


def test_where_the_guard_can_act_it_advises_and_ends_with_0(doctor: Doctor, script: Scripted) -> None:
    cluster(script)
    result = doctor()
    assert result.exit_code == 0, result.output
    assert "ERROR" not in result.stdout
    assert "ADVICE more-system-retries: " in result.stdout
    assert "  where: propeller.node-config.max-node-retries-system-failures" in result.stdout
    assert "  fix: raise it to 10" in result.stdout


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({"version": "v1.12.0"}, "unknown-version"),
        ({"config": "propeller: {node-config: {ignore-retry-cause: true}}"}, "ignore-retry-cause"),
        ({"config": "plugins: {k8s: {image-pull-backoff-grace-period: 3s}}"}, "short-grace-period"),
        ({"allowed": False}, "missing-permissions"),
    ],
)
def test_what_defeats_the_guard_is_an_error_with_its_remedy_and_ends_with_1(
    doctor: Doctor, script: Scripted, options: dict[str, Any], finding: str
) -> None:
    cluster(script, **options)
    result = doctor()
    assert result.exit_code == 1, result.output
    assert f"ERROR {finding}: " in result.stdout
    first = result.stdout.split("\n\n")[1]
    assert first.startswith("ERROR ") and "\n  fix: " in first  # the gravest first


def test_json_has_every_finding(doctor: Doctor, script: Scripted) -> None:
    cluster(script, version="v1.12.0")
    result = doctor("--json")
    answer = json.loads(result.stdout)
    assert result.exit_code == 1 and answer["schema"] == 1 and answer["cluster"] == "the cluster of context here"
    for finding in answer["findings"]:
        assert set(finding) == {"id", "severity", "what", "where", "remedy"}
    assert answer["findings"][0]["id"] == "unknown-version"


def test_settings_are_those_of_the_guard(doctor: Doctor, script: Scripted, tmp_path: Path) -> None:
    cluster(script, version="acme-7")
    file = tmp_path / "guard.yaml"
    file.write_text("backend-version: 1.16.8\n")
    assert doctor("--config", str(file)).exit_code == 0
    assert doctor("--set", "backend-version=1.16.8").exit_code == 0
    assert doctor().exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--service-account", "podtriage-guard"], "expected NAMESPACE/NAME"),
        (["--backend", "flyte-3"], "'flyte-1.16', 'flyte-2'"),
        (["--set", "margn=3s"], "did you mean 'margin'?"),
        (["--config", "/nowhere.yaml"], "no such file or directory"),
    ],
)
def test_what_is_wrong_is_refused_in_a_line(doctor: Doctor, arguments: list[str], named: str) -> None:
    result = doctor(*arguments)
    assert result.exit_code == 2 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert named in line


def test_without_a_cluster_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/kubeconfig")
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
