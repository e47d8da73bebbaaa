"""A task taken through many attempts: how long it is followed, and that it goes the same way twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from flytekitplugins_podtriage import Policy
from flytekitplugins_podtriage.core.accounting import Failure, Limits
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.local.attempts import MAX_SYSTEM_FAILURES, run_task
from flytekitplugins_podtriage.local.backends import BACKENDS, backend
from flytekitplugins_podtriage.report.as_json import runs_json
from flytekitplugins_podtriage.sandbox.cluster import BodyEnd, SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from tests.builders import NAMESPACE, manifest

AGAIN = Failure(ErrorKind.USER, "USER:Recoverable", "try me again")


def run(
    plan: str, on: str, *, retries: int = 0, fails: bool = False, bodies: list[int | None] | None = None
) -> TaskRun:
    """Run a task to its end."""

    def body(_: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        if bodies is not None:
            bodies.append(attempt)
        return BodyEnd(0)

    return asyncio.run(
        run_task(
            SandboxCluster(Plan.parse(plan), body=body),
            lambda _: manifest(),
            task="app.train",
            namespace=NAMESPACE,
            backend=backend(on, Policy()),
            limits=Limits(retries=retries),
            policy=Policy(),
            read_error=lambda _: AGAIN if fails else None,
        )
    )


@pytest.mark.parametrize("on", BACKENDS)
def test_a_thousand_retries_are_followed_to_their_end(on: str) -> None:
    bodies: list[int | None] = []

    once = run("every attempt pull: 429 x1", on, retries=1000, fails=True, bodies=bodies)

    assert len(once.attempts) == len(bodies) == 1001
    assert [one.charged for one in once.attempts] == [ErrorKind.USER] * 1001


@pytest.mark.parametrize("on", BACKENDS)
def test_a_task_goes_the_same_way_twice(on: str) -> None:
    once, twice = (run("every attempt pull: 429 x1", on, retries=50, fails=True) for _ in range(2))

    assert runs_json([(once, ())]) == runs_json([(twice, ())])


def test_a_limit_that_never_ends_is_endless_on_flyte_2_alone() -> None:
    two, one = run("pull: 429", "flyte-2", retries=2), run("pull: 429", "flyte-1.16", retries=2)

    assert (len(two.attempts), two.note, two.succeeded) == (
        MAX_SYSTEM_FAILURES,
        f"followed for {MAX_SYSTEM_FAILURES} attempts",
        False,
    )
    assert [attempt.charged for attempt in one.attempts] == [ErrorKind.USER] * 3


def test_a_trouble_that_passes_is_on_record_though_it_cost_nothing() -> None:
    record = run("pull: 429 x2", "connector").attempts[0]

    assert record.failure is None
    assert record.recovered_from is not None
    assert (str(record.recovered_from.category), record.recovered_from.kind) == (
        "registry_rate_limited",
        ErrorKind.SYSTEM,
    )
    assert record.states.count("Pending/ErrImagePull") == 2


def test_it_is_on_record_how_long_a_trouble_took_that_passed() -> None:
    easy, hard = run("body: 40m", "connector"), run("body: 40m\npull: 429 for 20m", "connector")
    first, second = easy.attempts[0], hard.attempts[0]

    assert first.waited == easy.delay == timedelta()
    # What the trouble adds to the attempt; its pulls take their time once more.
    assert abs(second.duration - first.duration - second.waited) < timedelta(seconds=10)
    assert hard.delay == second.waited > timedelta(minutes=20)
    assert hard.time_lost == timedelta()


def test_a_delay_is_that_of_failed_attempts_and_of_waiting() -> None:
    stock = run("body: 40m\npull: 429 for 4m", "flyte-1.16", retries=3)

    *failed, last = stock.attempts
    assert stock.succeeded
    assert stock.delay == stock.time_lost + last.waited
    assert stock.time_lost == sum((record.duration for record in failed), timedelta())


def test_without_any_trouble_there_is_nothing_on_record() -> None:
    assert run("", "connector").attempts[0].recovered_from is None


def test_a_preemption_is_the_cause_though_the_grace_ends_first() -> None:
    record = run("body: 20m; attempt 1 pod: preempted at 5m".replace("; ", "\n"), "connector").attempts[0]

    assert str(record.verdict.category) == "preempted"
