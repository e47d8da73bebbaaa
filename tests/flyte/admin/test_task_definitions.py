"""What tasks say of their retries."""

from __future__ import annotations

from typing import Any

from flyteidl.core import identifier_pb2

from flytekitplugins_podtriage.flyte.admin.client import Admin
from flytekitplugins_podtriage.flyte.admin.task_definitions import TaskFacts, Tasks


def identifier(name: str, version: str = "v1") -> Any:
    return identifier_pb2.Identifier(project="flytesnacks", domain="development", name=name, version=version)


def test_what_a_task_leaves_open_is_unknown(admin: Any, connection: Any) -> None:
    admin.task("a", retries={"retries": 0}, interruptible=False)
    admin.task("b")
    tasks = Tasks(Admin(connection.client))
    assert TaskFacts(0, False) == tasks.facts(identifier("a"))
    assert TaskFacts(None, None) == tasks.facts(identifier("b"))


def test_an_identifier_that_is_not_whole_is_not_asked_for(admin: Any, connection: Any) -> None:
    assert TaskFacts() == Tasks(Admin(connection.client)).facts(identifier("a", version=""))
    assert [] == admin.calls


def test_a_task_that_was_forgotten_is_asked_for_again(admin: Any, connection: Any) -> None:
    admin.task("a", retries={"retries": 1})
    admin.task("b", retries={"retries": 2})
    tasks = Tasks(Admin(connection.client), most=1)
    assert [1, 2, 2, 1] == [tasks.facts(identifier(name)).retries for name in "abba"]
    assert 3 == len(admin.calls)


def test_a_definition_without_metadata_is_unknown(admin: Any, connection: Any) -> None:
    admin.task("a")
    admin.tasks["a"].closure.compiled_task.template.ClearField("metadata")
    assert TaskFacts() == Tasks(Admin(connection.client)).facts(identifier("a"))
