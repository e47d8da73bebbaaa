"""Events that name no container count for the only one of a pod; in a pod of several they are nobody's."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage import remember, triage
from tests.builders import NOW, event, pod, running, waiting

LIMITED = 'Failed to pull image "acme/app:v1": 429 Too Many Requests'
BARE = waiting("ImagePullBackOff", 'Back-off pulling image "acme/app:v1"')
FAILED = event("Failed", LIMITED, age=30, container=None)
ALONE = pod("Pending", BARE)
WITHOUT_PATH = FAILED["involvedObject"]

CASES: list[tuple[str, dict[str, Any], list[dict[str, Any]], str, str | None]] = [
    ("the only container", ALONE, [FAILED], "registry_rate_limited", "main"),
    (
        "an empty path",
        ALONE,
        [{**FAILED, "involvedObject": {**WITHOUT_PATH, "fieldPath": ""}}],
        "registry_rate_limited",
        "main",
    ),
    (
        "no object at all",
        ALONE,
        [{key: FAILED[key] for key in FAILED if key != "involvedObject"}],
        "registry_rate_limited",
        "main",
    ),
    (
        "an event of the newer API",
        ALONE,
        [{"reason": "Failed", "note": LIMITED, "eventTime": FAILED["lastTimestamp"], "regarding": {"kind": "Pod"}}],
        "registry_rate_limited",
        "main",
    ),
    ("what was pulled since", ALONE, [FAILED, event("Pulled", "x", age=5, container=None)], "unknown", "main"),
    ("the only container, by its path since", ALONE, [FAILED, event("Pulled", "x", age=5)], "unknown", "main"),
    ("two containers", pod("Pending", BARE, running(name="s")), [FAILED], "unknown", "main"),
    ("an init container beside it", pod("Pending", BARE, inits=[running(name="i")]), [FAILED], "unknown", "main"),
    (
        "an init container that has no status yet",
        pod("Pending", BARE, spec={"initContainers": [{"name": "i"}]}),
        [FAILED],
        "unknown",
        "main",
    ),
    (
        "an event about another kind of object",
        ALONE,
        [event("Failed", LIMITED, age=30, container=None, kind="Job")],
        "unknown",
        "main",
    ),
    ("a namesake's", ALONE, [event("Failed", LIMITED, age=30, container=None, uid="other")], "unknown", "main"),
    (
        "another container's, by its path",
        ALONE,
        [event("Failed", LIMITED, age=30, container="gone")],
        "unknown",
        "main",
    ),
]


@pytest.mark.parametrize(
    ("given", "events", "category", "container"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_an_event_without_a_container(
    given: dict[str, Any], events: list[dict[str, Any]], category: str, container: str | None
) -> None:
    verdict = triage(given, events=events, now=NOW)
    assert (verdict.category, verdict.container) == (category, container)


def test_it_is_remembered_for_the_only_container() -> None:
    memory = remember(None, ALONE, [FAILED], now=NOW)
    assert [(cause.container, cause.message) for cause in memory.causes] == [("main", LIMITED)]
    assert triage(ALONE, memory=memory, now=NOW).category == "registry_rate_limited"
    assert remember(None, pod("Pending", BARE, running(name="s")), [FAILED], now=NOW).causes == ()


def test_a_pod_without_containers_keeps_it_for_the_pod() -> None:
    verdict = triage({"status": {"phase": "Pending"}}, events=[FAILED], now=NOW)
    assert (verdict.category, verdict.container) == ("registry_rate_limited", None)
