"""The pod and node faults of a plan: what happens to pods from outside.

Reasons, messages and conditions are recorded ones, of the controllers named in ``kubelet/teardown.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.faults.fault_types import Fault
from flytekitplugins_podtriage.sandbox.kubelet import pod_status, teardown
from flytekitplugins_podtriage.sandbox.kubelet.sync import Kubelet
from flytekitplugins_podtriage.sandbox.pod_state import Ending, PodRecord

_DEFAULT_START: Final = 1_000
"""When a fault without a time starts, in milliseconds."""
_SHUTDOWN: Final = "Pod was terminated in response to imminent node shutdown."
_SHUTDOWN_GRACE: Final = 30
"""``shutdownGracePeriod`` of the sandbox's nodes, in seconds."""
_NODE_GRACE: Final = 50_000
"""Until an unreachable node counts as not ready (``node-monitor-grace-period``) or gone, in milliseconds."""
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
    """Return the reason and the message with which a kubelet rejects a pod."""
    known = _REJECTIONS.get(fault.name)
    if known is not None:
        return known
    resource = fault.name.removeprefix("OutOf")
    return fault.name, f"Node didn't have enough resource: {resource}, requested: 64000, used: 200, capacity: 2000"


def starts_at(fault: Fault) -> int:
    """Return when a fault starts, in milliseconds since the time from which it counts."""
    return _DEFAULT_START if fault.at is None else round(fault.at * 1000)


def inject(kubelet: Kubelet, fault: Fault, record: PodRecord) -> None:
    """Inject a pod fault."""
    if record.gone or record.over:
        return
    kubelet.injector.occurs(fault)
    what = fault.what
    if what == "evicted":
        _evict(kubelet, record)
    elif what.startswith("evicted over"):
        _evict_over_limit(kubelet, fault, record)
    elif what == "patched":
        teardown.patch(kubelet, record)
    elif what == "deleted by force":
        teardown.delete(kubelet, record, 0)
    elif what == "preempted by kubelet":
        message = "Preempted in order to admit critical pod"
        kubelet.warn(record, "Preempting", message)
        disruption = _by_kubelet(kubelet, "Pod was preempted by Kubelet to accommodate a critical pod.")
        teardown.end(kubelet, record, Ending("Preempting", message, disruption), record.grace)
    else:
        if what == "tainted":
            kubelet.emit(record, "TaintManagerEviction", f"Marking for deletion Pod {record.namespace}/{record.name}")
        if what == "preempted":
            kubelet.emit(record, "Preempted", f"Preempted by a pod on node {record.spec.node_name or 'sandbox'}")
        if what in _BY_API:
            reason, message = _BY_API[what]
            record.condition("DisruptionTarget", "True", kubelet.clock.second, reason, message)
            pod_status.publish_conditions(record, kubelet.clock.second)
        teardown.delete(kubelet, record, record.grace)


def _evict(kubelet: Kubelet, record: PodRecord) -> None:
    using = "".join(
        f"Container {container.name} was using 412Mi, request is 0, has larger consumption of memory. "
        for container in record.mains
        if container.running is not None
    )
    message = f"The node was low on resource: memory. Threshold quantity: 100Mi, available: 87524Ki. {using}"
    kubelet.warn(record, "Evicted", message)
    teardown.end(kubelet, record, Ending("Evicted", message, _by_kubelet(kubelet, message)), 0)


def _evict_over_limit(kubelet: Kubelet, fault: Fault, record: PodRecord) -> None:
    """Evict a pod that exceeds its own limits: it gets no DisruptionTarget condition (eviction_manager.go)."""
    message = "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. "
    if fault.name:
        message = f'Usage of EmptyDir volume "{fault.name}" exceeds the limit "4Mi". '
    kubelet.warn(record, "Evicted", message)
    teardown.end(kubelet, record, Ending("Evicted", message), 0)


def _by_kubelet(kubelet: Kubelet, message: str) -> wire.Condition:
    return wire.Condition(
        type="DisruptionTarget",
        status="True",
        reason="TerminationByKubelet",
        message=message,
        last_transition_time=kubelet.clock.second,
    )


def inject_node_fault(kubelet: Kubelet, fault: Fault, records: Iterable[PodRecord]) -> None:
    """Inject a node fault into the pods on the node."""
    for record in records:
        bound = record.spec.node_name and not record.gone and not record.over
        if not bound or not fault.applies_to(record.task, record.attempt, None):
            continue
        kubelet.injector.occurs(fault)
        if fault.what == "shutdown":
            ending = Ending("Terminated", _SHUTDOWN, _by_kubelet(kubelet, _SHUTDOWN))
            teardown.end(kubelet, record, ending, _SHUTDOWN_GRACE)
        elif fault.what == "lost":
            record.cut_off = True
            kubelet.after(_NODE_GRACE, record, partial(_collect, kubelet))
        else:
            record.cut_off = True
            kubelet.after(_NODE_GRACE, record, partial(_not_ready, kubelet))
            if fault.until is not None:
                duration = round((fault.until - (fault.at or 0.0)) * 1000)
                kubelet.after(duration, record, partial(_reconnect, kubelet))


def _collect(kubelet: Kubelet, record: PodRecord) -> None:
    """Garbage-collect a pod whose node is gone; its containers stay as they were last seen."""
    message = "PodGC: node no longer exists"
    record.condition("DisruptionTarget", "True", kubelet.clock.second, "DeletionByPodGC", message)
    record.phase = "Failed"
    pod_status.publish_conditions(record, kubelet.clock.second, phase="Failed")
    record.over = True
    teardown.delete(kubelet, record, 0)


def _not_ready(kubelet: Kubelet, record: PodRecord) -> None:
    """Mark a pod's node as not ready, and delete the pod when its toleration ends."""
    if not record.cut_off:
        return
    ready = record.conditions.get("Ready")
    if ready is not None and ready.status != "False":  # MarkPodsNotReady skips pods that are not
        record.condition("Ready", "False", kubelet.clock.second)
        pod_status.publish_conditions(record, kubelet.clock.second)
        kubelet.warn(record, "NodeNotReady", "Node is not ready")
    kubelet.after(_TAINT + record.toleration * 1000, record, partial(_evict_by_taint, kubelet))


def _evict_by_taint(kubelet: Kubelet, record: PodRecord) -> None:
    if record.cut_off and not record.deleting:
        kubelet.emit(record, "TaintManagerEviction", f"Marking for deletion Pod {record.namespace}/{record.name}")
        record.condition("DisruptionTarget", "True", kubelet.clock.second, *_BY_API["tainted"])
        pod_status.publish_conditions(record, kubelet.clock.second)
        teardown.delete(kubelet, record, record.grace)


def _reconnect(kubelet: Kubelet, record: PodRecord) -> None:
    """Resume a pod whose node is reachable again."""
    record.cut_off = False
    if record.deleting:
        teardown.tear_down_deleted(kubelet, record)
    elif record.ending is not None:
        teardown.tear_down(kubelet, record)
    else:
        kubelet.sync(record)
