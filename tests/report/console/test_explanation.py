"""Explanations on consoles of any width."""

from __future__ import annotations

import io
import re

import attrs
import pytest
from rich.cells import cell_len
from rich.console import Console

from flytekitplugins_podtriage.report.console.explanation import ExplanationsView
from tests.recordings import timelines
from tests.report.explanations import explained
from tests.report.rendering import shown, words


def test_a_rate_limited_pod_shows_cause_story_payers_and_what_helps() -> None:
    text = words(ExplanationsView([explained("pull-429-hub-manifest", 151)]))
    for part in (
        "ImagePullBackOff for 2m 31s",
        "limits how often this node may pull (HTTP 429)",
        "SYSTEM registry_rate_limited",
        "429 Too Many Requests",
        "event, 15:25:44",
        "15:24:19 scheduled",
        "next try in",
        "Flyte 1.16 in 29s user retries, 0 left the task fails",
        "Flyte 2 in 29s system retries retried without limit",
        "with podtriage in 27m 29s system retries, 1 of 3 held until then",
        "Fix: Add an image pull secret",
    ):
        assert part in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for row in timelines().values():
        if row["kubelet"] == "1.34.4":
            for line in shown(ExplanationsView([explained(row["scenario"], 100)]), width).splitlines():
                assert len(line) <= width, (row["id"], line)


CASES = [
    # scenario, second, cause, kind, category, labels of the story
    ("pull-429-hub-manifest", 150, "limits how often", "SYSTEM", "registry_rate_limited", ["scheduled", "429"]),
    ("pull-404-manifest-unknown", 60, "does not have the image", "USER", "not_found", ["pulling", "not found"]),
    ("config-secret-missing", 60, "not exist", "USER", "config_missing", ["scheduled", "failed"]),
    ("oom-main", 1e9, "more memory than its limit", "USER", "oom", ["started", "OOMKilled"]),
    ("exit-3-with-log", 1e9, "ended with an error", "USER", "app_error", ["started", "exit 3"]),
    ("preempted-by-scheduler", 1e9, "higher priority", "SYSTEM", "preempted", ["preempted", "deleted"]),
    ("unschedulable-selector", 20, "No node can take the pod", "SYSTEM", "unschedulable", ["created", "unschedulable"]),
    ("multi-native-sidecar-429", 60, "limits how often", "SYSTEM", "registry_rate_limited", ["429"]),
]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_signs_that_are_two_cells_wide_fit_too(width: int) -> None:
    explanation = explained("pull-429-hub-manifest", at=150)
    wide = "\u65e5\u672c\u8a9e" * 30
    explanation = attrs.evolve(explanation, name=wide, cause=wide, notes=(wide,), namespace=wide)
    assert max(cell_len(line) for line in shown(ExplanationsView([explanation]), width).splitlines()) <= width


@pytest.mark.parametrize("width", [60, 80, 120])
def test_where_and_when_it_was_said_is_not_torn_apart(width: int) -> None:
    for scenario, at, *_ in CASES:
        explanation = explained(scenario, at=at)
        first = explanation.verdict.evidence[0]
        where = re.escape(first.source) + (r".*, \d\d:\d\d:\d\d" if first.at else "")
        assert any(
            re.search(rf"(^|  ){where}$", line.rstrip())
            for line in shown(ExplanationsView([explanation]), width).splitlines()
        ), scenario


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_times_have_a_zone_that_does_not_stand_alone(width: int) -> None:
    for scenario, at, *_ in CASES:
        lines = [line.strip() for line in shown(ExplanationsView([explained(scenario, at=at)]), width).splitlines()]
        assert sum(line.endswith("UTC") for line in lines) == 1
        assert "UTC" not in lines


def test_every_recorded_story_fits_every_width() -> None:
    for number, row in enumerate(timelines().values()):
        width = (40, 80, 120)[number % 3]
        console = Console(file=io.StringIO(), width=width, legacy_windows=False)
        console.print(ExplanationsView([explained(row["scenario"], kubelet=row["kubelet"])]))
        text = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
        assert max(map(len, text.splitlines())) <= width, row["id"]
