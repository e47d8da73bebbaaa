"""Which pods the guard may act on: what a pod shows of itself, and what was read beside it."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.guard.owned_pod import controller
from flytekitplugins_podtriage.core.guard.pod_facts import finalizers
from flytekitplugins_podtriage.core.guard.policy import OPT_OUT_LABEL
from flytekitplugins_podtriage.core.guard.refusals import Refusal
from flytekitplugins_podtriage.core.guard.values import OPTED_OUT, Facts, TaskRecord

EXECUTION_LABEL: Final = "execution-id"
MANAGED_LABEL: Final = "flyte.org/managed"
CONNECTOR_LABEL: Final = "podtriage.flyte.org/task"
ATTEMPT_LABEL: Final = "attempt"
"""On Flyte 2: the attempt, from 1."""
_OWNERS: Final = {"flyte-1.16": ("flyte.lyft.com", "FlyteWorkflow"), "flyte-2": ("flyte.org", "TaskAction")}

# One object each: a refusal is asked for with every change of every pod.
_NOT_OF_FLYTE: Final = Refusal("not-of-flyte", "the pod has no label of the backend")
_OF_CONNECTOR: Final = Refusal("of-connector", "podtriage's connector runs the pod and charges it itself")
_OPTED_OUT: Final = Refusal(OPTED_OUT, f"the pod's label {OPT_OUT_LABEL} is off")
_NO_OWNER: Final = Refusal("other-owner", "the pod is controlled by no FlyteWorkflow or TaskAction")
_NO_IDENTITY: Final = Refusal("no-identity", "the pod has no name, namespace, uid or resourceVersion")
_NAMESPACE_OPTED_OUT: Final = Refusal(OPTED_OUT, f"the namespace's label {OPT_OUT_LABEL} is off")
_HAS_FINALIZER: Final = Refusal("finalizer", "the pod has a finalizer, on which Flyte 2's executor spins once it ended")
_NODE_NOT_READY: Final = Refusal(
    "node-not-ready", "the pod's node is not Ready, so that its status may be outdated", transient=True
)
_NODE_UNKNOWN: Final = Refusal("node-unknown", "whether the pod's node is Ready is not known", transient=True)
_OTHER_TASK: Final = Refusal("other-task", "the pod's owner is another resource than the one that was read")
_OTHER_ATTEMPT: Final = Refusal("other-attempt", "the pod is not that of the attempt that runs now")
_TASK_OVER: Final = Refusal("task-over", "the task or its workflow has ended, fails or is being aborted")
_UNSETTLED: Final = Refusal("unsettled", "the backend is between two writes of the task's counters", transient=True)
_LAUNCH_ERRORS: Final = Refusal(
    "launch-errors", "pods of the task cannot be created, and the next one's errors would end it", transient=True
)


def face_refusal(pod: wire.Pod, backend: str) -> Refusal | None:
    """Return why a pod is none of the guard's by what it shows of itself; None: it may be one.

    A pod of stock Flyte has the backend's label and is controlled by the backend's resource; pods of operators (Spark,
    Ray) and of connectors carry the labels only.
    """
    metadata = pod.metadata
    labels = (metadata.labels if metadata is not None else None) or {}
    if backend == "flyte-2":
        if labels.get(MANAGED_LABEL) != "true":
            return _NOT_OF_FLYTE
    elif EXECUTION_LABEL not in labels:
        return _NOT_OF_FLYTE
    if CONNECTOR_LABEL in labels:
        return _OF_CONNECTOR
    if labels.get(OPT_OUT_LABEL) == "off":
        return _OPTED_OUT
    owner = controller(pod)
    group, kind = _OWNERS[backend]
    if owner is None or owner.kind != kind or (owner.api_version or "").partition("/")[0] != group:
        return _NO_OWNER
    if metadata is None or not (metadata.name and metadata.namespace and metadata.uid and metadata.resource_version):
        return _NO_IDENTITY
    return None


def facts_refusal(facts: Facts, pod: wire.Pod, backend: str, *, ended: bool = False) -> Refusal | None:
    """Return why a pod may not be acted on by what was read beside it.

    Args:
        facts: what was read.
        pod: the pod that was read.
        backend: the backend that runs it.
        ended: whether the pod has ended already, so that its node does not matter.
    """
    if facts.namespace_opted_out:
        return _NAMESPACE_OPTED_OUT
    if facts.task is None:
        problem = facts.task_problem or "there is none"
        return Refusal("no-record", f"no record of the task: {problem}", transient=not facts.task_gone)
    refusal = record_refusal(facts.task, pod, backend)
    if refusal is not None or ended:
        return refusal
    if facts.node_ready is None:
        return _NODE_UNKNOWN
    return None if facts.node_ready else _NODE_NOT_READY


def record_refusal(task: TaskRecord, pod: wire.Pod, backend: str) -> Refusal | None:
    """Return why the backend's record of the task forbids an act on a pod: it must be that of the attempt that runs."""
    metadata, owner = pod.metadata, controller(pod)
    if metadata is None or owner is None or not task.uid or owner.uid != task.uid or owner.name != task.execution:
        return _OTHER_TASK
    if task.over:
        return _TASK_OVER
    if metadata.name not in task.pod_names:
        return _OTHER_ATTEMPT
    if backend == "flyte-2":
        attempt = (metadata.labels or {}).get(ATTEMPT_LABEL)
        if attempt is not None and attempt != str(task.attempt + 1):
            return _OTHER_ATTEMPT
        if finalizers(pod):
            return _HAS_FINALIZER
    if task.unsettled:
        return _UNSETTLED
    return _LAUNCH_ERRORS if task.launch_errors else None
