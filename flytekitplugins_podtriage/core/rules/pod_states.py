"""The rules of podtriage's own policy about the state of a pod rather than about a message."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.rules.absent_pods import ABSENT_POD_RULES
from flytekitplugins_podtriage.core.rules.pod_rule import PodRule, table

_DISRUPTION = "kubernetes.io, Pod disruption conditions; k8s.io/api/core/v1 types.go (DisruptionTarget)"
_AGAIN = "None needed; the attempt is retried."
_LOG = "See the task's log."


POD_RULES: Final = table(
    PodRule("pod-succeeded", None, "the task's container succeeded", "", "kubernetes.io, Pod lifecycle"),
    PodRule("pod-running", None, "the task's container is running", "", "kubernetes.io, Pod lifecycle"),
    PodRule("pod-starting", None, "the pod is starting", "", "kubernetes.io, Pod lifecycle"),
    PodRule("pod-queued", None, "the pod waits for a node", "", "kubernetes.io, Pod lifecycle"),
    PodRule(
        "pod-scheduling-gated",
        None,
        "the pod is held back by a scheduling gate",
        "None needed; nothing is charged while the scheduling gate is set.",
        "kubernetes.io, Pod scheduling readiness (SchedulingGated)",
    ),
    PodRule(
        "pod-phase-unknown",
        Category.UNKNOWN,
        "the pod's phase is unknown",
        "Check the pod again later; if nothing changes, its node was lost.",
        "k8s.io/api/core/v1 types.go (PodPhase)",
        kind=None,
    ),
    PodRule(
        "pod-oom",
        Category.OOM,
        "the container exceeded its memory limit and was killed",
        "Raise the task's memory limit, or reduce its memory use.",
        "kubernetes pkg/kubelet/kuberuntime (reason OOMKilled); flytek8s/pod_helper.go charges the user as well",
    ),
    PodRule(
        "pod-disruption-preemption",
        Category.PREEMPTED,
        "the pod was preempted by a higher-priority pod",
        "Give the task a higher priority class, or use nodes that are not reclaimed.",
        f"{_DISRUPTION}: PreemptionByScheduler",
    ),
    PodRule(
        "pod-disruption-taint",
        Category.PREEMPTED,
        "the pod was evicted from a tainted node (a drain, a reclaimed spot node)",
        _AGAIN,
        f"{_DISRUPTION}: DeletionByTaintManager",
    ),
    PodRule(
        "pod-disruption-eviction-api",
        Category.EVICTED,
        "the pod was evicted through the API (a drain, an autoscaler)",
        _AGAIN,
        f"{_DISRUPTION}: EvictionByEvictionAPI",
    ),
    PodRule(
        "pod-disruption-node-gone",
        Category.NODE_LOST,
        "the pod's node no longer exists, or stopped responding",
        _AGAIN,
        f"{_DISRUPTION}: DeletionByPodGC, DeletionByTaintManager; kubernetes pkg/controller/podgc and nodelifecycle",
    ),
    PodRule(
        "pod-disruption-device",
        Category.GPU_DEVICE,
        "the pod's device was tainted",
        "Check the device; a retry on another one should succeed.",
        f"{_DISRUPTION}: DeletionByDeviceTaintManager",
    ),
    PodRule(
        "pod-disruption-kubelet",
        Category.EVICTED,
        "the kubelet terminated the pod (node pressure, a critical pod, a shutdown)",
        "Set the task's requests close to its actual use, so that it is not evicted first.",
        f"{_DISRUPTION}: TerminationByKubelet",
    ),
    PodRule(
        "pod-disruption",
        Category.PREEMPTED,
        "the cluster terminated the pod",
        _AGAIN,
        f"{_DISRUPTION}: other reasons",
    ),
    PodRule(
        "pod-deleted",
        Category.DELETED,
        "the pod was deleted externally",
        "Find out who deleted it (see the API server's audit log); the task is not at fault.",
        "propeller nodes/task/k8s/plugin_manager.go: a deleted pod is a SYSTEM failure",
    ),
    PodRule(
        "pod-deadline",
        Category.DEADLINE,
        "the pod ran longer than its activeDeadlineSeconds",
        "Raise the task's timeout, or make the task finish sooner.",
        "kubernetes pkg/kubelet/active_deadline.go (DeadlineExceeded)",
    ),
    PodRule(
        "pod-deadline-before-start",
        Category.UNKNOWN,
        "the pod's activeDeadlineSeconds passed before its container started, for an unknown reason",
        "Check the pod's events and its node.",
        "kubernetes pkg/kubelet/active_deadline.go; DESIGN: before the start almost every failure is the platform's",
    ),
    PodRule(
        "pod-failed-without-reason",
        Category.UNKNOWN,
        "the pod failed without a reason",
        "Check the pod's events and its node; a node that was removed leaves such a pod.",
        "flytek8s/pod_helper.go: UnknownError is SYSTEM",
    ),
    PodRule(
        "pod-failed-for-unknown-reason",
        Category.UNKNOWN,
        "the pod was terminated for a reason that podtriage does not know",
        "Read the reason and message of the pod; if you know the cause, add a rule of your own.",
        "the API server and kubelets of other vendors may name reasons of their own",
    ),
    PodRule(
        "pod-killed",
        Category.KILLED,
        "the process was killed by a signal, and neither an OOM nor a disruption is recorded",
        "The pod does not record who sent the signal; if it repeats, check the task's memory use and the node.",
        "flytek8s/pod_helper.go (137, 247 of the primary); signal(7): 128 + SIGTERM = 143",
    ),
    PodRule(
        "pod-child-killed",
        Category.KILLED,
        "a child of the task's process was killed, and neither an OOM nor a disruption is recorded",
        "A child is often killed when the container reaches its memory limit: raise the limit, or reduce the memory use.",
        "flytek8s/pod_helper.go (247 of the primary); Python subprocess: returncode -9, which as an exit code is 256 - 9",
    ),
    PodRule(
        "pod-container-lost",
        Category.NODE_LOST,
        "the container runtime lost the container, and does not know how it ended",
        "None needed; the attempt is retried. If it repeats, check why the node or its container runtime restarts.",
        "containerd internal/cri/server/restart.go and helpers.go (unknownExitCode 255, unknownExitReason 'Unknown')",
    ),
    PodRule(
        "pod-exit-code",
        Category.APP_ERROR,
        "the task's process exited with an error",
        _LOG,
        "kubernetes.io, Pod lifecycle (terminated, reason Error)",
    ),
    PodRule(
        "pod-init-exit-code",
        Category.APP_ERROR,
        "an init container exited with an error",
        "See the log of the init container.",
        "kubernetes.io, Init containers",
    ),
    PodRule(
        "pod-crash-loop",
        Category.APP_ERROR,
        "the container exits with an error each time it is started",
        _LOG,
        "kubernetes pkg/kubelet/kuberuntime (CrashLoopBackOff)",
    ),
    PodRule(
        "pod-pull-hangs",
        Category.NETWORK_TIMEOUT,
        "the image pull does not finish",
        "Check whether the registry responds to the node; for a very large image, raise system_patience.",
        "timelines: a registry that never responds leaves ContainerCreating and the event Pulling, and no failure",
    ),
    PodRule(
        "pod-start-hangs",
        Category.UNKNOWN,
        "the pod does not start, for an unknown reason",
        "Check the node: its container runtime, volumes and other pulls.",
        "kubernetes pkg/kubelet/kubelet_pods.go (ContainerCreating, PodInitializing)",
    ),
    PodRule(
        "pod-pending-timeout",
        Category.UNKNOWN,
        "the pod has been pending for longer than pod-pending-timeout",
        "Find out what the pod waits for; if it is only slow, raise pod-pending-timeout.",
        "flytek8s/pod_helper.go (PodPendingTimeout)",
    ),
    *ABSENT_POD_RULES.values(),
)
"""Every rule about the state of a pod, by id."""


_BY_MEANS: Final = {rule.means: rule for rule in POD_RULES.values() if rule.kind is not None}


def rule_of_message(text: str) -> PodRule | None:
    """Return the rule whose verdict's message this is; None if it is no message of a pod rule."""
    return _BY_MEANS.get(text.partition("\n")[0].partition(":")[0])


DISRUPTIONS: Final = {
    "PreemptionByScheduler": "pod-disruption-preemption",
    "PreemptionByKubeScheduler": "pod-disruption-preemption",
    "DeletionByTaintManager": "pod-disruption-taint",
    "EvictionByEvictionAPI": "pod-disruption-eviction-api",
    "DeletionByPodGC": "pod-disruption-node-gone",
    "DeletionByDeviceTaintManager": "pod-disruption-device",
    "TerminationByKubelet": "pod-disruption-kubelet",
}
"""The rule of each reason of the condition DisruptionTarget."""
