"""What every rendering of an explanation contains."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from flytekitplugins_podtriage.report.as_json import explanation_json
from flytekitplugins_podtriage.report.console.explanation import ExplanationsView
from flytekitplugins_podtriage.report.explanation import Explanation
from flytekitplugins_podtriage.report.html.explanation import page
from tests.report.explanations import explained
from tests.report.rendering import Page, words

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


def renderings(explanation: Explanation) -> Iterator[str]:
    yield words(ExplanationsView([explanation]))
    yield Page(page([explanation])).text


@pytest.mark.parametrize(("scenario", "at", "cause", "kind", "category", "labels"), CASES)
def test_cause_kind_evidence_story_payers_and_remedy_are_there(
    scenario: str, at: float, cause: str, kind: str, category: str, labels: list[str]
) -> None:
    explanation = explained(scenario, at=at)
    for text in renderings(explanation):
        for part in (
            explanation.name,
            explanation.namespace,
            "attempt 1 of 1",
            explanation.state_with_age,
            kind,
            category,
            *labels,
        ):
            assert part in text
        assert cause.lower() in text.lower()
        assert " ".join(explanation.verdict.evidence[0].text.split())[:60] in text
        assert explanation.verdict.evidence[0].source in text
        assert explanation.verdict.remedy in text
        for charge in explanation.charges:
            assert (
                f"{charge.backend} {explanation.charge_time(charge)} {charge.charged_to} {charge.consequence}" in text
            )
    labels_of_backends = [charge.backend for charge in explanation.charges]
    assert labels_of_backends[:3] == ["Flyte 1.16", "Flyte 2", "with podtriage"]
    assert labels_of_backends[3:] == (["with the guard"] if scenario == "pull-429-hub-manifest" else [])
    answer = json.loads(explanation_json(explanation))
    assert (answer["verdict"]["kind"], answer["verdict"]["category"]) == (kind, category)


@pytest.mark.parametrize("scenario", ["exit-0", "multi-native-sidecar-ok", "pull-slow-ok"])
def test_a_pod_that_is_well_owes_nothing_and_needs_nothing(scenario: str) -> None:
    explanation = explained(scenario)
    assert explanation.all_clear
    for text in renderings(explanation):
        assert "who pays" not in text.lower()
        assert "Fix:" not in text
        assert "USER" not in text
        assert "SYSTEM" not in text


def test_a_native_sidecar_is_named_where_it_is_what_cannot_be_pulled() -> None:
    explanation = explained("multi-native-sidecar-429", at=60)
    for text in renderings(explanation):
        assert "event of proxy" in text
