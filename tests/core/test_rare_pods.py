"""Pods in rare states get a verdict, a budget and a moment to look again like any other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flytekitplugins_podtriage import Policy, triage
from tests.builders import NOW, ago, condition, disruption, event, pod, running, terminated, waiting

PODS: list[tuple[str, dict[str, Any], str, str | None, str | None]] = [
    (
        "deleted while it waits, within its grace",
        pod(
            "Pending",
            waiting("ContainerCreating"),
            deleted=-20,
        ),
        "Initializing",
        None,
        None,
    ),
    (
        "deleted while it waits, and the grace is over",
        pod("Pending", waiting("ContainerCreating"), deleted=1),
        "RetryableFailure",
        "SYSTEM",
        "deleted",
    ),
    (
        "deleted while it runs, within its grace",
        pod("Running", running(), deleted=-20),
        "Running",
        None,
        None,
    ),
    (
        "deleted while it runs, and the grace is over",
        pod("Running", running(), deleted=1),
        "RetryableFailure",
        "SYSTEM",
        "deleted",
    ),
    (
        "deleted while it waited for what the user had named wrongly",
        pod("Failed", waiting("ImagePullBackOff", "manifest unknown"), deleted=1),
        "RetryableFailure",
        "USER",
        "not_found",
    ),
    (
        "a start that does not end",
        pod("Pending", waiting("ContainerCreating"), age=4000),
        "RetryableFailure",
        "SYSTEM",
        "unknown",
    ),
    ("not yet seen by the kubelet", pod("Pending", conditions=[]), "Queued", None, None),
    (
        "not scheduled for a reason that is new",
        pod("Pending", conditions=[condition("PodScheduled", "False", "Dreaming", "z")]),
        "Queued",
        None,
        None,
    ),
    (
        "failed while it still waited",
        pod("Failed", waiting("ImagePullBackOff", "429 Too Many Requests")),
        "RetryableFailure",
        "SYSTEM",
        "registry_rate_limited",
    ),
    (
        "an init container out of memory",
        pod("Failed", inits=[terminated(137, "OOMKilled", name="i")]),
        "RetryableFailure",
        "USER",
        "oom",
    ),
    (
        "a sidecar that failed before the task's container ran",
        pod("Failed", waiting("PodInitializing"), terminated(1, name="s"), primary="main"),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
    (
        "a crash that is started again",
        pod(
            "Running",
            waiting("CrashLoopBackOff", restartCount=2, lastState=terminated(1)["state"]),
            conditions=[],
            startTime=ago(60),
        ),
        "Running",
        "USER",
        "app_error",
    ),
    (
        "a crash that was started again too often",
        pod(
            "Running",
            waiting("CrashLoopBackOff", restartCount=9, lastState=terminated(1)["state"]),
            conditions=[],
            startTime=ago(600),
        ),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
    (
        "a crash of which nothing is known",
        pod("Running", waiting("CrashLoopBackOff"), conditions=[], startTime=ago(600)),
        "Running",
        "USER",
        "app_error",
    ),
    (
        "a node's reason with a message of another cause",
        pod("Failed", terminated(1), reason="Shutdown", message="manifest unknown"),
        "RetryableFailure",
        "SYSTEM",
        "node_shutdown",
    ),
    (
        "ended by the kubelet for a reason that it names",
        pod(
            "Failed",
            terminated(137),
            reason="Preempting",
            message="Preempted in order to admit critical pod",
            conditions=[disruption("TerminationByKubelet")],
        ),
        "RetryableFailure",
        "SYSTEM",
        "preempted",
    ),
    (
        "ended by the kubelet for a reason that is new",
        pod(
            "Failed",
            terminated(137),
            reason="Dreaming",
            conditions=[disruption("TerminationByKubelet")],
        ),
        "RetryableFailure",
        "SYSTEM",
        "evicted",
    ),
    (
        "an annotation that names no container",
        pod("Failed", terminated(1), terminated(0, name="s"), primary="none"),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
]


@pytest.mark.parametrize(("given", "phase", "kind", "category"), [pytest.param(*case[1:], id=case[0]) for case in PODS])
def test_rare_pod(given: dict[str, Any], phase: str, kind: str | None, category: str | None) -> None:
    verdict = triage(given, now=NOW)
    assert (verdict.phase, verdict.kind, verdict.category) == (phase, kind, category)


def test_a_pull_that_does_not_end_is_a_time_out_of_the_network() -> None:
    given = pod("Pending", waiting("ContainerCreating"), age=4000)
    events = [event("Pulling", 'Pulling image "acme/app:v1"', age=3000)]
    verdict = triage(given, events=events, now=NOW)
    assert (verdict.category, verdict.kind, verdict.container) == ("network_timeout", "SYSTEM", "main")
    assert not triage(given, events=[event("Pulling", "x", age=60)], now=NOW).failing


def test_a_node_that_stopped_answering_is_told_from_one_that_was_drained() -> None:
    given = pod("Failed", terminated(137), conditions=[disruption("DeletionByTaintManager")])
    lost = {"reason": "NodeNotReady", "message": "Node is not ready", "lastTimestamp": ago(60)}
    assert triage(given, events=[lost], now=NOW).category == "node_lost"
    assert triage(given, now=NOW).category == "preempted"


def test_a_time_that_the_registry_asks_for_is_when_to_look_again() -> None:
    given = pod("Pending", waiting("ErrImagePull", "x"))
    events = [event("Failed", 'Failed to pull image "acme/app:v1": 429 Too Many Requests, retry after 60s', age=10)]
    assert triage(given, events=events, now=NOW).recheck_at == NOW + timedelta(seconds=50)


def test_the_pending_timeout_of_a_pod_without_a_cause_is_the_platforms() -> None:
    verdict = triage(pod("Pending", waiting("ContainerCreating")), policy=Policy(pod_pending_timeout=30), now=NOW)
    assert (verdict.code, verdict.kind, verdict.category) == ("PodPendingTimeout", "SYSTEM", "unknown")
    held = triage(pod("Pending", waiting("ContainerCreating")), policy=Policy(pod_pending_timeout=90), now=NOW)
    assert held.recheck_at == NOW + timedelta(seconds=30)
