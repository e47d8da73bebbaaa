"""The retries in the definitions of tasks."""

from __future__ import annotations

from typing import Any

from flyteidl.core import identifier_pb2

from flytekitplugins_podtriage.flyte.admin.client import AdminClient
from flytekitplugins_podtriage.flyte.admin.task_definitions import TaskDefinition, TaskDefinitions


def identifier(name: str, version: str = "v1") -> Any:
    return identifier_pb2.Identifier(project="flytesnacks", domain="development", name=name, version=version)


def test_what_a_definition_leaves_open_is_unknown(admin: Any, connection: Any) -> None:
    admin.task("a", retries={"retries": 0}, interruptible=False)
    admin.task("b")
    tasks = TaskDefinitions(AdminClient(connection.client))
    assert TaskDefinition(0, False) == tasks.get(identifier("a"))
    assert TaskDefinition(None, None) == tasks.get(identifier("b"))


def test_an_incomplete_identifier_is_not_requested(admin: Any, connection: Any) -> None:
    assert TaskDefinition() == TaskDefinitions(AdminClient(connection.client)).get(identifier("a", version=""))
    assert [] == admin.calls


def test_a_definition_that_is_no_longer_kept_is_requested_again(admin: Any, connection: Any) -> None:
    admin.task("a", retries={"retries": 1})
    admin.task("b", retries={"retries": 2})
    tasks = TaskDefinitions(AdminClient(connection.client), limit=1)
    assert [1, 2, 2, 1] == [tasks.get(identifier(name)).retries for name in "abba"]
    assert 3 == len(admin.calls)


def test_a_definition_without_metadata_is_unknown(admin: Any, connection: Any) -> None:
    admin.task("a")
    admin.tasks["a"].closure.compiled_task.template.ClearField("metadata")
    assert TaskDefinition() == TaskDefinitions(AdminClient(connection.client)).get(identifier("a"))
