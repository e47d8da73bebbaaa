"""Every failure to read from flyteadmin is an error of one family, with a message of one line."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import grpc
import pytest

from flytekitplugins_podtriage.flyte.admin import errors
from flytekitplugins_podtriage.flyte.admin.executions import attempts_of_execution
from flytekitplugins_podtriage.flyte.admin.login import connect
from tests.flyte.admin.fake_admin import execution_error

_ENVIRONMENT = ("FLYTECTL_CONFIG", "_FLYTECTL_CONFIG_PYFLYTE_OVERRIDE", "FLYTE_PLATFORM_URL", "FLYTE_PLATFORM_INSECURE")


def read(client: Any, name: str = "f1") -> Any:
    return list(attempts_of_execution(client, "flytesnacks", "development", name))


def failure(client: Any, kind: type[errors.FlyteUnreachable], name: str = "f1") -> str:
    with pytest.raises(errors.FlyteUnreachable) as failed:
        read(client, name)
    assert kind is type(failed.value), failed.value
    assert "\n" not in str(failed.value)
    assert len(str(failed.value)) < 500
    return str(failed.value)


def test_an_unknown_execution(connection: Any) -> None:
    assert "no execution flytesnacks/development/f9" in failure(connection.client, errors.FlyteNotFound, "f9")


@pytest.mark.parametrize(
    ("method", "about"),
    [
        ("GetExecution", "get_execution of execution flytesnacks/development/f1"),
        ("ListNodeExecutions", "list_node_executions_paginated of nodes of execution"),
        ("ListTaskExecutions", "list_task_executions_paginated of node n0"),
    ],
)
def test_permission_denied_says_which_call(admin: Any, connection: Any, method: str, about: str) -> None:
    admin.execution()
    admin.node("n0")
    admin.failures[method] = (grpc.StatusCode.PERMISSION_DENIED, "not a member\nof the project")
    message = failure(connection.client, errors.FlyteForbidden)
    assert about in message and "not a member of the project" in message and connection.endpoint in message


def test_a_forbidden_task_is_no_error(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node("n0")
    admin.attempt("n0")
    admin.failures["GetTask"] = (grpc.StatusCode.PERMISSION_DENIED, "no")
    assert [None] == [a.retries for a in read(connection.client)]


def test_unauthenticated_without_a_login_service(admin: Any, connection: Any) -> None:
    admin.failures["GetExecution"] = (grpc.StatusCode.UNAUTHENTICATED, "token is expired")
    assert "not logged in" in failure(connection.client, errors.FlyteLoginRequired)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, errors.FlyteUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, errors.FlyteUnavailable),
        (grpc.StatusCode.INTERNAL, errors.FlyteRefused),
        (grpc.StatusCode.UNIMPLEMENTED, errors.FlyteRefused),
        (grpc.StatusCode.INVALID_ARGUMENT, errors.FlyteRefused),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.FlyteRefused),
    ],
)
def test_other_responses(admin: Any, connection: Any, code: grpc.StatusCode, kind: Any) -> None:
    admin.failures["GetExecution"] = (code, "Authorization: Bearer abcdefghijklmnopqrstuvwxyz " + "x" * 5000)
    assert "abcdefghijkl" not in failure(connection.client, kind)


def test_a_response_too_large_for_the_client(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node("n0")
    admin.attempt("n0", error=execution_error("USER", "C", "x" * 21_000_000))
    assert "larger than max" in failure(connection.client, errors.FlyteResponseTooLarge)


def test_an_endpoint_that_does_not_listen(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        path = tmp_path / "config.yaml"
        path.write_text(f"admin:\n  endpoint: dns:///{endpoint}\n  insecure: true\n")
        assert endpoint in failure(connect(str(path)).client, errors.FlyteUnavailable)


def test_tls_where_there_is_none(endpoint: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"admin:\n  endpoint: dns:///{endpoint}\n")
    assert "insecure" in failure(connect(str(path)).client, errors.FlyteUnavailable)


def test_a_certificate_that_cannot_be_fetched(endpoint: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"admin:\n  endpoint: dns:///{endpoint}\n  insecureSkipVerify: true\n")
    with pytest.raises(errors.FlyteUnavailable, match=endpoint):
        connect(str(path))


def test_a_configuration_without_an_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "config.yaml"
    path.write_text("logger:\n  level: 1\n")
    with pytest.raises(errors.FlyteNotConfigured, match="no Flyte endpoint in it; allowed: "):
        connect(str(path))


@pytest.mark.parametrize("content", [None, "a: [", "- 1\n- 2\n"])
def test_a_configuration_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    for name in _ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(errors.FlyteNotConfigured, match="config.yaml"):
        connect(str(path))


def test_the_default_project_and_domain(config: str) -> None:
    assert ("flytesnacks", "development") == _project_and_domain(connect(config, environ={}))
    environ = {"FLYTE_DEFAULT_PROJECT": "p", "FLYTE_DEFAULT_DOMAIN": "d"}
    assert ("p", "d") == _project_and_domain(connect(config, environ=environ))
    assert ("q", "e") == _project_and_domain(connect(config, "q", "e", environ=environ))


def _project_and_domain(connection: Any) -> tuple[str, str]:
    return connection.project, connection.domain
