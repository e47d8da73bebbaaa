"""Retries, timeouts, caches, secrets, conditionals and the rest behave as flytekit's users expect."""

from __future__ import annotations

import importlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flytekit import FlyteContext
from flytekit.core.local_cache import LocalTaskCache

from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.local.attempts import MAX_SYSTEM_FAILURES
from flytekitplugins_podtriage.local.task_data import PodTriageUserError
from tests.local.watched_runs import HERE, Runs


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The workflows of features.py."""
    monkeypatch.syspath_prepend(str(HERE))
    return importlib.import_module("features")


def test_a_cache_hit_makes_no_attempt(
    features: Any, runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("flytekit.core.local_cache.CACHE_LOCATION", str(tmp_path / "cache"))
    monkeypatch.setattr(LocalTaskCache, "_initialized", False)
    features.CALLS.clear()

    assert [features.remembered(n=7), features.remembered(n=7), features.remembered(n=8)] == [49, 49, 64]
    assert len(runs) == len(features.CALLS) == 2

    LocalTaskCache._cache.close()  # flytekit leaves it open
    monkeypatch.setattr(LocalTaskCache, "_initialized", False)


def test_a_timeout_is_the_clusters_time_and_the_users_budget(features: Any, runs: Runs) -> None:
    runs.plan("body: 40m")

    with pytest.raises(PodTriageUserError, match="timeout expired"):
        features.patient(n=1)

    run = runs[0][0]
    assert [(one.charged, one.duration) for one in run.attempts] == [(ErrorKind.USER, timedelta(minutes=10))] * 2
    assert "TimeoutExpired" in str(run.attempts[0].failure)


def test_retries_and_interruptible_are_the_tasks(features: Any, runs: Runs) -> None:
    features.patient(n=1)
    features.on_spot(n=1)

    assert [(run.limits.retries, run.limits.interruptible) for run, _ in runs] == [(1, False), (0, True)]


@pytest.mark.usefixtures("warm_bodies")
@pytest.mark.parametrize("bodies", ["inline", "process"])
def test_a_secret_of_flytekits_local_runs_reaches_the_body(
    features: Any, runs: Runs, monkeypatch: pytest.MonkeyPatch, bodies: str
) -> None:
    monkeypatch.setenv("_FSEC_DB_PASSWORD", "four")
    runs.plan("", bodies=bodies)

    assert features.with_secret() == 4


def test_a_secret_that_is_missing_is_flytekits_own_error(features: Any, runs: Runs) -> None:
    with pytest.raises(ValueError, match="Unable to find secret"):
        features.with_secret()


@pytest.mark.usefixtures("warm_bodies")
def test_a_body_has_the_tasks_environment_and_its_attempts_number(features: Any, runs: Runs) -> None:
    runs.plan("body: 5m; attempt 1 pod: preempted at 1m", bodies="process")

    assert features.with_environment() == "green 1"


@pytest.mark.parametrize(("n", "result", "names"), [(11, 12, ["on_spot"]), (1, 1, ["patient"])])
def test_a_conditional_runs_the_branch_that_is_taken(
    features: Any, runs: Runs, n: int, result: int, names: list[str]
) -> None:
    runs.plan("pull: 503 x1")

    assert features.chosen(n=n) == result
    assert [run.task.rpartition(".")[2] for run, _ in runs] == names


def test_an_imperative_workflow_runs_its_tasks(features: Any, runs: Runs) -> None:
    assert features.imperative(n=1) == 2
    assert len(runs) == 1


def test_a_workflow_ends_with_the_task_that_failed(features: Any, runs: Runs) -> None:
    runs.plan("task on_spot pull: not found")

    with pytest.raises(PodTriageUserError, match="on_spot failed"):
        features.caught(n=1)

    assert [run.task.rpartition(".")[2] for run, _ in runs] == ["on_spot"]


def test_each_task_has_a_cluster_of_its_own(features: Any, runs: Runs) -> None:
    runs.plan("pull: 503 x1")

    features.caught(n=1)

    assert [one.attempts[0].states.count("Pending/ErrImagePull") for one, _ in runs] == [1, 1]


def decks() -> set[Path]:
    """Return the decks that flytekit has written."""
    return set(Path(FlyteContext.current_context().file_access.local_sandbox_dir).rglob("deck.html"))


def test_a_deck_tells_of_the_attempts_where_decks_are_on(features: Any, runs: Runs) -> None:
    runs.plan("docker.io: 429 for 4m")
    before = decks()
    features.with_deck(n=1)

    page = max(decks() - before, key=lambda path: path.stat().st_mtime_ns).read_text(encoding="utf-8")
    assert page.count("registry_rate_limited") >= 1
    assert "srcdoc=" in page
    assert "stock Flyte 1.16" in page
    assert "of the body" in page


def test_without_decks_nothing_is_made(features: Any, runs: Runs) -> None:
    runs.plan("docker.io: 429 for 4m")
    before = decks()
    features.on_spot(n=1)

    assert decks() == before


def test_flyte_2_is_followed_for_so_many_attempts_that_nobody_pays_for(features: Any, runs: Runs) -> None:
    runs.plan("pull: 429", run_on="flyte-2", compare=False)

    with pytest.raises(Exception, match=rf"failed after {MAX_SYSTEM_FAILURES} attempt"):
        features.on_spot(n=1)
