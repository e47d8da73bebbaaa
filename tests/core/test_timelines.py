"""Recorded stories of failing pods, judged at every step as a watcher would judge them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from flytekitplugins_podtriage import Budgets, Memory, Policy, Verdict, remember, spend, triage
from tests.recordings import moment, timelines

PLENTY = Budgets(user_left=5, system_left=3)
# The registry limits, but answers HEAD with a bare 403: no word of the limit reaches the node, and the text decides.
WORDLESS = {"pull-403-quota-head@1.31.0", "pull-403-quota-head@1.34.4"}


def steps(row: dict[str, Any]) -> Iterator[tuple[datetime, dict[str, Any], list[dict[str, Any]]]]:
    """Yield each moment at which something changed, with the pod and its events as they were known then."""
    start = moment(row["t0"])
    pod, events = None, {}
    for step in row["steps"]:
        if "event" in step:
            events[step["event"]["metadata"]["name"]] = step["event"]
        if "pod" in step:
            pod = step["pod"]
        if pod is not None and "action" not in step:
            yield start + timedelta(seconds=step["t"]), pod, list(events.values())


def verdicts(row: dict[str, Any], *, see_events: bool, keep_memory: bool, policy: Policy) -> Iterator[Verdict]:
    memory: Memory | None = None
    for now, pod, events in steps(row):
        seen = events if see_events else []
        if keep_memory:
            memory = remember(memory, pod, seen, now=now)
        yield triage(pod, events=seen, memory=memory, policy=policy, now=now)


@pytest.mark.parametrize("watching", ["events", "memory", "both"])
@pytest.mark.parametrize("patience", ["default", "none with the user's"])
@pytest.mark.parametrize("kind", ["SYSTEM", "USER", None])
def test_the_wrong_budget_never_pays(kind: str | None, patience: str, watching: str) -> None:
    """At no step is the user charged in a story of the platform's, nor the platform in one of the user's."""
    policy = Policy() if patience == "default" else Policy(user_patience=0)
    wrong = []
    for name, row in timelines().items():
        if row["truth"]["kind"] != kind:
            continue
        for verdict in verdicts(row, see_events=watching != "memory", keep_memory=watching != "events", policy=policy):
            paid = spend(verdict, PLENTY).kind
            if paid is not None and paid != kind:
                wrong.append((name, verdict.rule))
    if patience != "default":
        # Without patience a sidecar's unknown image is seen before the limit of the task's own has shown, and the pull
        # of a node that stops answering for a while, which the kubelet itself had put off, has no known cause.
        early = (*WORDLESS, "multi-sidecar-404-primary-429", "node-unreachable-blip")
        wrong = [item for item in wrong if not item[0].startswith(early)]
    assert wrong == []


# Labels that a verdict may differ from: what the status cannot tell, or what another word of the list says as well.
OTHERWISE = {
    "exit-137-by-itself": {"killed"},
    "image-never-present": {"never_pull"},
    "pull-403-quota-head": {"auth"},
    "kill-9-from-node": {"killed"},
    "kill-15-from-node": {"killed"},
}


def test_the_last_step_of_every_story_has_the_storys_category() -> None:
    wrong = []
    for name, row in timelines().items():
        *_, last = verdicts(row, see_events=True, keep_memory=False, policy=Policy())
        if last.category is None:
            continue
        allowed = {row["truth"]["category"]} | OTHERWISE.get(row["scenario"], set())
        if last.category not in allowed:
            wrong.append((name, str(last.category), row["truth"]["category"]))
    assert wrong == []


def test_a_pull_that_recovers_after_flytes_grace_is_held_until_it_has() -> None:
    for kubelet in ("1.31.0", "1.34.4"):
        row = timelines()[f"pull-429-recovers-after-grace@{kubelet}"]
        seen = list(verdicts(row, see_events=True, keep_memory=False, policy=Policy()))
        assert not any(verdict.failing for verdict in seen)
        assert seen[-1].phase == "Success"
        stock = [triage(pod, policy=Policy.for_backend("flyte-1.16"), now=now) for now, pod, _ in steps(row)]
        assert any(verdict.failing and verdict.kind == "USER" for verdict in stock)


def test_a_task_whose_work_is_done_succeeds_though_its_sidecar_waits() -> None:
    for kubelet in ("1.31.0", "1.34.4"):
        row = timelines()[f"multi-primary-ok-sidecar-429@{kubelet}"]
        *_, last = verdicts(row, see_events=True, keep_memory=False, policy=Policy())
        assert last.phase == "Success"


def test_a_kubelet_that_forgets_the_cause_is_remembered_for() -> None:
    row = timelines()["pull-429-hub-manifest@1.31.0"]
    bare = [
        (now, pod)
        for now, pod, _ in steps(row)
        if '"ImagePullBackOff"' in str(pod["status"].get("containerStatuses", "")).replace("'", '"')
    ]
    now, pod = bare[-1]
    memory: Memory | None = None
    for at, state, _ in steps(row):
        memory = remember(memory, state, now=at)
    assert triage(pod, now=now).category == "unknown"
    assert triage(pod, memory=memory, now=now).category == "registry_rate_limited"


def test_the_cause_of_a_wait_outlives_the_deletion_of_the_pod() -> None:
    row = timelines()["delete-in-backoff@1.34.4"]
    *_, last = verdicts(row, see_events=True, keep_memory=False, policy=Policy())
    assert (last.category, last.kind) == ("deleted", "SYSTEM")
    assert any("429" in item.text for item in last.evidence)
