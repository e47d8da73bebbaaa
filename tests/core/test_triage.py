"""What podtriage's own policy makes of whole pods: one sentence, one pod, one answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flytekitplugins_podtriage import Policy, triage
from tests.builders import NAME, NOW, ago, condition, disruption, event, pod, running, terminated, waiting

LIMITED = (
    'Back-off pulling image "acme/app:v1": ErrImagePull: failed to pull and unpack image "acme/app:v1": '
    "unexpected status from HEAD request to https://registry-1.docker.io/v2/acme/app/manifests/v1: 429 Too Many Requests"
)
UNKNOWN_IMAGE = (
    'Back-off pulling image "acme/app:v1": ErrImagePull: reading manifest v1 in docker.io/acme/app: manifest unknown'
)


CASES = [
    (
        "a rate limited pull is held",
        pod("Pending", waiting("ImagePullBackOff", LIMITED)),
        "Initializing",
        "SYSTEM",
        "registry_rate_limited",
    ),
    (
        "a rate limited pull is not held for ever",
        pod("Pending", waiting("ImagePullBackOff", LIMITED), age=1900),
        "RetryableFailure",
        "SYSTEM",
        "registry_rate_limited",
    ),
    (
        "an unknown image is held while it may still be pushed",
        pod("Pending", waiting("ImagePullBackOff", UNKNOWN_IMAGE)),
        "Initializing",
        "USER",
        "not_found",
    ),
    (
        "an unknown image fails after three minutes",
        pod("Pending", waiting("ImagePullBackOff", UNKNOWN_IMAGE), age=181),
        "RetryableFailure",
        "USER",
        "not_found",
    ),
    (
        "an invalid image name fails at once and for good",
        pod("Pending", waiting("InvalidImageName", "x")),
        "PermanentFailure",
        "USER",
        "invalid_reference",
    ),
    (
        "a bare back-off is unknown, never silently the user's",
        pod("Pending", waiting("ImagePullBackOff", 'Back-off pulling image "a"'), age=999),
        "RetryableFailure",
        "SYSTEM",
        "unknown",
    ),
    (
        "an unknown reason to wait is unknown and held at first",
        pod("Pending", waiting("Frobnicating", "y")),
        "Initializing",
        "SYSTEM",
        "unknown",
    ),
    (
        "a container that is being created is starting",
        pod("Pending", waiting("ContainerCreating")),
        "Initializing",
        None,
        None,
    ),
    (
        "an unscheduled pod is queued",
        pod(
            "Pending",
            conditions=[
                condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available: 3 Insufficient cpu.")
            ],
        ),
        "Queued",
        "SYSTEM",
        "unschedulable",
    ),
    (
        "a gated pod is queued and nothing is wrong",
        pod("Pending", conditions=[condition("PodScheduled", "False", "SchedulingGated")]),
        "Queued",
        None,
        None,
    ),
    (
        "the primary's cause comes before a sidecar's",
        pod(
            "Pending",
            waiting("ImagePullBackOff", UNKNOWN_IMAGE, name="a"),
            waiting("ImagePullBackOff", LIMITED),
            age=181,
            primary="main",
        ),
        "Initializing",
        "SYSTEM",
        "registry_rate_limited",
    ),
    (
        "a secret may still be created",
        pod("Pending", waiting("CreateContainerConfigError", 'secret "s" not found')),
        "Initializing",
        "USER",
        "config_missing",
    ),
    (
        "a secret that is not created is missed for good",
        pod("Pending", waiting("CreateContainerConfigError", 'secret "s" not found'), age=181),
        "PermanentFailure",
        "USER",
        "config_missing",
    ),
    ("exit code 1 is the task's", pod("Failed", terminated(1)), "RetryableFailure", "USER", "app_error"),
    (
        "an OOM is never the platform's",
        pod("Failed", terminated(137, "OOMKilled"), conditions=[disruption("TerminationByKubelet")]),
        "RetryableFailure",
        "USER",
        "oom",
    ),
    (
        "a disruption beats exit codes",
        pod("Failed", terminated(1), conditions=[disruption("EvictionByEvictionAPI")]),
        "RetryableFailure",
        "SYSTEM",
        "evicted",
    ),
    (
        "preemption is the platform's",
        pod("Failed", terminated(137), conditions=[disruption("PreemptionByScheduler")]),
        "RetryableFailure",
        "SYSTEM",
        "preempted",
    ),
    (
        "a drained node",
        pod("Failed", terminated(143), conditions=[disruption("DeletionByTaintManager")]),
        "RetryableFailure",
        "SYSTEM",
        "preempted",
    ),
    (
        "a node that is gone",
        pod("Failed", running(), conditions=[disruption("DeletionByPodGC")]),
        "RetryableFailure",
        "SYSTEM",
        "node_lost",
    ),
    (
        "a disruption of a kind that is not known",
        pod("Failed", terminated(1), conditions=[disruption("Meteor")]),
        "RetryableFailure",
        "SYSTEM",
        "preempted",
    ),
    (
        "pressure on the node",
        pod("Failed", terminated(137), reason="Evicted", message="The node was low on resource: memory."),
        "RetryableFailure",
        "SYSTEM",
        "evicted",
    ),
    (
        "the pod's own limit of storage",
        pod(
            "Failed",
            terminated(137),
            reason="Evicted",
            message='Usage of EmptyDir volume "v" exceeds the limit "4Mi". ',
        ),
        "RetryableFailure",
        "USER",
        "evicted",
    ),
    (
        "an admission refused",
        pod("Failed", reason="OutOfcpu", message="Node didn't have enough resource: cpu"),
        "RetryableFailure",
        "SYSTEM",
        "admission_rejected",
    ),
    (
        "a reason that nobody knows",
        pod("Failed", reason="Frobnicated", message="z"),
        "RetryableFailure",
        "SYSTEM",
        "unknown",
    ),
    (
        "a shutdown",
        pod(
            "Failed",
            terminated(143),
            reason="Terminated",
            message="Pod was terminated in response to imminent node shutdown.",
        ),
        "RetryableFailure",
        "SYSTEM",
        "node_shutdown",
    ),
    (
        "what the guard wrote is read back",
        pod(
            "Failed",
            waiting("ContainerCreating"),
            reason="Terminated",
            message="docker.io limits pulls: toomanyrequests",
        ),
        "RetryableFailure",
        "SYSTEM",
        "registry_rate_limited",
    ),
    (
        "a deadline while running",
        pod("Failed", terminated(137), reason="DeadlineExceeded"),
        "RetryableFailure",
        "USER",
        "deadline",
    ),
    (
        "a deadline before the start says why it had not started",
        pod("Failed", waiting("ImagePullBackOff", LIMITED), reason="DeadlineExceeded"),
        "RetryableFailure",
        "SYSTEM",
        "registry_rate_limited",
    ),
    (
        "deleted while running",
        pod("Failed", terminated(137, age=10), deleted=20),
        "RetryableFailure",
        "SYSTEM",
        "deleted",
    ),
    (
        "an end of its own before the deletion",
        pod("Failed", terminated(1, age=100), deleted=20),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
    ("a kill that nobody explains", pod("Failed", terminated(137)), "RetryableFailure", "SYSTEM", "killed"),
    ("a failure without any word", pod("Failed"), "RetryableFailure", "SYSTEM", "unknown"),
    (
        "a missing command",
        pod("Failed", terminated(128, "StartError", 'exec: "x": executable file not found in $PATH')),
        "RetryableFailure",
        "USER",
        "command_not_found",
    ),
    (
        "an init container's own end",
        pod("Failed", waiting("PodInitializing"), inits=[terminated(1, name="i")]),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
    (
        "a primary that ended well counts, whatever its sidecar does",
        pod("Failed", terminated(0, "Completed"), terminated(1, name="s"), primary="main"),
        "Success",
        None,
        None,
    ),
    (
        "a primary that ended badly is not waited out",
        pod("Running", terminated(1), running(name="s"), primary="main"),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
    (
        "a sidecar that ended badly is waited out",
        pod("Running", running(), terminated(1, name="s"), primary="main"),
        "Running",
        None,
        None,
    ),
    ("success", pod("Succeeded", terminated(0, "Completed")), "Success", None, None),
    ("an OOM in a success", pod("Succeeded", terminated(0, "OOMKilled")), "RetryableFailure", "USER", "oom"),
    ("a phase that does not exist", pod("Dreaming"), "Undefined", None, "unknown"),
    ("an empty object", {}, "Undefined", None, "unknown"),
    (
        "a clock that is ahead holds",
        pod("Pending", waiting("ImagePullBackOff", UNKNOWN_IMAGE), age=-600),
        "Initializing",
        "USER",
        "not_found",
    ),
]


@pytest.mark.parametrize(
    ("given", "phase", "kind", "category"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_verdict(given: dict[str, Any], phase: str, kind: str | None, category: str | None) -> None:
    verdict = triage(given, now=NOW)
    assert (verdict.phase, verdict.kind, verdict.category) == (phase, kind, category)
    if verdict.failing:
        assert verdict.evidence or verdict.rule in ("pod-deadline-before-start", "pod-deleted")
        assert verdict.remedy in (verdict.message or "")


def test_a_held_pod_says_when_to_look_again() -> None:
    verdict = triage(pod("Pending", waiting("ImagePullBackOff", UNKNOWN_IMAGE)), now=NOW)
    assert verdict.recheck_at == NOW + timedelta(seconds=120)
    assert triage(pod("Pending", waiting("ImagePullBackOff", UNKNOWN_IMAGE)), now=verdict.recheck_at).failing


def test_the_pending_timeout_is_heeded_and_keeps_the_cause() -> None:
    given = pod("Pending", waiting("ImagePullBackOff", LIMITED))
    verdict = triage(given, policy=Policy(pod_pending_timeout="30s"), now=NOW)
    assert (verdict.code, verdict.kind, verdict.category) == ("PodPendingTimeout", "SYSTEM", "registry_rate_limited")


FAILED_PULL = 'Failed to pull image "acme/app:v1": '
EVENTS = [
    (
        "the event knows what a bare back-off hides",
        [event("Failed", FAILED_PULL + "429 Too Many Requests", age=30)],
        "registry_rate_limited",
    ),
    (
        "the last failure counts",
        [
            event("Failed", FAILED_PULL + "429 Too Many Requests", age=90),
            event("Failed", FAILED_PULL + "403 Forbidden", age=30),
        ],
        "auth",
    ),
    (
        "whatever the order of the list",
        [
            event("Failed", FAILED_PULL + "403 Forbidden", age=30),
            event("Failed", FAILED_PULL + "429 Too Many Requests", age=90),
        ],
        "auth",
    ),
    (
        "a namesake's events do not count",
        [event("Failed", FAILED_PULL + "429 Too Many Requests", age=30, uid="other")],
        "unknown",
    ),
    (
        "another container's events do not count",
        [event("Failed", FAILED_PULL + "429 Too Many Requests", age=30, container="s")],
        "unknown",
    ),
    (
        "what was pulled since does not count",
        [event("Failed", FAILED_PULL + "429 Too Many Requests", age=30), event("Pulled", "x", age=5)],
        "unknown",
    ),
]


@pytest.mark.parametrize(("events", "category"), [pytest.param(*case[1:], id=case[0]) for case in EVENTS])
def test_events(events: list[dict[str, Any]], category: str) -> None:
    given = pod("Pending", waiting("ImagePullBackOff", 'Back-off pulling image "acme/app:v1"'))
    assert triage(given, events=events, now=NOW).category == category


def test_a_mount_that_fails_is_only_in_the_events() -> None:
    given = pod("Pending", waiting("ContainerCreating"))
    message = 'MountVolume.SetUp failed for volume "v" : secret "s" not found'
    assert triage(given, events=[event("FailedMount", message, age=5)], now=NOW).category == "config_missing"
    new_api = {"reason": "FailedMount", "note": message, "eventTime": ago(5), "regarding": {"uid": f"uid-{NAME}"}}
    assert triage(given, events=[new_api], now=NOW).category == "config_missing"


def test_patience_runs_from_the_first_failure_not_from_the_pods_start() -> None:
    given = pod("Pending", waiting("CreateContainerConfigError", 'secret "s" not found'), age=3600)
    assert triage(given, now=NOW).failing
    failed = event("Failed", 'Error: secret "s" not found', age=5, firstTimestamp=ago(60))
    verdict = triage(given, events=[failed], now=NOW)
    assert not verdict.failing
    assert verdict.recheck_at == NOW + timedelta(seconds=120)


def test_a_resource_of_any_name_may_be_out() -> None:
    verdict = triage(pod("Failed", reason="OutOfacme.com/fpga", message=""), now=NOW)
    assert (verdict.category, verdict.kind) == ("admission_rejected", "SYSTEM")
