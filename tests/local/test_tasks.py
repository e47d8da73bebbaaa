from __future__ import annotations

import os
from typing import Any

import pytest
from flytekit.exceptions.user import FlyteRecoverableException

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.local.task_data import PodTriageSystemError, PodTriageUserError
from tests.local.watched_runs import Runs

LASTING = "docker.io: 429"


def test_a_body_runs_in_a_process_of_its_own_once_its_pod_has_started(workflows: Any, runs: Runs) -> None:
    runs.plan("pull: 429 x2", bodies="process")

    greeting = workflows.greet(name="you")

    assert greeting.startswith("Hello, you, from process ")
    assert str(os.getpid()) not in greeting
    (run, others) = runs[0]
    assert (run.succeeded, len(run.attempts), run.backend) == (True, 1, "connector")
    assert run.attempts[0].states.count("Pending/ErrImagePull") == 2
    assert [other.backend for other in others] == ["flyte-1.16", "flyte-2", "guard"]


def test_a_rate_limit_that_passes_costs_nobody_a_retry_but_stock_flyte_charges_the_user(
    workflows: Any, runs: Runs
) -> None:
    runs.plan("docker.io: 429 for 4m")

    assert workflows.greet(name="you").startswith("Hello")

    run, (stock, two, guard) = runs[0]
    assert [one.charged for one in run.attempts] == [None]
    assert (stock.succeeded, [one.charged for one in stock.attempts]) == (False, [ErrorKind.USER])
    assert (two.succeeded, [one.charged for one in two.attempts]) == (True, [ErrorKind.SYSTEM, None])
    assert (guard.succeeded, [one.charged for one in guard.attempts]) == (True, [ErrorKind.SYSTEM, None])


def test_a_limit_that_lasts_ends_as_the_platforms_failure(workflows: Any, runs: Runs) -> None:
    runs.plan(LASTING)

    with pytest.raises(PodTriageSystemError, match=r"greet failed after 4 attempt\(s\).*limits how often"):
        workflows.greet(name="you")

    assert [one.charged for one in runs[0][0].attempts] == [ErrorKind.SYSTEM] * 4


def test_a_missing_image_consumes_the_users_retries(workflows: Any, runs: Runs) -> None:
    runs.plan("pull: not found")

    with pytest.raises(PodTriageUserError, match=r"patient failed after 3 attempt\(s\)"):
        workflows.patient(n=1)

    run = runs[0][0]
    assert [one.charged for one in run.attempts] == [ErrorKind.USER] * 3
    assert {str(one.verdict.category) for one in run.attempts} == {"not_found"}


def test_both_budgets_are_spent_so_that_the_task_lives_longest(workflows: Any, runs: Runs) -> None:
    runs.plan(LASTING)

    with pytest.raises(PodTriageSystemError):
        workflows.patient(n=1)

    # Down to the reserve of one, then the user's two, then the reserve.
    charged = [one.charged for one in runs[0][0].attempts]
    system, user = ErrorKind.SYSTEM, ErrorKind.USER
    assert charged == [system, system, user, user, system, system]


def test_a_node_that_shuts_down_costs_the_platform_one(workflows: Any, runs: Runs) -> None:
    runs.plan("node: shutdown at 30s; body: 2m")

    assert workflows.patient(n=1) == 2

    run = runs[0][0]
    assert [one.charged for one in run.attempts] == [ErrorKind.SYSTEM, None]
    assert str(run.attempts[0].verdict.category) == "node_shutdown"


def test_an_exception_of_the_body_is_raised_as_it_is_and_not_tried_again(workflows: Any, runs: Runs) -> None:
    with pytest.raises(ValueError, match="-1 is negative"):
        workflows.silent(n=-1)

    assert len(runs[0][0].attempts) == 1


@pytest.mark.usefixtures("warm_bodies")
def test_an_exception_in_a_process_is_told_with_its_trace(workflows: Any, runs: Runs) -> None:
    runs.plan("", bodies="process")

    with pytest.raises(PodTriageUserError, match="ValueError: -1 is negative"):
        workflows.silent(n=-1)


def test_a_recoverable_exception_is_tried_again_for_the_user(workflows: Any, runs: Runs) -> None:
    with pytest.raises(FlyteRecoverableException):
        workflows.unlucky(n=1)

    assert [one.charged for one in runs[0][0].attempts] == [ErrorKind.USER] * 2


def test_a_policy_of_the_task_decides_how_long_its_pod_is_held(workflows: Any, runs: Runs) -> None:
    runs.plan("docker.io: 429 for 90s")

    assert workflows.impatient() == 1

    first = runs[0][0].attempts[0]
    assert first.charged is ErrorKind.SYSTEM
    assert first.duration.total_seconds() == pytest.approx(60, abs=1)


def test_a_workflow_runs_each_task_through_its_own_attempts(workflows: Any, runs: Runs) -> None:
    runs.plan("pull: 503 x1")

    assert workflows.hello().startswith("Hello, Flyte")

    assert [run.task.rpartition(".")[2] for run, _ in runs] == ["greet", "silent"]


def test_a_mapped_task_works_locally(workflows: Any, runs: Runs) -> None:
    assert workflows.mapped(ns=[1, 2, 3]) == [2, 3, 4]
    assert len(runs) == 3


def test_a_dynamic_task_and_the_tasks_that_it_makes_run_through_attempts(workflows: Any, runs: Runs) -> None:
    assert workflows.several(n=2) == 2

    names = [run.task.rpartition(".")[2] for run, _ in runs]
    assert sorted(names) == ["several", "silent", "silent"]


@pytest.mark.usefixtures("warm_bodies")
def test_files_come_through_flytekits_own_data_layer(workflows: Any, runs: Runs) -> None:
    runs.plan("pull: 429 x1", bodies="process")

    with open(workflows.write(text="from the pod"), encoding="utf-8") as file:
        assert file.read() == "from the pod"


def test_the_same_plan_tells_the_same_story(workflows: Any, runs: Runs) -> None:
    runs.plan("pull: flaky 0.5 seed 3; body: 40m; pod: evicted at 10m x2")

    for _ in range(2):
        workflows.patient(n=1)

    assert runs[0] == runs[1]
    assert len(runs[0][0].attempts) > 1
