"""What the sketch of an explanation promises, for pods that fail for every reason, and for those that do not."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import attrs
import pytest
from rich.cells import cell_len
from rich.console import Console

from flytekitplugins_podtriage.report.as_json import explanation_json
from flytekitplugins_podtriage.report.console.explanation import ExplanationsView
from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.html.explanation import page
from flytekitplugins_podtriage.report.text.event_labels import Tone

Explained = Callable[..., Explanation]
CASES = [
    # scenario, second, cause, kind, category, labels of the story
    ("pull-429-hub-manifest", 150, "limits how often", "SYSTEM", "registry_rate_limited", ["scheduled", "429"]),
    ("pull-404-manifest-unknown", 60, "does not have the image", "USER", "not_found", ["pulling", "not found"]),
    ("config-secret-missing", 60, "not exist", "USER", "config_missing", ["scheduled", "failed"]),
    ("oom-main", 1e9, "exceeded its memory limit", "USER", "oom", ["started", "OOMKilled"]),
    ("exit-3-with-log", 1e9, "exited with an error", "USER", "app_error", ["started", "exit 3"]),
    ("preempted-by-scheduler", 1e9, "higher priority", "SYSTEM", "preempted", ["preempted", "deleted"]),
    ("unschedulable-selector", 20, "No node can run the pod", "SYSTEM", "unschedulable", ["created", "unschedulable"]),
    ("multi-native-sidecar-429", 60, "limits how often", "SYSTEM", "registry_rate_limited", ["429"]),
]


def shown(told: Explanation, width: int = 160) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, markup=False, highlight=False, emoji=False).print(
        ExplanationsView([told])
    )
    return out.getvalue()


def words(told: Explanation) -> str:
    return " ".join(shown(told).split())


class Text(HTMLParser):
    """The words of a page, without its style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.words.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.words).split())


def renderings(told: Explanation) -> Iterator[str]:
    yield words(told)
    yield Text(page([told])).said


@pytest.mark.parametrize(("scenario", "at", "cause", "kind", "category", "labels"), CASES)
def test_cause_kind_evidence_story_payers_and_remedy_are_there(
    explained: Explained, scenario: str, at: float, cause: str, kind: str, category: str, labels: list[str]
) -> None:
    told = explained(scenario, at=at)
    for text in renderings(told):
        for part in (told.name, told.namespace, "attempt 1 of 1", told.state_with_age, kind, category, *labels):
            assert part in text
        assert cause.lower() in text.lower()
        assert " ".join(told.verdict.evidence[0].text.split())[:60] in text
        assert told.verdict.evidence[0].source in text
        assert told.verdict.remedy in text
        for charge in told.charges:
            assert f"{charge.backend} {told.charge_time(charge)} {charge.charged_to} {charge.consequence}" in text
    assert [charge.backend for charge in told.charges] == ["Flyte 1.16", "Flyte 2", "with podtriage"]
    answer = json.loads(explanation_json(told))
    assert (answer["verdict"]["kind"], answer["verdict"]["category"]) == (kind, category)


@pytest.mark.parametrize("scenario", ["exit-0", "multi-native-sidecar-ok", "pull-slow-ok"])
def test_a_pod_that_is_well_owes_nothing_and_needs_nothing(explained: Explained, scenario: str) -> None:
    told = explained(scenario)
    assert told.all_clear
    for text in renderings(told):
        assert "who pays" not in text.lower()
        assert "Fix:" not in text
        assert "USER" not in text
        assert "SYSTEM" not in text


def test_nothing_is_charged_while_no_node_has_been_found(explained: Explained) -> None:
    told = explained("unschedulable-selector", at=20)
    assert [(told.charge_time(charge), charge.charged_to) for charge in told.charges] == [("never", "nobody")] * 3


def test_a_native_sidecar_is_named_where_it_is_what_cannot_be_pulled(explained: Explained) -> None:
    told = explained("multi-native-sidecar-429", at=60)
    for text in renderings(told):
        assert "event of proxy" in text


def test_a_deletion_s_last_step_is_not_called_somebody_s_wish(explained: Explained) -> None:
    """The kubelet ends a graceful deletion by one without grace, stamped with its own time."""
    told = explained("delete-running", at=5)
    (asked,) = [mark for mark in told.timeline if mark.label == "deleted"]
    assert asked.text == "the pod's deletion was requested"
    (last,) = [mark for mark in explained("delete-running").timeline if mark.label == "deleted"]
    assert last.at > asked.at
    assert "requested" not in last.text
    assert last.tone is Tone.TROUBLE


@pytest.mark.parametrize("width", [60, 80, 120])
def test_signs_that_are_two_cells_wide_fit_too(explained: Explained, width: int) -> None:
    told = explained("pull-429-hub-manifest", at=150)
    wide = "\u65e5\u672c\u8a9e" * 30
    told = attrs.evolve(told, name=wide, cause=wide, notes=(wide,), namespace=wide)
    assert max(cell_len(line) for line in shown(told, width).splitlines()) <= width


@pytest.mark.parametrize("width", [60, 80, 120])
def test_where_and_when_it_was_said_is_not_torn_apart(explained: Explained, width: int) -> None:
    for scenario, at, *_ in CASES:
        told = explained(scenario, at=at)
        first = told.verdict.evidence[0]
        where = re.escape(first.source) + (r".*, \d\d:\d\d:\d\d" if first.at else "")
        assert any(re.search(rf"(^|  ){where}$", line.rstrip()) for line in shown(told, width).splitlines()), scenario


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_times_have_a_zone_that_does_not_stand_alone(explained: Explained, width: int) -> None:
    for scenario, at, *_ in CASES:
        lines = [line.strip() for line in shown(explained(scenario, at=at), width).splitlines()]
        assert sum(line.endswith("UTC") for line in lines) == 1
        assert "UTC" not in lines


def test_what_is_nasty_is_escaped_and_stays_legible(explained: Explained) -> None:
    nasty = "<script>alert('1')</script>&\"<img src=http://a/>"
    told = explained("pull-429-hub-manifest", at=150)
    mark = attrs.evolve(told.timeline[-1], label=nasty, text=nasty)
    charge = attrs.evolve(told.charges[0], consequence=nasty, charged_to=nasty, backend=nasty)
    evidence = attrs.evolve(told.verdict.evidence[0], text=nasty, container=nasty, source=nasty)
    verdict = attrs.evolve(told.verdict, evidence=(evidence,), remedy=nasty, registry=nasty, rule=nasty)
    everywhere: dict[str, Any] = dict.fromkeys(
        ("name", "namespace", "task", "node", "execution", "state", "cause"), nasty
    )
    told = attrs.evolve(told, **everywhere, timeline=(mark,), charges=(charge,), verdict=verdict, notes=(nasty,))
    made = Text(page([told]))
    assert not {"script", "img"} & set(made.tags)
    assert made.said.count(nasty) > 8
