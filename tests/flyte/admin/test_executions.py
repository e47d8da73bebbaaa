"""The attempts of past executions, read from a fake flyteadmin with flytekit's own client."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage.core.attempt_history import Attempt, ExecutionRef, Subtask
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.flyte.admin.errors import FlyteNotFound
from flytekitplugins_podtriage.flyte.admin.executions import attempts_of_execution
from tests.flyte.admin.fake_admin import execution_error, map_metadata

PULL = "Grace period [3m0s] exceeded|containers with unready status: [f1-n0-0]|Back-off pulling image"


def attempts(connection: Any, name: str = "f1", node: str | None = None) -> list[Attempt]:
    return list(attempts_of_execution(connection.client, "flytesnacks", "development", name, node))


def test_every_attempt_of_a_node_has_its_kind_code_and_message(admin: Any, connection: Any) -> None:
    admin.execution(phase="SUCCEEDED")
    admin.task(retries={"retries": 2}, interruptible=True)
    admin.node("start-node")
    admin.node("n0")
    admin.attempt("n0", 1, "SUCCEEDED", started_at={"seconds": 1785585600}, output_uri="s3://o")
    admin.attempt("n0", 0, "FAILED", error=execution_error("USER", "ContainersNotReady|ImagePullBackOff", PULL))
    first, second = attempts(connection)
    assert (0, "FAILED", True) == (first.retry_attempt, first.phase, first.failed)
    assert (ErrorKind.USER, ErrorKind.USER) == (first.reported, first.charged)
    assert ("ContainersNotReady|ImagePullBackOff", PULL) == (first.code, first.message)
    assert ("wf.train", "v1", "python-task", 2) == (first.task, first.version, first.task_type, first.retries)
    assert (False, "f1-n0-0", "n0", "n0") == (first.interruptible, first.pod, first.node_path, first.node)
    assert first.created_at is not None and first.updated_at is not None
    assert (None, timedelta(minutes=3)) == (first.started_at, first.updated_at - first.created_at)
    assert (1, "SUCCEEDED", False, None, None) == (
        second.retry_attempt,
        second.phase,
        second.failed,
        second.reported,
        second.charged,
    )
    assert second.started_at is not None and second.started_at.isoformat() == "2026-08-01T12:00:00+00:00"
    assert 1 == admin.calls.count("GetTask")


def test_nodes_inside_nodes_are_walked_with_their_path(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node("n0", "FAILED", metadata={"is_parent_node": True}, error=execution_error("USER", "X", "child failed"))
    admin.node("a1", "FAILED", parent="n0", spec="dn1", error=execution_error("USER", "X", "child failed"))  # a branch
    admin.node("b1", "FAILED", parent="a1", spec="n2", error=execution_error("USER", "RetriesExhausted|Y", "m"))
    admin.attempt("b1", 0, error=execution_error("SYSTEM", "Interrupted", "gone"))
    admin.node("c1", parent="n0", spec="n1")
    admin.attempt("c1", 0, "SUCCEEDED", task="wf.other")
    all_attempts = attempts(connection)
    assert [("n0/dn1/n2", "b1", True), ("n0/n1", "c1", False)] == [
        (a.node_path, a.node, a.failed) for a in all_attempts
    ]


def test_a_dynamic_task_is_an_attempt_and_a_parent(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node(
        "n0", "FAILED", metadata={"is_parent_node": True, "is_dynamic": True}, error=execution_error("USER", "C", "m")
    )
    admin.attempt("n0", 0, "SUCCEEDED", task="wf.dyn")
    admin.node("d0", "FAILED", parent="n0", spec="dn0", error=execution_error("USER", "C", "m"))
    admin.attempt("d0", 0, error=execution_error("USER", "C", "m"))
    assert ["n0", "n0/dn0"] == [a.node_path for a in attempts(connection)]


def test_children_of_an_attempt_as_the_first_versions_of_flytepropeller_recorded_them(
    admin: Any, connection: Any
) -> None:
    admin.execution()
    admin.node("n0", "FAILED", spec="", error=execution_error("USER", "C", "m"))
    admin.attempt("n0", 0, "SUCCEEDED", is_parent=True)
    admin.node("n0-0-dn0", "FAILED", parent_task=("n0", 0), spec="")
    admin.attempt("n0-0-dn0", 0, error=execution_error("USER", "C", "m"))
    assert ["n0", "n0/n0-0-dn0"] == [a.node_path for a in attempts(connection)]


@pytest.mark.parametrize("page", [1, 2, 3])
def test_pages_are_followed_to_their_end(admin: Any, connection: Any, page: int) -> None:
    admin.page = page
    admin.execution()
    for number in range(5):
        admin.node(f"n{number}")
        for retry in range(3):
            admin.attempt(f"n{number}", retry, error=execution_error("SYSTEM", "Interrupted", "gone"))
    expected = [(f"n{number}", retry) for number in range(5) for retry in range(3)]
    assert expected == [(a.node, a.retry_attempt) for a in attempts(connection)]


def test_a_page_that_is_too_large_is_requested_in_halves(admin: Any, connection: Any) -> None:
    admin.max_bytes = 250_000
    admin.execution()
    admin.node("n0")
    for retry in range(7):
        admin.attempt("n0", retry, error=execution_error("USER", "C", "x" * 100_000))
    assert list(range(7)) == [a.retry_attempt for a in attempts(connection)]


def test_a_huge_message_is_complete(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node("n0", "FAILED")
    admin.attempt("n0", 0, error=execution_error("USER", "C", "é" * 4_000_000))
    (attempt,) = attempts(connection)
    assert "é" * 4_000_000 == attempt.message


@pytest.mark.parametrize("kind", ["UNKNOWN", 7])
def test_a_kind_that_flyteidl_does_not_have_is_unknown(admin: Any, connection: Any, kind: Any) -> None:
    admin.execution()
    admin.node("n0", "FAILED")
    admin.attempt("n0", 0, error=execution_error(kind, "C", "m"))
    (attempt,) = attempts(connection)
    assert (ErrorKind.UNKNOWN, ErrorKind.UNKNOWN) == (attempt.reported, attempt.charged)


def test_a_failed_node_without_an_attempt_has_its_complete_message(admin: Any, connection: Any) -> None:
    message = "[1/1] currentAttempt done. Last Error: SYSTEM::" + "no input " * 40
    admin.execution()
    admin.node("n0", "FAILED", error=execution_error("USER", "RetriesExhausted|BindingError", message))
    (attempt,) = attempts(connection)
    assert (None, "FAILED", True, message) == (attempt.retry_attempt, attempt.phase, attempt.failed, attempt.message)
    assert (ErrorKind.USER, ErrorKind.SYSTEM) == (attempt.reported, attempt.charged)


def test_a_timed_out_attempt_has_failed_if_another_follows_it(admin: Any, connection: Any) -> None:
    timeout = "task execution timeout [10m0s] expired"
    admin.execution()
    admin.node(
        "n0",
        "FAILED",
        error=execution_error(
            "USER", "RetriesExhausted|TimeoutExpired", f"[2/2] currentAttempt done. Last Error: USER::{timeout}"
        ),
    )
    admin.attempt("n0", 0, "ABORTED", error=execution_error("UNKNOWN", "Task Aborted", timeout))
    admin.attempt("n0", 1, "ABORTED", error=execution_error("UNKNOWN", "Task Aborted", "node failing"))
    all_attempts = attempts(connection)
    assert [(0, True), (1, False), (None, True)] == [(a.retry_attempt, a.failed) for a in all_attempts]
    assert [ErrorKind.USER, ErrorKind.UNKNOWN, ErrorKind.USER] == [a.charged for a in all_attempts]


def test_a_retried_failure_does_not_explain_a_node_that_failed_later(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node("n0", "TIMED_OUT", metadata={"is_parent_node": True})
    admin.node("c0", "SUCCEEDED", parent="n0", spec="n0")
    admin.attempt("c0", 0, error=execution_error("SYSTEM", "Interrupted", "gone"))
    admin.attempt("c0", 1, "SUCCEEDED")
    assert [("n0/n0", 0), ("n0/n0", 1), ("n0", None)] == [(a.node_path, a.retry_attempt) for a in attempts(connection)]


def test_a_launched_execution_is_named_and_not_entered(admin: Any, connection: Any) -> None:
    child = {"executionId": {"project": "flytesnacks", "domain": "development", "name": "child"}}
    admin.execution()
    admin.node("n0", "FAILED", workflow_node_metadata=child, error=execution_error("USER", "C", "child failed"))
    (attempt,) = attempts(connection)
    assert ExecutionRef("flytesnacks", "development", "child") == attempt.launched
    assert 1 == admin.calls.count("ListNodeExecutions")


def test_an_execution_that_failed_outside_its_nodes_says_so(admin: Any, connection: Any) -> None:
    admin.execution(error=execution_error("SYSTEM", "Workflow", "failed to create workflow in propeller"))
    (attempt,) = attempts(connection)
    assert ("", None, "FAILED", ErrorKind.SYSTEM) == (
        attempt.node,
        attempt.retry_attempt,
        attempt.phase,
        attempt.charged,
    )


def test_a_map_lists_the_failed_attempts_of_its_elements(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node("n0", "FAILED", metadata={"is_array": True})
    admin.attempt(
        "n0",
        0,
        metadata=map_metadata(
            (0, 0, "SUCCEEDED"), (1, 0, "FAILED"), (1, 1, "SUCCEEDED"), (2, 0, "ABORTED"), (2, 1, "FAILED")
        ),
        error=execution_error("USER", "C", "[2]: m"),
    )
    (attempt,) = attempts(connection)
    expected = (
        Subtask(1, 0, "FAILED", "pod-n1-0"),
        Subtask(2, 0, "ABORTED", "pod-n2-0"),
        Subtask(2, 1, "FAILED", "pod-n2-1"),
    )
    assert expected == attempt.subtasks


@pytest.mark.parametrize(
    ("node", "expected"), [("n1", ["n1", "n1/n0"]), ("c0", ["n1/n0"]), ("n1/n0", ["n1/n0"]), ("n0", ["n0", "n1/n0"])]
)
def test_one_node_may_be_selected(admin: Any, connection: Any, node: str, expected: list[str]) -> None:
    admin.execution()
    admin.node("n0")
    admin.attempt("n0")
    admin.node("n1", metadata={"is_parent_node": True})
    admin.attempt("n1")
    admin.node("c0", parent="n1", spec="n0")
    admin.attempt("c0")
    assert expected == [a.node_path for a in attempts(connection, node=node)]


def test_an_unknown_node_is_refused_with_the_known_ones(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node("n0")
    with pytest.raises(FlyteNotFound, match="no node 'n7'; allowed: n0"):
        attempts(connection, node="n7")


def test_a_deleted_task_leaves_the_retries_unknown(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node("n0")
    admin.attempt("n0")
    (attempt,) = attempts(connection)
    assert attempt.retries is None


def test_an_interruptible_attempt_says_so(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node("n0")
    admin.attempt("n0", metadata={"instance_class": 1})
    (attempt,) = attempts(connection)
    assert attempt.interruptible is True


def test_an_attempt_without_any_detail(admin: Any, connection: Any) -> None:
    admin.execution(phase="RUNNING")
    admin.node("n0", "RUNNING", spec="")
    admin.attempt("n0", 0, 99, metadata=None)
    (attempt,) = attempts(connection)
    assert Attempt(
        execution=ExecutionRef("flytesnacks", "development", "f1"),
        node="n0",
        spec_node="n0",
        phase="99",
        failed=False,
        task="wf.train",
        version="v1",
        task_type="python-task",
        retry_attempt=0,
    ) == attrs.evolve(attempt, created_at=None, updated_at=None)


def test_nodes_that_contain_each_other_are_cut_off(admin: Any, connection: Any) -> None:
    admin.execution()
    admin.node("n0", "RUNNING", metadata={"is_parent_node": True})
    admin.node("n0", "RUNNING", parent="n0", metadata={"is_parent_node": True})
    assert [] == attempts(connection)
