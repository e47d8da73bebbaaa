"""Rules for pods that no node can run at present: schedulers, autoscalers, and queues in front of them."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.rules.rule import UNMISTAKABLE, Rule

_EXCLUDED = (
    "The message says how many nodes each condition excludes: for `Insufficient`, lower the task's requests or wait for "
    "capacity; for taints, add tolerations; for selectors and affinity, correct the task's pod template."
)

RULES: Final = (
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
        unless=(
            "insufficient",
            "untolerated taint",
            "unschedulable",
            "had taint",
            "not ready",
            "too many pods",
            "volume node affinity conflict",
            "incompatible with",
            # A group of nodes that matches, and cannot grow: cluster-autoscaler core/scaleup/orchestrator/skippedreasons.go.
            "size reached",
            "limit reached",
            "in backoff after failed scale up",
            "can be vertically scaled",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="unschedulable-requirements",
        category=Category.UNSCHEDULABLE,
        kind=ErrorKind.USER,
        means="no node pool of the autoscaler offers what the pod's node selector or affinity requires",
        remedy="Correct the requirement that the message names in the task's pod template, or add a node pool that offers it.",
        source="karpenter pkg/controllers/provisioning/scheduling/nodeclaim.go ('incompatible requirements, %w')",
        phrases=("incompatible requirements",),
        unless=("no instance type", "did not tolerate", "exceed limits", "exceeds limits", "not ready"),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="unschedulable-node-pools",
        category=Category.UNSCHEDULABLE,
        means="no node pool of the autoscaler can provide a node for the pod at present",
        remedy=(
            "The message says why it excludes each node pool: compare its requirements, taints, limits and largest instance "
            "type with the task's requests, node selector and tolerations."
        ),
        source="karpenter pkg/controllers/provisioning/scheduling/scheduler.go ('incompatible with nodepool %q')",
        phrases=(
            "incompatible with nodepool",
            "incompatible with provisioner",
            "no instance type",
            "failed launching nodeclaim",
            "vcpulimitexceeded",
            "exceed limits for nodepool",
            "exceed limits for provisioner",
            "failed to schedule pod",
            "could not schedule pod",
            "did not match any nodepool",
            "insufficientinstancecapacity",
            "insufficientcapacityerror",
            "gce out of resources",
            "does not have enough resources available to fulfill",
            "zone resource pool exhausted",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="queue-missing",
        category=Category.CONFIG_MISSING,
        means="the queue that the task names does not exist",
        remedy="Correct the name of the queue in the pod template, or have the operator create the queue.",
        source='kueue pkg/controller/core/workload_controller.go ("LocalQueue %s doesn\'t exist"); yunikorn-core objects/queue.go',
        phrases=("doesn t exist", "without placement rules"),
        also=("localqueue", "queue nameref"),
    ),
    Rule(
        id="queue-inactive",
        category=Category.UNSCHEDULABLE,
        means="the queue that the task waits in admits nothing at present",
        remedy="Have the operator activate the queue that the message names, or use another one.",
        source="kueue pkg/controller/core/workload_controller.go ('LocalQueue %s is inactive', 'ClusterQueue %s is inactive')",
        phrases=("is inactive", "is stopped", "doesn t exist"),
        also=("localqueue", "clusterqueue"),
    ),
    Rule(
        id="queue-too-large",
        category=Category.QUOTA,
        kind=ErrorKind.USER,
        means="the task requests more than its queue can ever give, even when nothing else runs in it",
        remedy="Request less in the task's resources, or have the operator raise the queue's quota: waiting does not help.",
        source="kueue pkg/scheduler/flavorassigner/flavorassigner.go (fitsResourceQuota: 'request > maximum capacity (%s > %s)')",
        phrases=("request maximum capacity",),
        also=("insufficient quota for", "couldn t assign flavors to pod set"),
        unless=("insufficient unused quota", "more needed"),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="queue-not-covered",
        category=Category.QUOTA,
        means="the queue that the task waits in has no quota at all for a resource that it requests",
        remedy=(
            "Have the operator add the resource that the message names to the ClusterQueue, leave it out of the task's "
            "requests, or use another queue: waiting does not help."
        ),
        source="kueue pkg/scheduler/flavorassigner/flavorassigner.go ('resource %s unavailable in ClusterQueue')",
        phrases=("unavailable in clusterqueue",),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="queue-quota",
        category=Category.QUOTA,
        means="the queue that the task waits in has no quota left for it",
        remedy="Wait for other work of the queue to end, request less, or have the operator raise the queue's quota.",
        source=(
            'kueue pkg/scheduler/flavorassigner ("couldn\'t assign flavors to pod set %s"); volcano pkg/scheduler/plugins/'
            "proportion ('queue resource quota insufficient'); yunikorn-core objects/application_events.go"
        ),
        phrases=(
            "couldn t assign flavors to pod set",
            "insufficient unused quota",
            "insufficient quota for",
            "borrowing limit for",
            "queue resource quota insufficient",
            "does not fit in queue",
            "exceeds the available user quota",
        ),
        unless=("registry", "pull", "manifest"),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="unschedulable-gang",
        category=Category.UNSCHEDULABLE,
        means="the pods of a group are scheduled together, and there is not room for all of them",
        remedy=(
            "The group starts when its minimum number of pods fits: request less, wait for capacity, or lower the minimum "
            "(minAvailable, minMember). The events of its pods say what excludes the nodes."
        ),
        source=(
            "volcano pkg/scheduler/plugins/gang ('%v/%v tasks in gang unschedulable'), api/unschedule_info.go, "
            "api/job_info.go ('Pod %s/%s can possibly be assigned to %s': one pod fits, its group does not); "
            "kueue (waitForPodsReady)"
        ),
        phrases=(
            "tasks in gang unschedulable",
            "pod group is not ready",
            "resource fit failed",
            "less than minmember",
            "can possibly be assigned to",
            "exceeded the podsready timeout",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="unschedulable",
        category=Category.UNSCHEDULABLE,
        means="no node can run the pod at present",
        remedy=_EXCLUDED,
        source=(
            "kubernetes pkg/scheduler/framework/types.go (FitError: '%d/%d nodes are available'); volcano "
            "pkg/scheduler/api/unschedule_info.go ('%v/%v nodes are unavailable')"
        ),
        phrases=(
            "nameref nodes are available",
            "nameref nodes are unavailable",
            "no nodes available to schedule pods",
            "didn t trigger scale up",
            "preemption is not helpful for scheduling",
            "had untolerated taint",
            "no preemption victims found",
            "non empty scheduling gates",
        ),
        speakers=UNMISTAKABLE,
    ),
    Rule(
        id="unschedulable-devices",
        category=Category.UNSCHEDULABLE,
        means="no node can run the pod at present",
        remedy=_EXCLUDED,
        source="HAMi pkg/scheduler (CardInsufficientMemory, CardInsufficientCore, NodeUnfitPod, 'no available node')",
        phrases=("cardinsufficientmemory", "cardinsufficientcore", "nodeunfitpod", "no available node"),
    ),
    Rule(
        id="unschedulable-all-nodes",
        category=Category.UNSCHEDULABLE,
        means="no node can run the pod at present",
        remedy=_EXCLUDED,
        source="volcano pkg/scheduler/api/unschedule_info.go (AllNodeUnavailableMsg, then the conditions of the nodes)",
        phrases=("all nodes are unavailable",),
        also=("node s", "insufficient", "unschedulable"),
    ),
    Rule(
        id="unschedulable-reason",
        category=Category.UNSCHEDULABLE,
        means="no node can run the pod at present",
        remedy="Compare the task's resources, node selector and tolerations with the nodes; if they fit, wait for capacity.",
        source="kubernetes pkg/scheduler (FailedScheduling, Unschedulable, SchedulingGated); cluster-autoscaler events",
        reasons={
            "FailedScheduling",
            "Unschedulable",
            "NotTriggerScaleUp",
            "SchedulerError",
            "SchedulingGated",
            "FailedScaleUp",
            "FailedToScaleUpGroup",
            "NotEnoughResources",
        },
    ),
)
