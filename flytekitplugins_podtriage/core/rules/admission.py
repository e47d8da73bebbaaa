"""Rules for refusals: by the kubelet that is to run a pod, by the API server, and by the scheduler that finds no node."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.rule import Rule

_OTHER_NODE = "Nothing to mend in the task; the platform should look at the node, and another node will do."
_PREDICATE = "kubernetes pkg/kubelet/lifecycle/predicate.go and pkg/kubelet/kubelet.go (rejectPod)"

KUBELET: Final = (
    Rule(
        id="admission-os",
        category=Category.ADMISSION_REJECTED,
        kind=ErrorKind.USER,
        means="the pod is for another operating system than the node's, or asks for CPUs that the node cannot align",
        remedy="Select nodes of the right operating system; ask for whole cores where the nodes pin CPUs.",
        source="kubernetes pkg/kubelet/lifecycle/predicate.go; cm/cpumanager/policy_static.go (SMTAlignmentError)",
        phrases=("os field doesn t match node os", "label doesn t match node label", "not multiple cpus per core"),
    ),
    Rule(
        id="admission-forbidden",
        category=Category.ADMISSION_REJECTED,
        kind=ErrorKind.USER,
        means="the node does not allow a setting of the pod",
        remedy="Take the sysctl or profile that the message names out of the pod template, or have the nodes allow it.",
        source="kubernetes pkg/kubelet/sysctl/allowlist.go (SysctlForbidden); pkg/security/apparmor (AppArmor)",
        reasons={"SysctlForbidden", "AppArmor", "PodOSNotSupported", "PodOSSelectorNodeLabelDoesNotMatch"},
    ),
    Rule(
        id="admission-rejected-text",
        category=Category.ADMISSION_REJECTED,
        kind=ErrorKind.SYSTEM,
        means="the node did not take the pod that the scheduler had sent to it",
        remedy=_OTHER_NODE,
        source=_PREDICATE,
        phrases=("pod was rejected", "node didn t have enough resource", "node didn t have enough capacity",
                 "resources cannot be allocated with topology locality", "predicate nodeaffinity failed",
                 "predicate matchnodeselector failed", "predicate nodeports failed", "predicate tainttoleration failed",
                 "predicate podfitshostports failed", "smt alignment error", "reached its volume attachment limit",
                 "kubelet cannot get node info"),
    ),
    Rule(
        id="admission-rejected",
        category=Category.ADMISSION_REJECTED,
        kind=ErrorKind.SYSTEM,
        means="the node did not take the pod that the scheduler had sent to it",
        remedy=_OTHER_NODE,
        source=_PREDICATE,
        reasons={
            "NodeAffinity", "NodePorts", "NodeName", "OutOfcpu", "OutOfmemory", "OutOfpods", "OutOfephemeral-storage",
            "TopologyAffinityError", "UnexpectedAdmissionError", "UnexpectedPredicateFailureType", "InvalidNodeInfo",
            "NodeUnschedulable", "TaintToleration", "SMTAlignmentError", "VolumeAttachmentLimitExceeded",
            "MatchNodeSelector", "PodFitsHostPorts", "HostName", "PodToleratesNodeTaints", "UnknownReason",
            "PodFeatureUnsupported", "PodLevelResourcesNotAdmittedReason", "SupplementalGroupsPolicyNotSupported",
            "InitContainerRestartPolicyForbidden",
        },
    ),
)

API_SERVER: Final = (
    Rule(
        id="quota-webhook-down",
        category=Category.QUOTA,
        kind=ErrorKind.SYSTEM,
        means="an admission webhook of the cluster does not answer, so that no pod is let in",
        remedy="The platform should mend the webhook that the message names, or have it fail open.",
        source="kubernetes apiserver admission/plugin/webhook/mutating/dispatcher.go ('failed calling webhook')",
        phrases=("failed calling webhook", "failed to call webhook"),
    ),
    Rule(
        id="quota-must-specify",
        category=Category.QUOTA,
        kind=ErrorKind.USER,
        means="the namespace's ResourceQuota wants limits that the pod does not state",
        remedy="State the requests and limits that the message names in the task's resources.",
        source="kubernetes apiserver admission/plugin/resourcequota/controller.go ('failed quota: %s: must specify %s')",
        phrases=("failed quota", "must specify", "insufficient quota to"),
        also=("quota",),
    ),
    Rule(
        id="quota-kubernetes",
        category=Category.QUOTA,
        kind=ErrorKind.SYSTEM,
        means="the namespace's ResourceQuota has no room for the pod",
        remedy="Ask for less in the task's resources, or have the platform raise the namespace's ResourceQuota.",
        source="kubernetes apiserver admission/plugin/resourcequota/controller.go ('exceeded quota: %s')",
        phrases=("exceeded quota", "status unknown for quota"),
        unless=("toomanyrequests",),
    ),
    Rule(
        id="quota-limit-range",
        category=Category.QUOTA,
        kind=ErrorKind.USER,
        means="the pod asks for more, or less, than the namespace allows to one pod",
        remedy="Change the task's resources, or have the platform widen the namespace's LimitRange.",
        source="kubernetes plugin/pkg/admission/limitranger/admission.go",
        phrases=("usage per container is", "usage per pod is", "usage per persistentvolumeclaim is",
                 "max limit to request ratio per"),
    ),
    Rule(
        id="quota-policy",
        category=Category.QUOTA,
        kind=ErrorKind.USER,
        means="a policy of the cluster does not let the pod in",
        remedy="Change the pod template as the policy's message asks, or have the platform make an exception.",
        source="kubernetes apiserver webhook/errors/statuserror.go ('denied the request'); pod-security-admission",
        phrases=("violates podsecurity", "denied the request", "denied request", "no priorityclass with name"),
        unless=("toomanyrequests",),
    ),
    Rule(
        id="config-missing-class",
        category=Category.CONFIG_MISSING,
        kind=ErrorKind.USER,
        means="the pod names a class or account that the cluster does not have",
        remedy="Correct the runtime class or service account in the pod template, or have it created.",
        source="kubernetes plugin/pkg/admission (runtimeclass, serviceaccount)",
        phrases=("runtimeclass nameref not found", "error looking up service account", "serviceaccount nameref not found"),
    ),
)

SCHEDULER: Final = (
    Rule(
        id="volume-claim",
        category=Category.VOLUME,
        kind=ErrorKind.SYSTEM,
        means="the pod's volume claim does not exist, or has no volume yet",
        remedy="Create the claim that the message names, or look at its storage class and provisioner.",
        source="kubernetes pkg/scheduler/framework/plugins/volumebinding/volume_binding.go",
        phrases=("persistentvolumeclaim nameref not found", "unbound immediate persistentvolumeclaims",
                 "persistentvolumeclaim nameref is being deleted", "bound to non existent persistentvolume",
                 "prebind plugin nameref binding volumes", "binding volumes"),
    ),
    Rule(
        id="unschedulable-selector",
        category=Category.UNSCHEDULABLE,
        kind=ErrorKind.USER,
        means="no node has the labels that the pod selects",
        remedy="Correct the node selector or affinity of the task's pod template, or have such nodes added.",
        source="kubernetes pkg/scheduler/framework/plugins/nodeaffinity (ErrReasonPod)",
        phrases=("didn t match pod s node affinity selector", "didn t match node selector",
                 "didn t match pod s node affinity"),
        unless=("insufficient", "untolerated taint", "unschedulable", "had taint", "not ready", "too many pods"),
    ),
    Rule(
        id="unschedulable",
        category=Category.UNSCHEDULABLE,
        kind=ErrorKind.SYSTEM,
        means="no node can take the pod at present",
        remedy="Check what the task asks for (resources, selector, tolerations) against the nodes there are; else wait.",
        source="kubernetes pkg/scheduler/framework/types.go (FitError: '%d/%d nodes are available')",
        phrases=("nodes are available", "no nodes available to schedule pods", "didn t trigger scale up",
                 "preemption is not helpful for scheduling", "had untolerated taint", "no preemption victims found",
                 "cardinsufficientmemory", "cardinsufficientcore", "nodeunfitpod", "no available node"),
    ),
    Rule(
        id="unschedulable-reason",
        category=Category.UNSCHEDULABLE,
        kind=ErrorKind.SYSTEM,
        means="no node can take the pod at present",
        remedy="Check what the task asks for (resources, selector, tolerations) against the nodes there are; else wait.",
        source="kubernetes pkg/scheduler (FailedScheduling, PodReasonUnschedulable)",
        reasons={"FailedScheduling", "Unschedulable", "NotTriggerScaleUp", "SchedulerError"},
    ),
)
