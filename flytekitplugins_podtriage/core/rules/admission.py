"""Rules for pods that the kubelet, the API server or the scheduler rejects."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.rule import Rule

_OTHER_NODE = "None needed; the attempt is retried on another node. If it repeats, the operator should check the node."
_PREDICATE = "kubernetes pkg/kubelet/lifecycle/predicate.go and pkg/kubelet/kubelet.go (rejectPod)"

KUBELET: Final = (
    Rule(
        id="admission-os",
        category=Category.ADMISSION_REJECTED,
        kind=ErrorKind.USER,
        means="the pod is for another operating system than the node's, or requests CPUs that the node cannot align",
        remedy="Select nodes of the right operating system; request whole cores where the nodes pin CPUs.",
        source="kubernetes pkg/kubelet/lifecycle/predicate.go; cm/cpumanager/policy_static.go (SMTAlignmentError)",
        phrases=("os field doesn t match node os", "label doesn t match node label", "not multiple cpus per core"),
    ),
    Rule(
        id="admission-forbidden",
        category=Category.ADMISSION_REJECTED,
        kind=ErrorKind.USER,
        means="the node does not allow a setting of the pod",
        remedy="Remove the sysctl or profile that the message names from the pod template, or have the nodes allow it.",
        source="kubernetes pkg/kubelet/sysctl/allowlist.go (SysctlForbidden); pkg/security/apparmor (AppArmor)",
        reasons={"SysctlForbidden", "AppArmor", "PodOSNotSupported", "PodOSSelectorNodeLabelDoesNotMatch"},
    ),
    Rule(
        id="admission-rejected-text",
        category=Category.ADMISSION_REJECTED,
        means="the kubelet rejected the pod after it was scheduled",
        remedy=_OTHER_NODE,
        source=_PREDICATE,
        phrases=(
            "pod was rejected",
            "node didn t have enough resource",
            "node didn t have enough capacity",
            "resources cannot be allocated with topology locality",
            "predicate nodeaffinity failed",
            "predicate matchnodeselector failed",
            "predicate nodeports failed",
            "predicate tainttoleration failed",
            "predicate podfitshostports failed",
            "smt alignment error",
            "reached its volume attachment limit",
            "kubelet cannot get node info",
        ),
    ),
    Rule(
        id="admission-rejected",
        category=Category.ADMISSION_REJECTED,
        means="the kubelet rejected the pod after it was scheduled",
        remedy=_OTHER_NODE,
        source=_PREDICATE,
        reasons={
            "NodeAffinity",
            "NodePorts",
            "NodeName",
            "OutOfcpu",
            "OutOfmemory",
            "OutOfpods",
            "OutOfephemeral-storage",
            "TopologyAffinityError",
            "UnexpectedAdmissionError",
            "UnexpectedPredicateFailureType",
            "InvalidNodeInfo",
            "NodeUnschedulable",
            "TaintToleration",
            "SMTAlignmentError",
            "VolumeAttachmentLimitExceeded",
            "MatchNodeSelector",
            "PodFitsHostPorts",
            "HostName",
            "PodToleratesNodeTaints",
            "UnknownReason",
            "PodFeatureUnsupported",
            "PodLevelResourcesNotAdmittedReason",
            "SupplementalGroupsPolicyNotSupported",
            "InitContainerRestartPolicyForbidden",
        },
    ),
)

API_SERVER: Final = (
    Rule(
        id="quota-webhook-down",
        category=Category.QUOTA,
        means="an admission webhook of the cluster does not respond, so no pod can be created",
        remedy="Repair the webhook that the message names, or set its failurePolicy to Ignore.",
        source="kubernetes apiserver admission/plugin/webhook/mutating/dispatcher.go ('failed calling webhook')",
        phrases=("failed calling webhook", "failed to call webhook"),
    ),
    Rule(
        id="quota-must-specify",
        category=Category.QUOTA,
        kind=ErrorKind.USER,
        means="the namespace's ResourceQuota requires limits that the pod does not set",
        remedy="Set the requests and limits that the message names in the task's resources.",
        source="kubernetes apiserver admission/plugin/resourcequota/controller.go ('failed quota: %s: must specify %s')",
        phrases=("failed quota", "must specify", "insufficient quota to"),
        also=("quota",),
    ),
    Rule(
        id="quota-kubernetes",
        category=Category.QUOTA,
        means="the namespace's ResourceQuota has no room for the pod",
        remedy="Request less in the task's resources, or have the operator raise the namespace's ResourceQuota.",
        source="kubernetes apiserver admission/plugin/resourcequota/controller.go ('exceeded quota: %s')",
        phrases=("exceeded quota", "status unknown for quota"),
        unless=("toomanyrequests",),
    ),
    Rule(
        id="quota-limit-range",
        category=Category.QUOTA,
        kind=ErrorKind.USER,
        means="the pod requests more, or less, than the namespace's LimitRange allows",
        remedy="Change the task's resources, or have the operator widen the namespace's LimitRange.",
        source="kubernetes plugin/pkg/admission/limitranger/admission.go",
        phrases=(
            "usage per container is",
            "usage per pod is",
            "usage per persistentvolumeclaim is",
            "max limit to request ratio per",
        ),
    ),
    Rule(
        id="quota-policy",
        category=Category.QUOTA,
        kind=ErrorKind.USER,
        means="a policy of the cluster rejected the pod",
        remedy="Change the pod template as the policy's message says, or ask the operator for an exception.",
        source="kubernetes apiserver webhook/errors/statuserror.go ('denied the request'); pod-security-admission",
        phrases=("violates podsecurity", "denied the request", "denied request", "no priorityclass with name"),
        unless=("toomanyrequests",),
    ),
    Rule(
        id="config-missing-class",
        category=Category.CONFIG_MISSING,
        means="the pod names a class or service account that does not exist",
        remedy="Correct the runtime class or service account in the pod template, or create it.",
        source="kubernetes plugin/pkg/admission (runtimeclass, serviceaccount)",
        phrases=(
            "runtimeclass nameref not found",
            "error looking up service account",
            "serviceaccount nameref not found",
        ),
    ),
)

SCHEDULER: Final = (
    Rule(
        id="volume-claim",
        category=Category.VOLUME,
        means="the pod's PersistentVolumeClaim does not exist or is not bound",
        remedy="Create the claim that the message names, or check its storage class and provisioner.",
        source="kubernetes pkg/scheduler/framework/plugins/volumebinding/volume_binding.go",
        phrases=(
            "persistentvolumeclaim nameref not found",
            "unbound immediate persistentvolumeclaims",
            "persistentvolumeclaim nameref is being deleted",
            "bound to non existent persistentvolume",
            "binding volumes",
        ),
    ),
    Rule(
        id="unschedulable-selector",
        category=Category.UNSCHEDULABLE,
        kind=ErrorKind.USER,
        means="no node matches the pod's node selector or affinity",
        remedy="Correct the node selector or affinity in the task's pod template, or add matching nodes.",
        source="kubernetes pkg/scheduler/framework/plugins/nodeaffinity (ErrReasonPod)",
        phrases=(
            "didn t match node selector",
            "didn t match pod s node affinity",
        ),
        unless=("insufficient", "untolerated taint", "unschedulable", "had taint", "not ready", "too many pods"),
    ),
    Rule(
        id="unschedulable",
        category=Category.UNSCHEDULABLE,
        means="no node can run the pod at present",
        remedy="Compare the task's resources, node selector and tolerations with the nodes; if they fit, wait for capacity.",
        source="kubernetes pkg/scheduler/framework/types.go (FitError: '%d/%d nodes are available')",
        phrases=(
            "nodes are available",
            "no nodes available to schedule pods",
            "didn t trigger scale up",
            "preemption is not helpful for scheduling",
            "had untolerated taint",
            "no preemption victims found",
            "cardinsufficientmemory",
            "cardinsufficientcore",
            "nodeunfitpod",
            "no available node",
        ),
    ),
    Rule(
        id="unschedulable-reason",
        category=Category.UNSCHEDULABLE,
        means="no node can run the pod at present",
        remedy="Compare the task's resources, node selector and tolerations with the nodes; if they fit, wait for capacity.",
        source="kubernetes pkg/scheduler (FailedScheduling, PodReasonUnschedulable)",
        reasons={"FailedScheduling", "Unschedulable", "NotTriggerScaleUp", "SchedulerError"},
    ),
)
