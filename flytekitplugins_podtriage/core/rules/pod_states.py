"""The rules of podtriage's own policy that look at the state of a pod rather than at the words of a message."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.absent_pods import ABSENT_POD_RULES
from flytekitplugins_podtriage.core.rules.pod_rule import PodRule, table

_DISRUPTION = "kubernetes.io, Pod disruption conditions; k8s.io/api/core/v1 types.go (DisruptionTarget)"
_AGAIN = "Nothing to mend in the task: the attempt is repeated at the platform's expense."
_LOG = "Look into the task's log."


POD_RULES: Final = table(
    PodRule("pod-succeeded", None, None, "the task's container ended well", "", "kubernetes.io, Pod lifecycle"),
    PodRule("pod-running", None, None, "the task's container runs", "", "kubernetes.io, Pod lifecycle"),
    PodRule("pod-starting", None, None, "the pod is being started", "", "kubernetes.io, Pod lifecycle"),
    PodRule("pod-queued", None, None, "the pod waits for its node", "", "kubernetes.io, Pod lifecycle"),
    PodRule(
        "pod-scheduling-gated",
        None,
        None,
        "the pod is held back by a scheduling gate",
        "Nothing is charged; whoever set the gate lifts it.",
        "kubernetes.io, Pod scheduling readiness (SchedulingGated)",
    ),
    PodRule(
        "pod-phase-unknown",
        Category.UNKNOWN,
        None,
        "the pod's phase is none that is known",
        "Look at the pod again later; if it stays so, its node has been lost.",
        "k8s.io/api/core/v1 types.go (PodPhase)",
    ),
    PodRule(
        "pod-oom",
        Category.OOM,
        ErrorKind.USER,
        "the container used more memory than its limit and was killed",
        "Raise the task's memory limit, or let it use less.",
        "kubernetes pkg/kubelet/kuberuntime (reason OOMKilled); flytek8s/pod_helper.go charges the user as well",
    ),
    PodRule(
        "pod-disruption-preemption",
        Category.PREEMPTED,
        ErrorKind.SYSTEM,
        "the pod had to make place for one of higher priority",
        "Give the task a higher priority class, or nodes that are not taken away.",
        f"{_DISRUPTION}: PreemptionByScheduler",
    ),
    PodRule(
        "pod-disruption-taint",
        Category.PREEMPTED,
        ErrorKind.SYSTEM,
        "the pod was taken off its node, which had been tainted (a drain, a spot node reclaimed, a node not answering)",
        _AGAIN,
        f"{_DISRUPTION}: DeletionByTaintManager",
    ),
    PodRule(
        "pod-disruption-eviction-api",
        Category.EVICTED,
        ErrorKind.SYSTEM,
        "the pod was evicted through the API (a drain, an autoscaler)",
        _AGAIN,
        f"{_DISRUPTION}: EvictionByEvictionAPI",
    ),
    PodRule(
        "pod-disruption-node-gone",
        Category.NODE_LOST,
        ErrorKind.SYSTEM,
        "the pod's node no longer exists, or stopped answering",
        _AGAIN,
        f"{_DISRUPTION}: DeletionByPodGC; kubernetes pkg/controller/podgc",
    ),
    PodRule(
        "pod-disruption-device",
        Category.GPU_DEVICE,
        ErrorKind.SYSTEM,
        "the pod's device was tainted",
        "The platform should look at the device; another one will do.",
        f"{_DISRUPTION}: DeletionByDeviceTaintManager",
    ),
    PodRule(
        "pod-disruption-kubelet",
        Category.EVICTED,
        ErrorKind.SYSTEM,
        "the kubelet ended the pod (pressure on the node, a critical pod, a shutdown)",
        "Set the task's requests near to what it uses, so that it is not the first to go.",
        f"{_DISRUPTION}: TerminationByKubelet",
    ),
    PodRule(
        "pod-disruption",
        Category.PREEMPTED,
        ErrorKind.SYSTEM,
        "the cluster ended the pod",
        _AGAIN,
        f"{_DISRUPTION}: other reasons",
    ),
    PodRule(
        "pod-deleted",
        Category.DELETED,
        ErrorKind.SYSTEM,
        "the pod was deleted from outside",
        "Find out who deleted it (the audit log of the API server tells); the task is not at fault.",
        "propeller nodes/task/k8s/plugin_manager.go: a deleted pod is a SYSTEM failure",
    ),
    PodRule(
        "pod-deadline",
        Category.DEADLINE,
        ErrorKind.USER,
        "the pod ran longer than its activeDeadlineSeconds",
        "Raise the task's timeout, or let it finish sooner.",
        "kubernetes pkg/kubelet/active_deadline.go (DeadlineExceeded)",
    ),
    PodRule(
        "pod-deadline-before-start",
        Category.UNKNOWN,
        ErrorKind.SYSTEM,
        "the pod's activeDeadlineSeconds passed before its container had started, and nothing says why it had not",
        "Look at the pod's events and at its node.",
        "kubernetes pkg/kubelet/active_deadline.go; DESIGN: before the start almost anything is the platform's",
    ),
    PodRule(
        "pod-failed-without-reason",
        Category.UNKNOWN,
        ErrorKind.SYSTEM,
        "the pod failed, and nothing in it says why",
        "Look at the pod's events and at its node; a node that went away leaves such a pod.",
        "flytek8s/pod_helper.go: UnknownError is SYSTEM",
    ),
    PodRule(
        "pod-failed-for-unknown-reason",
        Category.UNKNOWN,
        ErrorKind.SYSTEM,
        "the pod was ended for a reason that podtriage does not know",
        "Read the reason and message of the pod; if you know the cause, add a rule of your own.",
        "the API server and kubelets of other vendors may name reasons of their own",
    ),
    PodRule(
        "pod-killed",
        Category.KILLED,
        ErrorKind.SYSTEM,
        "the process was killed by a signal, and neither an OOM nor a disruption is recorded",
        "Nothing in the pod names who sent the signal; if it happens again, watch memory and node.",
        "flytek8s/pod_helper.go (137, 247 of the primary); signal(7): 128 + SIGTERM = 143",
    ),
    PodRule(
        "pod-exit-code",
        Category.APP_ERROR,
        ErrorKind.USER,
        "the task's own process ended with an error",
        _LOG,
        "kubernetes.io, Pod lifecycle (terminated, reason Error)",
    ),
    PodRule(
        "pod-init-exit-code",
        Category.APP_ERROR,
        ErrorKind.USER,
        "an init container ended with an error",
        "Look into the log of the init container.",
        "kubernetes.io, Init containers",
    ),
    PodRule(
        "pod-crash-loop",
        Category.APP_ERROR,
        ErrorKind.USER,
        "the container ends with an error each time it is started",
        _LOG,
        "kubernetes pkg/kubelet/kuberuntime (CrashLoopBackOff)",
    ),
    PodRule(
        "pod-pull-hangs",
        Category.NETWORK_TIMEOUT,
        ErrorKind.SYSTEM,
        "the pull of the image does not come to an end",
        "Check whether the registry answers from the node; a very large image may only need a longer patience.",
        "timelines: a registry that never answers leaves ContainerCreating and the event Pulling, and no failure",
    ),
    PodRule(
        "pod-start-hangs",
        Category.UNKNOWN,
        ErrorKind.SYSTEM,
        "the pod does not start, and nothing says why",
        "Look at the node: its runtime, volumes and other pulls.",
        "kubernetes pkg/kubelet/kubelet_pods.go (ContainerCreating, PodInitializing)",
    ),
    PodRule(
        "pod-pending-timeout",
        Category.UNKNOWN,
        ErrorKind.SYSTEM,
        "the pod has been pending for longer than pod-pending-timeout",
        "Find out what it waits for; raise pod-pending-timeout if it is only slow.",
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
