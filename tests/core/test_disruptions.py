"""Which disruption ended a pod: the taint of a lost node or another, and what a kubelet names as its reason."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage import triage
from tests.builders import NOW, ago, condition, disruption, event, pod, running, terminated, waiting

TAINT = disruption("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint", age=60)
KUBELET_NOT_READY = condition("Ready", "False", "ContainersNotReady", "containers with unready status: [main]")
CONTAINERS_READY = condition("ContainersReady", "True")
MARKED = condition("Ready", "False")
"""Ready as the node controller writes it: false, for no reason."""
TOLERATIONS = [
    {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for taint in ("not-ready", "unreachable")
]
SPEC = {"tolerations": TOLERATIONS}
"""Admission gives every pod these two; they say nothing about the taint that ended it."""


def drained(phase: str, container: dict[str, Any], *conditions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a pod that the taint manager deleted."""
    return pod(phase, container, conditions=[*conditions, TAINT], spec=SPEC, **fields)


EVICTION = event("TaintManagerEviction", "Marking for deletion Pod ns/p", age=60, container=None)
NOT_READY = event("NodeNotReady", "Node is not ready", age=90, container=None)
TAINTS: list[tuple[str, dict[str, Any], list[dict[str, Any]], str]] = [
    ("the node controller's event", drained("Failed", terminated(137)), [EVICTION, NOT_READY], "node_lost"),
    ("its mark", drained("Running", running(), MARKED, CONTAINERS_READY, deleted=1), [], "node_lost"),
    (
        "its mark on a pod that never started",
        drained("Pending", waiting("ContainerCreating"), MARKED, deleted=1),
        [],
        "node_lost",
    ),
    ("no end long after the grace period", drained("Running", running(), deleted=11), [], "node_lost"),
    ("an end long after the grace period", drained("Failed", terminated(137, age=5), deleted=40), [], "node_lost"),
    ("the taint manager's own event", drained("Failed", terminated(143)), [EVICTION], "preempted"),
    ("nothing but the condition", drained("Failed", terminated(143)), [], "preempted"),
    (
        "a pod that the kubelet had not made ready",
        drained("Failed", terminated(143), KUBELET_NOT_READY),
        [],
        "preempted",
    ),
    (
        "Ready for no reason, and containers that are not",
        drained("Failed", terminated(143), MARKED, condition("ContainersReady", "False", "PodFailed")),
        [],
        "preempted",
    ),
    ("an end within the grace period", drained("Failed", terminated(137, age=35), deleted=30), [], "preempted"),
    ("no end as the grace period ends", drained("Running", running(), deleted=1), [], "preempted"),
    (
        "the last step of a deletion",
        drained(
            "Failed", terminated(143, age=5), metadata={"deletionTimestamp": ago(20), "deletionGracePeriodSeconds": 0}
        ),
        [],
        "preempted",
    ),
]


@pytest.mark.parametrize(("given", "events", "category"), [pytest.param(*case[1:], id=case[0]) for case in TAINTS])
def test_the_taint_of_a_lost_node_is_recognised_by_what_is_beside_it(
    given: dict[str, Any], events: list[dict[str, Any]], category: str
) -> None:
    verdict = triage(given, events=events, now=NOW)
    assert (verdict.phase, verdict.kind, verdict.category) == ("RetryableFailure", "SYSTEM", category)


SHUTDOWN = "Pod was terminated in response to imminent node shutdown."
PRESSURE = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi."
KUBELET: list[tuple[str, str, dict[str, Any], str]] = [
    ("a shutdown", SHUTDOWN, {"reason": "Terminated", "message": SHUTDOWN}, "node_shutdown"),
    ("a shutdown of newer kubelets", SHUTDOWN, {"reason": "NodeShutdown", "message": SHUTDOWN}, "node_shutdown"),
    ("a shutdown that only the condition names", SHUTDOWN, {}, "node_shutdown"),
    ("a shutdown that only the status names", "", {"message": SHUTDOWN}, "node_shutdown"),
    ("a shutdown by its reason alone", "", {"reason": "Terminated"}, "node_shutdown"),
    ("pressure", PRESSURE, {"reason": "Evicted", "message": PRESSURE}, "evicted"),
    ("pressure that only the condition names", PRESSURE, {}, "evicted"),
    ("a critical pod", "Pod was preempted by Kubelet to accommodate a critical pod.", {}, "preempted"),
    ("no cause", "", {}, "evicted"),
    ("a cause of the user's that cannot be", "manifest unknown", {}, "evicted"),
]


@pytest.mark.parametrize(("text", "status", "category"), [pytest.param(*case[1:], id=case[0]) for case in KUBELET])
@pytest.mark.parametrize("exit_code", [0, 1, 143])
def test_a_kubelet_that_ends_a_pod_names_the_cause(
    text: str, status: dict[str, Any], category: str, exit_code: int
) -> None:
    given = pod("Failed", terminated(exit_code), conditions=[disruption("TerminationByKubelet", text)], **status)
    verdict = triage(given, now=NOW)
    assert (verdict.phase, verdict.kind, verdict.category) == ("RetryableFailure", "SYSTEM", category)
    assert verdict.code == (status.get("reason") or "TerminationByKubelet")


def test_a_pod_that_was_not_disrupted_is_not_shut_down() -> None:
    quoted = pod("Failed", terminated(1, "Error", SHUTDOWN))
    assert triage(quoted, now=NOW).category == "app_error"
    past = condition("DisruptionTarget", "False", "TerminationByKubelet", SHUTDOWN)
    assert triage(pod("Failed", terminated(1), conditions=[past]), now=NOW).category == "app_error"
