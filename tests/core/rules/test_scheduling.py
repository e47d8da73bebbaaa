"""Pods that wait for a node or a queue: the words of each scheduler, beside ones that look alike."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.match import match_message

CASES = [
    (
        "Karpenter without an instance type is the platform",
        'Failed to schedule pod, incompatible with nodepool "default", daemonset overhead={"cpu":"210m"}, no instance type satisfied resources {"cpu":"1210m","nvidia.com/gpu":"1"} and requirements karpenter.sh/nodepool In [default] (no instance type met all requirements)',
        "FailedScheduling",
        "unschedulable",
        "SYSTEM",
    ),
    (
        "Karpenter and a taint is the platform",
        'Failed to schedule pod, incompatible with nodepool "gpu", daemonset overhead={"cpu":"1"}, did not tolerate taint (taint=nvidia.com/gpu:NoSchedule); incompatible with nodepool "default", incompatible requirements, label "a" does not have known values',
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "a selector that no node pool offers is the user",
        'Failed to schedule pod, incompatible with nodepool "spot", daemonset overhead={"cpu":"150m"}, incompatible requirements, key capacity_type, capacity_type In [on-demand] not in capacity_type In [spot]',
        "FailedScheduling",
        "unschedulable",
        "USER",
    ),
    (
        "a node pool at its limit is the platform",
        'Failed to schedule pod, all available instance types exceed limits for nodepool: "default"',
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "an older Karpenter speaks of provisioners",
        'Could not schedule pod, incompatible with provisioner "default", no instance type satisfied resources {"cpu":"1"}',
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "a selector that no node matches is the user",
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
        "FailedScheduling",
        "unschedulable",
        "USER",
    ),
    (
        "a selector beside full nodes is the platform",
        "0/9 nodes are available: 2 Insufficient cpu, 7 node(s) didn't match Pod's node affinity/selector.",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "the cluster autoscaler is the platform",
        "pod didn't trigger scale-up: 3 max node group size reached",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "a gang of Volcano is the platform",
        "3/4 tasks in gang unschedulable: pod group is not ready, 1 Succeeded, 3 Releasing, 4 minAvailable",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "a group of Volcano is the platform",
        "pod group is not ready, 1 Pending, 2 minAvailable",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "nodes of Volcano are the platform",
        "all nodes are unavailable: 3 node(s) resource fit failed.",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "counted nodes of Volcano are the platform",
        "0/2060 nodes are unavailable: 2053 task node selector does not match node labels, 7 Insufficient cpu",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "a queue of Volcano without quota is a quota",
        "queue resource quota insufficient: insufficient cpu",
        None,
        "quota",
        "SYSTEM",
    ),
    (
        "a queue of Kueue without quota is a quota",
        "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor default-flavor, 3 more needed",
        None,
        "quota",
        "SYSTEM",
    ),
    (
        "a cohort of Kueue that lends no more is a quota",
        "couldn't assign flavors to pod set worker: borrowing limit for nvidia.com/gpu in flavor a exceeded",
        None,
        "quota",
        "SYSTEM",
    ),
    (
        "a workload that another one displaces is preempted",
        "Preempted to accommodate a workload (UID: d34468c2, JobUID: a20d0a6a) due to prioritization in the ClusterQueue",
        None,
        "preempted",
        "SYSTEM",
    ),
    ("a queue that does not exist is the user", "LocalQueue team-queue doesn't exist", None, "config_missing", "USER"),
    ("a queue that is stopped is the platform", "ClusterQueue gpu is inactive", None, "unschedulable", "SYSTEM"),
    (
        "a queue of YuniKorn without room is a quota",
        "Request 'alloc-0' does not fit in queue 'root.test' (requested map[cpu:100 memory:100], available map[first:1])",
        None,
        "quota",
        "SYSTEM",
    ),
    (
        "a pod behind a gate is the platform",
        "Scheduling is blocked due to non-empty scheduling gates",
        "SchedulingGated",
        "unschedulable",
        "SYSTEM",
    ),
    (
        "a claim that is not bound is a volume",
        "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
        None,
        "volume",
        "SYSTEM",
    ),
    (
        "a quota of a registry is no quota of a queue",
        "denied: Quota exceeded for quota metric 'Requests'",
        None,
        "registry_rate_limited",
        "SYSTEM",
    ),
    (
        "a cloud without machines is the platform",
        "Instance 'x' creation failed: The zone 'us-central1-a' does not have enough resources available to fulfill the request.",
        "FailedScaleUp",
        "unschedulable",
        "SYSTEM",
    ),
    (
        "Karpenter without a reason of the user is the platform",
        'Could not schedule pod, incompatible with nodepool "default", daemonset overhead={"cpu":"910m"}, key kubernetes.io/hostname, kubernetes.io/hostname DoesNotExist not in kubernetes.io/hostname In [hostname-placeholder-1]',
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "nodes of a database are no nodes of the cluster",
        "None of the configured nodes are available: []",
        None,
        "unknown",
        "SYSTEM",
    ),
    ("nodes of a load balancer are none either", "All nodes are unavailable, retrying", None, "unknown", "SYSTEM"),
    (
        "nodes that Volcano excludes are the platform",
        "all nodes are unavailable: 2 Insufficient cpu.",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "cards that are full are the platform",
        "no available node, 3 nodes do not meet: CardInsufficientMemory",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "groups that match and are full are the platform",
        "pod didn't trigger scale-up: 12 node(s) didn't match Pod's node affinity/selector, 3 max node group size reached",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "a full group ends a quoted message",
        "\"pod didn't trigger scale-up: 12 node(s) didn't match Pod's node affinity/selector, 3 max node group size reached.\"",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "groups at an old limit are the platform",
        "pod didn't trigger scale-up: 12 node(s) didn't match Pod's node affinity/selector, 1 max limit reached",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "a limit of the whole cluster is the platform",
        "pod didn't trigger scale-up: 12 node(s) didn't match Pod's node affinity/selector, 1 max cluster cpu limit reached",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "groups that failed to grow are the platform",
        "pod didn't trigger scale-up: 12 node(s) didn't match Pod's node affinity/selector, 1 in backoff after failed scale-up",
        None,
        "unschedulable",
        "SYSTEM",
    ),
    (
        "a selector that no group matches is the user",
        "pod didn't trigger scale-up: 12 node(s) didn't match Pod's node affinity/selector",
        None,
        "unschedulable",
        "USER",
    ),
    (
        "a request above what a queue can ever give is the user",
        "couldn't assign flavors to pod set main: insufficient quota for cpu in flavor default, request > maximum capacity (10 > 8)",
        None,
        "quota",
        "USER",
    ),
    (
        "a request that fits another flavor is the platform",
        "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor a, 8 more needed, insufficient quota for cpu in flavor b, request > maximum capacity (16 > 8)",
        None,
        "quota",
        "SYSTEM",
    ),
    (
        "a resource that a queue lacks is the platform",
        "couldn't assign flavors to pod set main: resource cpu unavailable in ClusterQueue",
        None,
        "quota",
        "SYSTEM",
    ),
    (
        "a pod that fits alone waits for its group",
        "Pod default/a-0 can possibly be assigned to node1",
        "FailedScheduling",
        "unschedulable",
        "SYSTEM",
    ),
]


@pytest.mark.parametrize(
    ("message", "reason", "category", "kind"), [pytest.param(*case, id=name) for name, *case in CASES]
)
def test_cause(message: str, reason: str | None, category: str, kind: str) -> None:
    rule = match_message(message, reason).rule
    assert (rule.category, rule.kind) == (category, kind), rule.id
