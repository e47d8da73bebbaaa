"""``explain EXECUTION`` and ``audit --project``, from the command line to flyteadmin and back."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli.main import cli
from tests.flyte.admin.fake_admin import execution_error

LIMITED = (
    'Grace period [3m0s] exceeded|containers with unready status: [f1-n0-0]|Back-off pulling image "a/b:1": ErrImagePull: '
    "429 Too Many Requests"
)


def run(config: str, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--flyte-config", config])


def limited_execution(admin: Any) -> None:
    admin.execution("f1")
    admin.task(retries={"retries": 1})
    admin.node("n0", "FAILED")
    admin.attempt("n0", 0, "FAILED", error=execution_error("USER", "ContainersNotReady|ImagePullBackOff", LIMITED))
    admin.attempt(
        "n0", 1, "FAILED", error=execution_error("USER", "Error", "Traceback (most recent call last): KeyError")
    )


def test_an_execution_is_explained_from_the_records_of_flyteadmin(admin: Any, config: str) -> None:
    limited_execution(admin)
    result = run(config, "explain", "flytesnacks/development/f1")
    assert result.exit_code == 1, result.stderr
    shown = " ".join(result.stdout.split())
    assert "1 of 2 failed attempts was wrongly charged to user retries" in shown
    assert "based on error messages only" in shown


def test_a_bare_name_with_project_and_domain(admin: Any, config: str) -> None:
    limited_execution(admin)
    result = run(config, "explain", "f1", "-p", "flytesnacks", "-d", "development", "--json")
    assert result.exit_code == 1, result.stderr
    assert json.loads(result.stdout)["execution"] == "f1"


def test_an_address_of_the_console(admin: Any, config: str) -> None:
    limited_execution(admin)
    link = "https://flyte.example/console/projects/flytesnacks/domains/development/executions/f1?nodeId=n0"
    assert run(config, "explain", link).exit_code == 1


def test_an_audit_counts_the_failed_attempts_of_all_executions(admin: Any, config: str) -> None:
    limited_execution(admin)
    admin.execution("f2", "SUCCEEDED")
    admin.node("n0", execution="f2")
    admin.attempt(
        "n0",
        0,
        "FAILED",
        execution="f2",
        error=execution_error("USER", "Evicted", "The node was low on resource: memory."),
    )
    admin.attempt("n0", 1, "SUCCEEDED", execution="f2")
    result = run(
        config, "audit", "--project", "flytesnacks", "--domain", "development", "--since", "2026-07-01T00:00:00Z"
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("2 of 3 failed attempts were wrongly charged to user retries")


def test_an_unknown_execution_is_one_line(admin: Any, config: str) -> None:
    result = run(config, "explain", "flytesnacks/development/f9")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "f9" in result.stderr


def test_an_unknown_node_is_one_line_with_the_known_ones(admin: Any, config: str) -> None:
    limited_execution(admin)
    result = run(config, "explain", "flytesnacks/development/f1", "--node", "n7")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "n0" in result.stderr


def test_an_invalid_name_is_refused_without_a_flyteadmin(tmp_path: Any) -> None:
    result = run(str(tmp_path / "none"), "explain", "https://flyte.example/nowhere")
    assert result.exit_code == 2
    assert "/projects/P/domains/D/executions/NAME" in result.stderr
