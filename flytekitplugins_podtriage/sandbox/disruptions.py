"""What befalls pods from outside: the pod and node faults of a plan.

Reasons, messages and conditions are those of the controllers named in ``endings``, as they were recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.faults.grammar import Fault
from flytekitplugins_podtriage.sandbox.kubelet import pod_status, teardown
from flytekitplugins_podtriage.sandbox.kubelet.sync import Kubelet
from flytekitplugins_podtriage.sandbox.pod_state import Ending, Record

DEFAULT: Final = 1_000
"""When a fault befalls a pod or a node that does not say when, in milliseconds."""
_SHUTDOWN: Final = "Pod was terminated in response to imminent node shutdown."
_SHUTDOWN_GRACE: Final = 30
"""``shutdownGracePeriod`` of the sandbox's nodes, in seconds."""
_SILENT: Final = 50_000
"""Until a silent node counts as not ready (``node-monitor-grace-period``) or gone, in milliseconds."""
_TAINT: Final = 200
_BY_API: Final = {
    "evicted by api": ("EvictionByEvictionAPI", "Eviction API: evicting"),
    "preempted": ("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod"),
    "tainted": ("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"),
}
_REJECTIONS: Final = {
    "NodeAffinity": (
        "NodeAffinity",
        "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ),
    "MemoryPressure": ("Evicted", "The node had condition: [MemoryPressure]. "),
}


def rejection(fault: Fault) -> tuple[str, str]:
    """Return the reason and the message with which a kubelet turns a pod away."""
    known = _REJECTIONS.get(fault.name)
    if known is not None:
        return known
    resource = fault.name.removeprefix("OutOf")
    return fault.name, f"Node didn't have enough resource: {resource}, requested: 64000, used: 200, capacity: 2000"


def moment(fault: Fault) -> int:
    """Return when a fault strikes, in milliseconds since the moment from which it counts."""
    return DEFAULT if fault.at is None else round(fault.at * 1000)


def befall(kubelet: Kubelet, fault: Fault, record: Record) -> None:
    """Have a pod fault strike."""
    if record.gone or record.over:
        return
    what = fault.what
    if what == "evicted":
        _evict(kubelet, record)
    elif what.startswith("evicted over"):
        _over_its_own(kubelet, fault, record)
    elif what == "patched":
        teardown.patch(kubelet, record)
    elif what == "deleted by force":
        teardown.delete(kubelet, record, 0)
    elif what == "preempted by kubelet":
        said = "Preempted in order to admit critical pod"
        kubelet.say(record, "Preempting", said, warning=True)
        why = "Pod was preempted by Kubelet to accommodate a critical pod."
        teardown.end(kubelet, record, Ending("Preempting", said, _by_kubelet(kubelet, why)), record.grace)
    else:
        if what == "tainted":
            about = f"{record.namespace}/{record.name}"
            kubelet.say(record, "TaintManagerEviction", f"Marking for deletion Pod {about}")
        if what == "preempted":
            kubelet.say(record, "Preempted", f"Preempted by a pod on node {record.spec.node_name or 'sandbox'}")
        if what in _BY_API:
            reason, said = _BY_API[what]
            record.condition("DisruptionTarget", "True", kubelet.clock.second(), reason, said)
            pod_status.api_conditions(record, kubelet.clock.second())
        teardown.delete(kubelet, record, record.grace)


def _evict(kubelet: Kubelet, record: Record) -> None:
    using = "".join(
        f"Container {container.name} was using 412Mi, request is 0, has larger consumption of memory. "
        for container in record.mains
        if container.running is not None
    )
    said = f"The node was low on resource: memory. Threshold quantity: 100Mi, available: 87524Ki. {using}"
    kubelet.say(record, "Evicted", said, warning=True)
    teardown.end(kubelet, record, Ending("Evicted", said, _by_kubelet(kubelet, said)), 0)


def _over_its_own(kubelet: Kubelet, fault: Fault, record: Record) -> None:
    """Evict a pod that uses more than its own limits allow: no DisruptionTarget says so (eviction_manager.go)."""
    said = "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. "
    if fault.name:
        said = f'Usage of EmptyDir volume "{fault.name}" exceeds the limit "4Mi". '
    kubelet.say(record, "Evicted", said, warning=True)
    teardown.end(kubelet, record, Ending("Evicted", said), 0)


def _by_kubelet(kubelet: Kubelet, said: str) -> wire.Condition:
    return wire.Condition(
        type="DisruptionTarget",
        status="True",
        reason="TerminationByKubelet",
        message=said,
        last_transition_time=kubelet.clock.second(),
    )


def strike_node(kubelet: Kubelet, fault: Fault, records: Iterable[Record]) -> None:
    """Have a node fault strike the pods on the node."""
    for record in records:
        bound = record.spec.node_name and not record.gone and not record.over
        if not bound or not fault.concerns(record.task, record.attempt, None):
            continue
        if fault.what == "shutdown":
            ending = Ending("Terminated", _SHUTDOWN, _by_kubelet(kubelet, _SHUTDOWN))
            teardown.end(kubelet, record, ending, _SHUTDOWN_GRACE)
        elif fault.what == "lost":
            record.cut_off = True
            kubelet.after(_SILENT, record, partial(_collect, kubelet))
        else:
            record.cut_off = True
            back = None if fault.until is None else round((fault.until - (fault.at or 0.0)) * 1000)
            kubelet.after(_SILENT, record, partial(_not_ready, kubelet))
            if back is not None:
                kubelet.after(back, record, partial(_heard_again, kubelet))


def _collect(kubelet: Kubelet, record: Record) -> None:
    """Collect a pod whose node is no more; what its containers were doing stays as it was last seen."""
    said = "PodGC: node no longer exists"
    record.condition("DisruptionTarget", "True", kubelet.clock.second(), "DeletionByPodGC", said)
    record.phase = "Failed"
    pod_status.api_conditions(record, kubelet.clock.second(), phase="Failed")
    record.over = True
    teardown.delete(kubelet, record, 0)


def _not_ready(kubelet: Kubelet, record: Record) -> None:
    """Note that a pod's node is not ready, and delete the pod when it tolerates that no longer."""
    if not record.cut_off:
        return
    ready = record.conditions.get("Ready")
    if ready is not None and ready.status != "False":  # MarkPodsNotReady says nothing of a pod that was not
        record.condition("Ready", "False", kubelet.clock.second())
        pod_status.api_conditions(record, kubelet.clock.second())
        kubelet.say(record, "NodeNotReady", "Node is not ready", warning=True)
    kubelet.after(_TAINT + record.toleration * 1000, record, partial(_untolerated, kubelet))


def _untolerated(kubelet: Kubelet, record: Record) -> None:
    if record.cut_off and not record.deleting:
        about = f"{record.namespace}/{record.name}"
        kubelet.say(record, "TaintManagerEviction", f"Marking for deletion Pod {about}")
        record.condition("DisruptionTarget", "True", kubelet.clock.second(), *_BY_API["tainted"])
        pod_status.api_conditions(record, kubelet.clock.second())
        teardown.delete(kubelet, record, record.grace)


def _heard_again(kubelet: Kubelet, record: Record) -> None:
    """Take up a pod again whose node was silent."""
    record.cut_off = False
    if record.deleting:
        teardown.tear_down_deleted(kubelet, record)
    elif record.ending is not None:
        teardown.tear_down(kubelet, record)
    else:
        kubelet.sync(record)
