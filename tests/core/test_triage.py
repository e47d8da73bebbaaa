"""What podtriage's own policy makes of whole pods: one sentence, one pod, one answer."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage import Policy, triage

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
LIMITED = (
    'Back-off pulling image "acme/app:v1": ErrImagePull: failed to pull and unpack image "acme/app:v1": '
    "unexpected status from HEAD request to https://registry-1.docker.io/v2/acme/app/manifests/v1: 429 Too Many Requests"
)
UNKNOWN_IMAGE = (
    'Back-off pulling image "acme/app:v1": ErrImagePull: reading manifest v1 in docker.io/acme/app: manifest unknown'
)


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(reason: str, message: str = "", name: str = "main") -> dict[str, Any]:
    return {"name": name, "image": "acme/app:v1", "state": {"waiting": {"reason": reason, "message": message}}}


def ended(
    code: int, reason: str = "Error", message: str = "", name: str = "main", finished: float = 10
) -> dict[str, Any]:
    return {
        "name": name,
        "state": {"terminated": {"exitCode": code, "reason": reason, "message": message, "finishedAt": ago(finished)}},
    }


def running(name: str = "main") -> dict[str, Any]:
    return {"name": name, "state": {"running": {"startedAt": ago(60)}}}


def pod(phase: str, *containers: dict[str, Any], age: float = 60, **more: Any) -> dict[str, Any]:
    conditions = more.pop("conditions", [{"type": "Ready", "status": "False", "lastTransitionTime": ago(age)}])
    metadata = {"name": "p", "namespace": "n", "uid": "u", **more.pop("metadata", {})}
    status = {"phase": phase, "conditions": conditions, "containerStatuses": list(containers), **more}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": status}


def disruption(reason: str, message: str = "") -> list[dict[str, Any]]:
    return [
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": ago(20),
        }
    ]


PRIMARY = {"annotations": {"primary_container_name": "main"}}
DELETED = {"deletionTimestamp": ago(20), "deletionGracePeriodSeconds": 30}
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
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/3 nodes are available: 3 Insufficient cpu.",
                }
            ],
        ),
        "Queued",
        "SYSTEM",
        "unschedulable",
    ),
    (
        "a gated pod is queued and nothing is wrong",
        pod("Pending", conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]),
        "Queued",
        None,
        None,
    ),
    (
        "the primary's cause comes before a sidecar's",
        pod(
            "Pending",
            waiting("ImagePullBackOff", UNKNOWN_IMAGE, "a"),
            waiting("ImagePullBackOff", LIMITED),
            age=181,
            metadata=PRIMARY,
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
    ("exit code 1 is the task's", pod("Failed", ended(1)), "RetryableFailure", "USER", "app_error"),
    (
        "an OOM is never the platform's",
        pod("Failed", ended(137, "OOMKilled"), conditions=disruption("TerminationByKubelet")),
        "RetryableFailure",
        "USER",
        "oom",
    ),
    (
        "a disruption beats exit codes",
        pod("Failed", ended(1), conditions=disruption("EvictionByEvictionAPI")),
        "RetryableFailure",
        "SYSTEM",
        "evicted",
    ),
    (
        "preemption is the platform's",
        pod("Failed", ended(137), conditions=disruption("PreemptionByScheduler")),
        "RetryableFailure",
        "SYSTEM",
        "preempted",
    ),
    (
        "a drained node",
        pod("Failed", ended(143), conditions=disruption("DeletionByTaintManager")),
        "RetryableFailure",
        "SYSTEM",
        "preempted",
    ),
    (
        "a node that is gone",
        pod("Failed", running(), conditions=disruption("DeletionByPodGC")),
        "RetryableFailure",
        "SYSTEM",
        "node_lost",
    ),
    (
        "a disruption of a kind that is not known",
        pod("Failed", ended(1), conditions=disruption("Meteor")),
        "RetryableFailure",
        "SYSTEM",
        "preempted",
    ),
    (
        "pressure on the node",
        pod("Failed", ended(137), reason="Evicted", message="The node was low on resource: memory."),
        "RetryableFailure",
        "SYSTEM",
        "evicted",
    ),
    (
        "the pod's own limit of storage",
        pod("Failed", ended(137), reason="Evicted", message='Usage of EmptyDir volume "v" exceeds the limit "4Mi". '),
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
            ended(143),
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
        pod("Failed", ended(137), reason="DeadlineExceeded"),
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
        pod("Failed", ended(137, finished=10), metadata=DELETED),
        "RetryableFailure",
        "SYSTEM",
        "deleted",
    ),
    (
        "an end of its own before the deletion",
        pod("Failed", ended(1, finished=100), metadata=DELETED),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
    ("a kill that nobody explains", pod("Failed", ended(137)), "RetryableFailure", "SYSTEM", "killed"),
    ("a failure without any word", pod("Failed"), "RetryableFailure", "SYSTEM", "unknown"),
    (
        "a missing command",
        pod("Failed", ended(128, "StartError", 'exec: "x": executable file not found in $PATH')),
        "RetryableFailure",
        "USER",
        "command_not_found",
    ),
    (
        "an init container's own end",
        {
            **pod("Failed", waiting("PodInitializing")),
            "status": {
                **pod("Failed", waiting("PodInitializing"))["status"],
                "initContainerStatuses": [ended(1, name="i")],
            },
        },
        "RetryableFailure",
        "USER",
        "app_error",
    ),
    (
        "a primary that ended well counts, whatever its sidecar does",
        pod("Failed", ended(0, "Completed"), ended(1, name="s"), metadata=PRIMARY),
        "Success",
        None,
        None,
    ),
    (
        "a primary that ended badly is not waited out",
        pod("Running", ended(1), running("s"), metadata=PRIMARY),
        "RetryableFailure",
        "USER",
        "app_error",
    ),
    (
        "a sidecar that ended badly is waited out",
        pod("Running", running(), ended(1, name="s"), metadata=PRIMARY),
        "Running",
        None,
        None,
    ),
    ("success", pod("Succeeded", ended(0, "Completed")), "Success", None, None),
    ("an OOM in a success", pod("Succeeded", ended(0, "OOMKilled")), "RetryableFailure", "USER", "oom"),
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


def event(reason: str, message: str, age: float, container: str = "main", uid: str = "u") -> dict[str, Any]:
    return {
        "reason": reason,
        "message": message,
        "lastTimestamp": ago(age),
        "involvedObject": {"uid": uid, "fieldPath": f"spec.containers{{{container}}}"},
    }


FAILED_PULL = 'Failed to pull image "acme/app:v1": '
EVENTS = [
    (
        "the event knows what a bare back-off hides",
        [event("Failed", FAILED_PULL + "429 Too Many Requests", 30)],
        "registry_rate_limited",
    ),
    (
        "the last failure counts",
        [
            event("Failed", FAILED_PULL + "429 Too Many Requests", 90),
            event("Failed", FAILED_PULL + "403 Forbidden", 30),
        ],
        "auth",
    ),
    (
        "whatever the order of the list",
        [
            event("Failed", FAILED_PULL + "403 Forbidden", 30),
            event("Failed", FAILED_PULL + "429 Too Many Requests", 90),
        ],
        "auth",
    ),
    (
        "a namesake's events do not count",
        [event("Failed", FAILED_PULL + "429 Too Many Requests", 30, uid="other")],
        "unknown",
    ),
    (
        "another container's events do not count",
        [event("Failed", FAILED_PULL + "429 Too Many Requests", 30, container="s")],
        "unknown",
    ),
    (
        "what was pulled since does not count",
        [event("Failed", FAILED_PULL + "429 Too Many Requests", 30), event("Pulled", "x", 5)],
        "unknown",
    ),
]


@pytest.mark.parametrize(("events", "category"), [pytest.param(*case[1:], id=case[0]) for case in EVENTS])
def test_events(events: list[dict[str, Any]], category: str) -> None:
    given = pod("Pending", waiting("ImagePullBackOff", 'Back-off pulling image "acme/app:v1"'))
    assert triage(given, events=events, now=NOW).category == category


def test_a_mount_that_fails_is_only_in_the_events() -> None:
    given = pod("Pending", waiting("ContainerCreating"))
    trouble = {
        "reason": "FailedMount",
        "message": 'MountVolume.SetUp failed for volume "v" : secret "s" not found',
        "lastTimestamp": ago(5),
    }
    assert triage(given, events=[trouble], now=NOW).category == "config_missing"
    new_style = {"reason": "FailedMount", "note": trouble["message"], "eventTime": ago(5), "regarding": {"uid": "u"}}
    assert triage(given, events=[new_style], now=NOW).category == "config_missing"


def test_patience_runs_from_the_first_failure_not_from_the_pods_start() -> None:
    given = pod("Pending", waiting("CreateContainerConfigError", 'secret "s" not found'), age=3600)
    assert triage(given, now=NOW).failing
    told = [{**event("Failed", 'Error: secret "s" not found', 5), "firstTimestamp": ago(60)}]
    verdict = triage(given, events=told, now=NOW)
    assert not verdict.failing
    assert verdict.recheck_at == NOW + timedelta(seconds=120)


def test_a_resource_of_any_name_may_be_out() -> None:
    verdict = triage(pod("Failed", reason="OutOfacme.com/fpga", message=""), now=NOW)
    assert (verdict.category, verdict.kind) == ("admission_rejected", "SYSTEM")
