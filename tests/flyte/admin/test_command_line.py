"""``explain EXECUTION`` and ``audit --project``, from the command line to flyteadmin and back."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from flytekitplugins_podtriage.cli.main import cli

LIMITED = (
    'Grace period [3m0s] exceeded|containers with unready status: [f1-n0-0]|Back-off pulling image "a/b:1": ErrImagePull: '
    "429 Too Many Requests"
)


def run(config: str, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--flyte-config", config])


def limited_execution(admin: Any, make_error: Any) -> None:
    admin.execution("f1")
    admin.task(retries={"retries": 1})
    admin.node("n0", "FAILED")
    admin.attempt("n0", 0, "FAILED", error=make_error("USER", "ContainersNotReady|ImagePullBackOff", LIMITED))
    admin.attempt("n0", 1, "FAILED", error=make_error("USER", "Error", "Traceback (most recent call last): KeyError"))


def test_an_execution_is_explained_from_what_flyteadmin_keeps(admin: Any, config: str, make_error: Any) -> None:
    limited_execution(admin, make_error)
    result = run(config, "explain", "flytesnacks/development/f1")
    assert result.exit_code == 1, result.stderr
    shown = " ".join(result.stdout.split())
    assert "1 of 2 failed attempts was charged to the user for the platform's reasons" in shown
    assert "from the message alone" in shown


def test_a_bare_name_is_looked_for_where_it_is_said_to_be(admin: Any, config: str, make_error: Any) -> None:
    limited_execution(admin, make_error)
    result = run(config, "explain", "f1", "-p", "flytesnacks", "-d", "development", "--json")
    assert result.exit_code == 1, result.stderr
    assert json.loads(result.stdout)["execution"] == "f1"


def test_the_addresss_of_the_console_will_do(admin: Any, config: str, make_error: Any) -> None:
    limited_execution(admin, make_error)
    link = "https://flyte.example/console/projects/flytesnacks/domains/development/executions/f1?nodeId=n0"
    assert run(config, "explain", link).exit_code == 1


def test_an_audit_counts_the_lost_attempts_of_all_executions(admin: Any, config: str, make_error: Any) -> None:
    limited_execution(admin, make_error)
    admin.execution("f2", "SUCCEEDED")
    admin.node("n0", execution="f2")
    admin.attempt(
        "n0", 0, "FAILED", execution="f2", error=make_error("USER", "Evicted", "The node was low on resource: memory.")
    )
    admin.attempt("n0", 1, "SUCCEEDED", execution="f2")
    result = run(
        config, "audit", "--project", "flytesnacks", "--domain", "development", "--since", "2026-07-01T00:00:00Z"
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("2 of 3 failed attempts were charged to users for the platform's reasons")


def test_an_execution_that_is_not_there_is_one_line(admin: Any, config: str) -> None:
    result = run(config, "explain", "flytesnacks/development/f9")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "f9" in result.stderr


def test_a_node_that_is_not_there_is_one_line_with_those_that_are(admin: Any, config: str, make_error: Any) -> None:
    limited_execution(admin, make_error)
    result = run(config, "explain", "flytesnacks/development/f1", "--node", "n7")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "n0" in result.stderr


def test_what_names_no_execution_needs_no_flyteadmin_to_be_refused(tmp_path: Any) -> None:
    result = run(str(tmp_path / "none"), "explain", "https://flyte.example/nowhere")
    assert result.exit_code == 2
    assert "/projects/P/domains/D/executions/NAME" in result.stderr
