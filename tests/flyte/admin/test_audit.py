"""The failed attempts of many executions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage.flyte.admin.executions import failed_attempts
from tests.flyte.admin.fake_admin import execution_error

T0 = datetime(2026, 8, 1, 12, 0, 0, tzinfo=timezone.utc)


def audit(connection: Any, since: datetime, **how: Any) -> list[tuple[str, int | None]]:
    attempts = failed_attempts(connection.client, "flytesnacks", "development", since, **how)
    return [(a.execution.name, a.retry_attempt) for a in attempts]


@pytest.fixture
def filled(admin: Any) -> Any:
    """Return a flyteadmin with six executions, an hour apart; each has one failed attempt, and one that succeeded."""
    for number in range(6):
        name = admin.execution(f"e{number}", "SUCCEEDED" if number % 2 else "RUNNING", hours=number)
        admin.node("n0", execution=name)
        admin.attempt("n0", 0, execution=name, error=execution_error("SYSTEM", "Interrupted", "gone"))
        admin.attempt("n0", 1, "SUCCEEDED", execution=name)
    return admin


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_executions_of_every_phase_are_read_the_newest_first(filled: Any, connection: Any, page: int) -> None:
    filled.page = page
    assert [(f"e{n}", 0) for n in (5, 4, 3, 2, 1, 0)] == audit(connection, T0)


def test_the_span_of_time_is_a_filter_of_the_server(filled: Any, connection: Any) -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    since = (T0 + timedelta(hours=1)).astimezone(east)
    assert [("e3", 0), ("e2", 0), ("e1", 0)] == audit(connection, since, until=T0 + timedelta(hours=3, minutes=30))
    (request,) = [r for r in filled.requests if type(r).__name__ == "ResourceListRequest"]
    assert (
        "gte(execution_created_at,2026-08-01T13:00:00.000000Z)+lte(execution_created_at,2026-08-01T15:30:00.000000Z)"
        "+value_in(state,0;1)"
    ) == request.filters


def test_archived_executions_have_been_charged_too(filled: Any, connection: Any) -> None:
    filled.archived = {"e5"}
    assert ("e5", 0) in audit(connection, T0)


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_a_limit_ends_the_search(filled: Any, connection: Any, limit: int) -> None:
    assert limit == len(audit(connection, T0, limit=limit))
    assert limit == filled.calls.count("ListTaskExecutions")


def test_an_execution_that_moves_to_the_next_page_is_counted_once(filled: Any, connection: Any) -> None:
    filled.page = 2
    moved = iter(range(6, 9))

    def add() -> None:
        number = next(moved, None)
        if number is not None:
            filled.execution(f"e{number}", hours=number)

    filled.between_pages = add
    attempts = audit(connection, T0)
    assert len(attempts) == len(set(attempts))
    assert {f"e{n}" for n in range(6)} == {name for name, _ in attempts}


def test_each_task_is_requested_once(filled: Any, connection: Any) -> None:
    filled.task(retries={"retries": 3})
    audit(connection, T0)
    assert 1 == filled.calls.count("GetTask")


def test_nothing_is_requested_before_the_first_attempt_is_read(filled: Any, connection: Any) -> None:
    failed_attempts(connection.client, "flytesnacks", "development", T0)
    assert [] == filled.calls


def test_a_time_without_a_zone_is_refused(connection: Any) -> None:
    with pytest.raises(ValueError, match="since: .* has no time zone"):
        audit(connection, T0.replace(tzinfo=None))
    with pytest.raises(ValueError, match="until: .* has no time zone"):
        audit(connection, T0, until=T0.replace(tzinfo=None))
    with pytest.raises(ValueError, match="invalid limit -1; allowed: None, 0 or more"):
        audit(connection, T0, limit=-1)
