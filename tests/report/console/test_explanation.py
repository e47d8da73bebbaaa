"""What an explanation shows of recorded stories: on a terminal of any width, and as a page."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from flytekitplugins_podtriage import Policy
from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.flyte_pods import attempts_before
from flytekitplugins_podtriage.core.policy import BACKENDS
from flytekitplugins_podtriage.report.as_json import explanation_json
from flytekitplugins_podtriage.report.console.explanation import ExplanationsView
from flytekitplugins_podtriage.report.explanation import Explanation, explain
from flytekitplugins_podtriage.report.html.explanation import page
from tests.recordings import moment, timelines

POLICIES = {name: Policy.for_backend(name) for name in BACKENDS}
STORIES = sorted(name for name in timelines() if name.endswith("1.34.4"))


def told(story: str, seconds: float = 1e9, retries: int = 0) -> Explanation:
    """Explain a recorded story as it was after some seconds."""
    row = timelines()[story]
    pod: dict[str, Any] = {}
    events: dict[str, Any] = {}
    for step in row["steps"]:
        if step["t"] <= seconds:
            pod = step.get("pod", pod)
            if "event" in step:
                events[step["event"]["metadata"]["name"]] = step["event"]
    now: datetime = moment(row["t0"]) + timedelta(seconds=min(seconds, row["duration"]))
    return explain(
        read_pod(pod),
        events=read_events(events.values()),
        attempts_before=attempts_before(pod),
        policies=POLICIES,
        limits=Limits(retries=retries),
        now=now,
    )


def shown(explanation: Explanation, width: int = 100) -> str:
    screen = Console(file=io.StringIO(), width=width, color_system=None, markup=False, highlight=False, emoji=False)
    screen.print(ExplanationsView([explanation]))
    file = screen.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def words(explanation: Explanation, width: int = 200) -> str:
    return " ".join(shown(explanation, width).split())


def test_a_rate_limited_pod_shows_cause_story_payers_and_what_helps() -> None:
    text = words(told("pull-429-hub-manifest@1.34.4", 151))
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


def test_an_image_that_does_not_exist_is_the_users_everywhere() -> None:
    explanation = told("pull-404-manifest-unknown@1.34.4", 100, retries=2)
    assert "USER not_found" in words(explanation)
    assert [charge.charged_to for charge in explanation.charges] == ["user retries, 2 left"] * 3


def test_a_pod_that_is_well_charges_nobody() -> None:
    explanation = told("exit-0@1.34.4")
    assert explanation.charges == ()
    assert "who pays" not in words(explanation).lower()


def test_work_that_is_done_may_still_be_charged_by_a_stock_backend() -> None:
    explanation = told("multi-primary-ok-sidecar-429@1.34.4", 60)
    budgets = {charge.backend: charge.charged_to for charge in explanation.charges}
    assert budgets == {"Flyte 1.16": "user retries, 0 left", "Flyte 2": "system retries", "with podtriage": "nobody"}


def test_whoever_is_charged_for_the_others_doing_is_marked() -> None:
    marked = {charge.backend: charge.wrong for charge in told("pull-429-hub-manifest@1.34.4", 151).charges}
    assert marked == {"Flyte 1.16": True, "Flyte 2": False, "with podtriage": False}


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    for story in STORIES:
        for line in shown(told(story, 100), width).splitlines():
            assert len(line) <= width, (story, line)


class Balance(HTMLParser):
    """Checks that every element that is opened is closed, in order."""

    VOID = frozenset("meta link br hr img input".split())

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.opened: list[str] = []
        self.seen: set[str] = set()
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.outside += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag not in self.VOID:
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag


@pytest.mark.parametrize("story", STORIES)
def test_a_page_is_well_formed_and_asks_nobody_for_anything(story: str) -> None:
    balance = Balance()
    balance.feed(page([told(story, 100)]))
    balance.close()
    assert balance.opened == []
    assert "svg" in balance.seen
    assert "script" not in balance.seen
    assert balance.outside == []


def test_an_explanation_is_one_line_of_json() -> None:
    data = explanation_json(told("pull-429-hub-manifest@1.34.4", 151))
    assert b"\n" not in data
    assert b'"schema":1' in data
