"""Rules for external terminations of a pod: evictions, preemption, shutdowns, lost nodes, deletions."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.rule import UNMISTAKABLE, Rule

_AGAIN = "None needed; the attempt is retried on another node."

RULES: Final = (
    Rule(
        id="evicted-own-limit",
        category=Category.EVICTED,
        kind=ErrorKind.USER,
        means="the pod used more local storage than its limit",
        remedy="Raise the task's ephemeral-storage limit (or the emptyDir's sizeLimit), or write less to local disk.",
        source="kubernetes pkg/kubelet/eviction/helpers.go (containerEphemeralStorageMessageFmt and its siblings)",
        phrases=(
            "exceeds the total limit of containers",
            "exceeded its local ephemeral storage limit",
            "ephemeral local storage usage exceeds",
            "usage of emptydir volume",
            "exceeds the limit of emptydir",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="evicted-node-pressure",
        category=Category.EVICTED,
        means="the node ran low on a resource and evicted the pod",
        remedy="Set the task's requests close to its actual use, so that it is not evicted first; give the nodes more room.",
        source="kubernetes pkg/kubelet/eviction/helpers.go (nodeLowMessageFmt, nodeConditionMessageFmt)",
        phrases=("the node had condition", "node was low on resource"),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="node-oom",
        category=Category.OOM,
        kind=ErrorKind.SYSTEM,
        means="the node itself ran out of memory, and its kernel killed a process",
        remedy=(
            "Set the memory requests of what runs on the node close to its use, and reserve memory for the system (kubelet: "
            "kube-reserved, system-reserved); a retry on another node may succeed."
        ),
        source="kubernetes pkg/kubelet/oom/oom_watcher_linux.go (SystemOOM: only for the victim container '/', no pod's limit)",
        phrases=("system oom encountered",),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="node-oom-reason",
        category=Category.OOM,
        kind=ErrorKind.SYSTEM,
        means="the node itself ran out of memory, and its kernel killed a process",
        remedy="Set the memory requests of what runs on the node close to its use; a retry on another node may succeed.",
        source="kubernetes pkg/kubelet/oom/oom_watcher_linux.go (systemOOMEvent)",
        reasons={"SystemOOM"},
    ),
    Rule(
        id="node-reclaims",
        category=Category.EVICTED,
        means="the node runs low on a resource and evicts pods to get it back",
        remedy="Set the task's requests close to its actual use, so that it is not evicted first; give the nodes more room.",
        source="kubernetes pkg/kubelet/eviction/eviction_manager.go (EvictionThresholdMet, 'Attempting to reclaim %s')",
        phrases=(
            "attempting to reclaim memory",
            "attempting to reclaim ephemeral storage",
            "attempting to reclaim inodes",
            "attempting to reclaim pids",
            "evictionthresholdmet",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="node-reclaims-reason",
        category=Category.EVICTED,
        means="the node runs low on a resource and evicts pods to get it back",
        remedy="Set the task's requests close to its actual use, so that it is not evicted first; give the nodes more room.",
        source="kubernetes pkg/kubelet/eviction/eviction_manager.go; pkg/kubelet/nodestatus/setters.go (MemoryPressure, PIDPressure)",
        reasons={"EvictionThresholdMet", "NodeHasInsufficientMemory", "NodeHasInsufficientPID"},
    ),
    Rule(
        id="node-pressure-text",
        category=Category.EVICTED,
        means="the node runs low on memory or process ids",
        remedy="Set the task's requests close to its actual use, so that it is not evicted first; give the nodes more room.",
        source="kubernetes pkg/kubelet/kubelet_node_status.go (recordNodeStatusEvent: 'Node %s status is now: %s')",
        phrases=("status is now nodehasinsufficientmemory", "status is now nodehasinsufficientpid"),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="node-disk-pressure",
        category=Category.NODE_DISK,
        means="the node's disk is nearly full",
        remedy="Free or enlarge the node's disk, or have the kubelet collect unused images earlier (imageGCHighThresholdPercent).",
        source="kubernetes pkg/kubelet/kubelet_node_status.go ('Node %s status is now: %s'); pkg/kubelet/images/image_gc_manager.go",
        phrases=("status is now nodehasdiskpressure", "kubelet has disk pressure"),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="node-disk-pressure-reason",
        category=Category.NODE_DISK,
        means="the node's disk is nearly full, or cannot be cleaned up",
        remedy="Free or enlarge the node's disk, or have the kubelet collect unused images earlier (imageGCHighThresholdPercent).",
        source="kubernetes pkg/kubelet/events/event.go (NodeHasDiskPressure, ImageGCFailed, FreeDiskSpaceFailed, InvalidDiskCapacity)",
        reasons={"NodeHasDiskPressure", "ImageGCFailed", "FreeDiskSpaceFailed", "InvalidDiskCapacity"},
    ),
    Rule(
        id="preempted-text",
        category=Category.PREEMPTED,
        means="the pod was preempted",
        remedy="Give the task a higher priority class, or use nodes that are not reclaimed.",
        source=(
            "kubernetes pkg/kubelet/preemption/preemption.go; pkg/scheduler/framework/preemption; pkg/controller/tainteviction;"
            " kueue pkg/scheduler/preemption ('Preempted to accommodate a workload'); karpenter interruption/events"
        ),
        phrases=(
            "preempted in order to admit critical pod",
            "taint manager deleting due to noexecute taint",
            "preempting to accommodate a higher priority pod",
            "preempted by",
            "preempted to accommodate a",
            "spot interruption",
            "spotinterrupted",
            "instance was preempted",
        ),
    ),
    Rule(
        id="node-shutdown-text",
        category=Category.NODE_SHUTDOWN,
        means="the node is shutting down",
        remedy=_AGAIN,
        source=(
            "kubernetes pkg/kubelet/nodeshutdown/nodeshutdown_manager.go (nodeShutdownMessage); karpenter "
            "disruption/events and node/termination/terminator/events; cluster-autoscaler core/scaledown/actuation"
        ),
        phrases=(
            "imminent node shutdown",
            "node is shutting down",
            "in progress of shutting down",
            "in response to node shutdown",
            "node is shutting evicting pods",
            "disrupting node",
            "disrupting nodeclaim",
            "to accommodate the terminationtime",
            "node is deleting or marked for deletion",
            "instance is terminating",
            "for node scale down",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="node-lost-text",
        category=Category.NODE_LOST,
        means="the node was removed or stopped responding",
        remedy=_AGAIN,
        source="kubernetes pkg/util/node/node.go (NodeUnreachablePodMessage); pkg/controller/podgc/gc_controller.go",
        phrases=(
            "which was running pod",
            "node is not ready",
            "node no longer exists",
            "podgc",
            "kubelet stopped posting node status",
            "does not exist in the cloud provider",
        ),
        unless=("image", "probe"),
    ),
    Rule(
        id="evicted-text",
        category=Category.EVICTED,
        means="the pod was evicted",
        remedy="Check the node's events for the reason; a node that its autoscaler replaces evicts its pods.",
        source=(
            "karpenter pkg/controllers/node/termination/terminator/events/events.go ('Evicted pod: %s'); kubernetes "
            "pkg/registry/core/pod/storage/eviction.go ('Eviction API: evicting')"
        ),
        phrases=("evicted pod", "due to node drain", "eviction api evicting"),
    ),
    Rule(
        id="evicted",
        category=Category.EVICTED,
        means="the pod was evicted",
        remedy="Check the node's events for the reason.",
        source="kubernetes pkg/kubelet/eviction/eviction_manager.go (Reason); registry/core/pod/storage/eviction.go",
        reasons={"Evicted", "EvictionByEvictionAPI"},
    ),
    Rule(
        id="preempted",
        category=Category.PREEMPTED,
        means="the pod was preempted",
        remedy="Give the task a higher priority class, or use nodes that are not reclaimed.",
        source="kubernetes pkg/kubelet/preemption/preemption.go; pkg/scheduler (Preempted); DisruptionTarget reasons",
        reasons={
            "Preempting",
            "Preempted",
            "PreemptionByScheduler",
            "PreemptionByKubeScheduler",
            "DeletionByTaintManager",
            "TaintManagerEviction",
            "EvictedDueToPreempted",
            "SpotInterrupted",
        },
        unless=("cancelling deletion",),
    ),
    Rule(
        id="node-shutdown",
        category=Category.NODE_SHUTDOWN,
        means="the node is shutting down",
        remedy=_AGAIN,
        source="kubernetes pkg/kubelet/nodeshutdown/nodeshutdown_manager.go (nodeShutdownReason)",
        reasons={"Shutdown", "Terminated", "NodeShutdown", "DisruptionTerminating", "Disrupted", "ScaleDown"},
    ),
    Rule(
        id="node-lost",
        category=Category.NODE_LOST,
        means="the node was removed or stopped responding",
        remedy=_AGAIN,
        source="kubernetes pkg/controller/util/node/controller_utils.go (NodeLost); pkg/controller/podgc (DeletionByPodGC)",
        reasons={"NodeLost", "DeletionByPodGC", "NodeNotReady"},
    ),
)

DELETIONS: Final = (
    Rule(
        id="deleted-status-unknown",
        category=Category.DELETED,
        means="the pod was terminated externally before its container ran",
        remedy="None needed in the task: something deleted the pod, or its node was removed.",
        source="kubernetes pkg/kubelet/status/status_manager.go (ContainerStatusUnknown)",
        reasons={"ContainerStatusUnknown", "UnexpectedObjectDeletion"},
    ),
    Rule(
        id="deleted-text",
        category=Category.DELETED,
        means="the pod was terminated externally",
        remedy="None needed in the task: something deleted the pod, or its node was removed.",
        source=(
            "kubernetes status_manager.go; propeller nodes/task/k8s/plugin_manager.go ('resource not found, name'); gitlab-runner "
            "executors/kubernetes ('pod %q is being deleted'); kubelet "
            "pkg/kubelet/server ('container not found (%q)' of a container that has gone)"
        ),
        phrases=(
            "could not be located when the pod was",
            "resource not found name",
            "terminated in the background manually",
            "object deleted",
            "manually deleted",
            "pod was deleted",
            "pod deleted",
            "pod nameref is being deleted",
            "unable to upgrade connection container not found",
        ),
    ),
)
