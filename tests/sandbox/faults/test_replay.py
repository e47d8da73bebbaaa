"""Recordings, replayed: the same snapshots, the same verdicts, and the backends' accounting of them."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flytekitplugins_podtriage import Policy
from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.local.attempts import run_task
from flytekitplugins_podtriage.local.backends import backend
from flytekitplugins_podtriage.sandbox.cluster import BodyEnd, SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from flytekitplugins_podtriage.sandbox.faults.replay import ReplayError
from tests.builders import NAMESPACE, manifest
from tests.paths import DATA
from tests.recordings import timelines
from tests.sandbox.observing import collapsed, judged, watch
from tests.sandbox.test_fidelity import recorded

TIMELINES = DATA / "timelines.jsonl.gz"
SOME = [
    "exit-0@1.34.4",
    "pull-429-recovers-early@1.31.0",
    "multi-primary-ok-sidecar-429@1.34.4",
    "oom-main@1.34.4",
    "preempted-by-scheduler@1.31.0",
    "node-gone@1.34.4",
    "admission-outofcpu@1.31.0",
    "volume-configmap-missing@1.34.4",
    "guard-patch-delete-no-finalizer@1.34.4",
]


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file that holds some of the recorded stories."""
    path = tmp_path_factory.mktemp("replay") / "some.jsonl"
    path.write_text("".join(json.dumps(timelines()[name]) + "\n" for name in SOME), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", SOME)
def test_a_replayed_story_is_judged_as_it_was_recorded(stories: Path, name: str) -> None:
    snapshots = watch(f"replay: {stories} {name}", seconds=timelines()[name]["duration"] + 1)

    story = collapsed(judged(snapshot, Policy()) for snapshot in snapshots)
    assert story[-len(recorded(name)) :] == list(recorded(name))


def run(plan: str, on: str, retries: int = 0, bodies: list[int | None] | None = None) -> TaskRun:
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
        )
    )


def test_an_attempt_goes_through_a_recording_and_the_next_does_not(stories: Path) -> None:
    plan = f"attempt 1 replay: {stories} preempted-by-scheduler"
    bodies: list[int | None] = []

    ours = run(plan, "connector", bodies=bodies)
    stock = run(plan, "flyte-1.16")

    assert [one.charged for one in ours.attempts] == [ErrorKind.SYSTEM, None]
    assert str(ours.attempts[0].verdict.category) == "preempted"
    assert bodies == [0, 1], "the recording shows the task's container running, so the body ran in that attempt too"
    assert ours.succeeded
    assert [one.charged for one in stock.attempts] == [ErrorKind.SYSTEM, None]


def test_an_end_in_back_off_lasts_until_the_backend_ends_it() -> None:
    plan = f"replay: {TIMELINES} pull-429-token@1.31.0"

    stock = run(plan, "flyte-1.16")

    assert [one.charged for one in stock.attempts] == [ErrorKind.USER]
    assert stock.attempts[0].duration >= timedelta(minutes=3)
    assert str(stock.attempts[0].verdict.category) == "registry_rate_limited"


def test_a_recording_that_shows_no_end_is_said_to_have_none(stories: Path) -> None:
    running = f"replay: {TIMELINES} oom-sidecar-primary-runs@1.34.4"

    assert "7 days" in run(running, "connector").note


@pytest.mark.parametrize("form", ["plain", "gzip"])
def test_a_file_of_one_story_needs_no_name(tmp_path: Path, form: str) -> None:
    text = json.dumps(timelines()["exit-1@1.34.4"])
    path = tmp_path / ("one.jsonl" if form == "plain" else "one.jsonl.gz")
    path.write_bytes(text.encode() if form == "plain" else gzip.compress(text.encode()))

    assert run(f"replay: {path}", "connector").attempts[0].charged is ErrorKind.USER


@pytest.mark.parametrize(
    ("text", "story", "message"),
    [
        (None, "", "the recording cannot be read: No such file"),
        ("", "", "no recording ''; allowed: a file with recordings"),
        ("[]\n", "", "line 1: not a recording"),
        ("{\n", "", "line 1: not a recording"),
        ('{"id": "a"}\n', "", "line 1: malformed recording: KeyError('steps')"),
        ('{"id": "a", "t0": "2026-01-01T00:00:00Z", "steps": []}\n', "", "it has no steps"),
        ('{"id": "a", "t0": "yesterday", "steps": [{"t": 0, "pod": {}}]}\n', "", "is not a time; allowed: RFC 3339"),
        ('{"id": "a", "t0": "2026-01-01T00:00:00Z", "steps": [{"t": 0, "pod": []}]}\n', "", "malformed recording"),
        ('{"id": "a"}\n', "b", "no recording 'b'; allowed: the id or scenario of one of its 1 recordings"),
        ("\xff", "", "line 1: not a recording"),
    ],
)
def test_a_recording_that_is_none_is_refused_in_a_line(
    tmp_path: Path, text: str | None, story: str, message: str
) -> None:
    path = tmp_path / "story.jsonl"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    with pytest.raises(ReplayError) as refused:
        SandboxCluster(Plan.parse(f"replay: {path} {story}".strip()))

    assert message in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_which_of_several_stories_is_meant_has_to_be_said(stories: Path) -> None:
    with pytest.raises(ReplayError, match="several recordings; allowed: replay: FILE NAME"):
        SandboxCluster(Plan.parse(f"replay: {stories}"))
