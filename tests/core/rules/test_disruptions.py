"""Ends that a pod did not bring about itself."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.match import match_message

CASES = [
    (
        "Karpenter that removes a node shuts it down",
        "Disrupting Node: Underutilized/Delete",
        None,
        "node_shutdown",
        "SYSTEM",
    ),
    (
        "Karpenter that is out of patience shuts a node down",
        "Deleting the pod to accommodate the terminationTime 2025-01-01 00:00:00 +0000 UTC of the node. The pod was granted 30 seconds of grace-period of its 600 terminationGracePeriodSeconds.",
        "Disrupted",
        "node_shutdown",
        "SYSTEM",
    ),
    ("Karpenter that drains a node evicts", "Evicted pod: Underutilized", "Evicted", "evicted", "SYSTEM"),
    (
        "a spot node that is reclaimed preempts",
        "Spot interruption warning was received",
        "SpotInterrupted",
        "preempted",
        "SYSTEM",
    ),
    (
        "an autoscaler that removes a node shuts it down",
        "deleting pod for node scale down",
        "ScaleDown",
        "node_shutdown",
        "SYSTEM",
    ),
    (
        "an eviction for the own disk is the user",
        "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. ",
        "Evicted",
        "evicted",
        "USER",
    ),
    ("a pod that Argo misses was deleted", "pod deleted", None, "deleted", "SYSTEM"),
    ("a pod deleted during a step was deleted", "pod deleted during operation", None, "deleted", "SYSTEM"),
    (
        "a node that its cloud no longer has is lost",
        "Deleting node ip-10-0-1-1 because it does not exist in the cloud provider",
        None,
        "node_lost",
        "SYSTEM",
    ),
    (
        "a node without memory is the platform",
        "System OOM encountered, victim process: train, pid: 7",
        "SystemOOM",
        "oom",
        "SYSTEM",
    ),
    ("a node without memory is one by its event's reason", "x", "SystemOOM", "oom", "SYSTEM"),
    (
        "a cgroup without memory is the user",
        "Memory cgroup out of memory: Killed process 7 (train)",
        None,
        "oom",
        "USER",
    ),
    ("a container without memory is the user", "", "OOMKilled", "oom", "USER"),
    ("a node that reclaims evicts", "Attempting to reclaim memory", "EvictionThresholdMet", "evicted", "SYSTEM"),
    ("a program that reclaims does not", "attempting to reclaim the lock", None, "unknown", "SYSTEM"),
    (
        "a node under disk pressure is a full disk",
        "Node a status is now: NodeHasDiskPressure",
        None,
        "node_disk",
        "SYSTEM",
    ),
    ("a node without process ids evicts", "Node a status is now: NodeHasInsufficientPID", None, "evicted", "SYSTEM"),
    (
        "images that cannot be collected fill the disk",
        "unable to find data for container /",
        "ImageGCFailed",
        "node_disk",
        "SYSTEM",
    ),
    ("the Eviction API evicts", "Eviction API: evicting", None, "evicted", "SYSTEM"),
    (
        "a pod that GitLab finds deleted was",
        'ERROR: Job failed (system failure): pod "g/r-1" is being deleted',
        None,
        "deleted",
        "SYSTEM",
    ),
    (
        "a claim that is being deleted is a volume",
        'persistentvolumeclaim "a" is being deleted',
        None,
        "volume",
        "SYSTEM",
    ),
    (
        "a container that has gone was deleted",
        'unable to upgrade connection: container not found ("helper")',
        None,
        "deleted",
        "SYSTEM",
    ),
]


@pytest.mark.parametrize(
    ("message", "reason", "category", "kind"), [pytest.param(*case, id=name) for name, *case in CASES]
)
def test_cause(message: str, reason: str | None, category: str, kind: str) -> None:
    rule = match_message(message, reason).rule
    assert (rule.category, rule.kind) == (category, kind), rule.id
