"""Dynamic and mapped tasks run locally: each task that they make goes through attempts of its own."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.local.task_data import PodTriageSystemError
from tests.local.watched_runs import HERE, Runs


@pytest.fixture
def fanned(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(HERE))
    module = importlib.import_module("fanned_tasks")
    module.TRIED.clear()
    return module


def charges(runs: Runs) -> list[tuple[str, list[ErrorKind | None]]]:
    """Return each run's task and who was charged for its attempts, in the order in which they ended."""
    return [(run.task.rpartition(".")[2], [one.charged for one in run.attempts]) for run, _ in runs]


def test_a_dynamic_task_returns_what_its_tasks_made(fanned: Any, runs: Runs) -> None:
    assert fanned.halves(n=3) == [0, 1, 2]

    assert charges(runs) == [("half", [None])] * 3 + [("halves", [None])]


def test_a_dynamic_task_without_outputs_returns_nothing(fanned: Any, runs: Runs) -> None:
    assert fanned.notes(n=2) is None

    assert fanned.TRIED == {"note": 2}
    assert charges(runs) == [("note", [None])] * 2 + [("notes", [None])]


def test_a_dynamic_task_may_make_no_task_at_all(fanned: Any, runs: Runs) -> None:
    assert fanned.halves(n=0) == []
    assert fanned.notes(n=0) is None


def test_a_failure_of_one_is_raised_through_the_dynamic_task(fanned: Any, runs: Runs) -> None:
    with pytest.raises(ValueError, match="3 is odd"):
        fanned.odd()

    assert charges(runs) == [("half", [ErrorKind.USER]), ("odd", [ErrorKind.USER])]


def test_a_dynamic_body_is_tried_again_like_any_other(fanned: Any, runs: Runs) -> None:
    assert fanned.unlucky(n=8) == 4

    assert charges(runs) == [("half", [None]), ("unlucky", [ErrorKind.USER, ErrorKind.USER, None])]


def test_a_plan_may_be_for_one_of_them_alone(fanned: Any, runs: Runs) -> None:
    runs.plan("task half node: shutdown at 500ms; body: 2s")

    assert fanned.halves(n=1) == [0]

    assert charges(runs) == [("half", [ErrorKind.SYSTEM, None]), ("halves", [None])]


def test_each_element_of_a_map_has_attempts_of_its_own(fanned: Any, runs: Runs) -> None:
    assert fanned.all_moody(ns=[1, 2]) == [1, 2]

    assert charges(runs) == [("moody", [ErrorKind.USER, None])] * 2


def test_a_maps_elements_meet_the_faults_each_anew(fanned: Any, runs: Runs) -> None:
    runs.plan("docker.io: 429")

    with pytest.raises(PodTriageSystemError, match="half failed after 5 attempt"):
        fanned.all_halves(ns=[2, 4])

    system, user = ErrorKind.SYSTEM, ErrorKind.USER
    assert charges(runs) == [("half", [system, system, user, system, system])]


def test_with_a_ratio_what_failed_is_missing_from_the_list(fanned: Any, runs: Runs) -> None:
    assert fanned.most_halves(ns=[2, 3, 4]) == [1, None, 2]

    assert charges(runs) == [("half", [None]), ("half", [ErrorKind.USER]), ("half", [None])]


def test_below_the_ratio_the_map_fails(fanned: Any, runs: Runs) -> None:
    with pytest.raises(ValueError, match="5 is odd"):
        fanned.most_halves(ns=[2, 3, 5])


def test_a_map_may_bind_inputs(fanned: Any, runs: Runs) -> None:
    assert fanned.all_added(ns=[1, 2]) == [11, 12]


def test_a_map_without_outputs_returns_nothing(fanned: Any, runs: Runs) -> None:
    fanned.all_notes(ns=[1, 2])

    assert fanned.TRIED == {"note": 2}
    assert charges(runs) == [("note", [None])] * 2
