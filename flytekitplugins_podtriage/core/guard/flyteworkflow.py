"""What a FlyteWorkflow records of the task whose attempt a pod is (Flyte 1.16).

The resource is flyteworkflows.flyte.lyft.com/v1alpha1, as flytepropeller 1.16.8 writes it. A node is found by the name
that FlytePropeller gives to its pods: the label ``node-id`` has the node's own id only, and the nodes of two
subworkflows may share it. What is not in the resource is not known: the specs of nodes that a dynamic task has made,
and of a workflow whose closure is offloaded (``useOffloadedWorkflowClosure``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

import attrs
import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Counters, Limits
from flytekitplugins_podtriage.core.decode import DECODING_ERRORS, decoding_problem
from flytekitplugins_podtriage.core.guard.flyteworkflow_nodes import NodeRun, node_runs
from flytekitplugins_podtriage.core.guard.flyteworkflow_wire import FlyteWorkflow, NodePhase, NodeSpec
from flytekitplugins_podtriage.core.guard.pod_names import propeller_pod_name
from flytekitplugins_podtriage.core.guard.values import TaskRecord

_LABEL: Final = "node-id"
_TERMINATION: Final = ("termination-status", "terminated")
"""The label of a workflow that has ended (pkg/controller/completed_workflows.go)."""
_ENDED: Final = frozenset(
    (
        NodePhase.FAILING,
        NodePhase.SUCCEEDING,
        NodePhase.SUCCEEDED,
        NodePhase.FAILED,
        NodePhase.SKIPPED,
        NodePhase.TIMING_OUT,
        NodePhase.TIMED_OUT,
        NodePhase.DYNAMIC_RUNNING,
        NodePhase.RECOVERED,
    )
)
"""The phases in which a node's own pod is done with: the pods of a dynamic task's nodes are not its own."""
_SETTLED: Final = _ENDED | {NodePhase.QUEUED, NodePhase.RUNNING}
_LONGEST_NAME: Final = 253
"""Of an object (RFC 1123): no resource makes the work per node grow."""
_DIGITS: Final = 10
_EARLIER: Final = 10_000
"""How many names of earlier attempts are computed at most to find the node of a pod with a hashed name."""
_DECODER: Final = msgspec.json.Decoder(FlyteWorkflow)


def task_record(resource: bytes, pod: wire.Pod, limits: Limits) -> TaskRecord | str:
    """Return what a FlyteWorkflow records of the task of a pod.

    Args:
        resource: the FlyteWorkflow as the API server sends it.
        pod: a pod of the execution; its name identifies the node.
        limits: FlytePropeller's, and the retries of tasks whose own are not in the resource.

    Returns:
        The record, whichever attempt of the node the pod is of: ``pod_names`` has the name of the pod of the attempt
        that runs now. A text: why there is none.
    """
    workflow = read_workflow(resource)
    return workflow if isinstance(workflow, str) else record_of(workflow, pod, limits)


def read_workflow(resource: bytes) -> FlyteWorkflow | str:
    """Return a FlyteWorkflow, or in a text why it cannot be read; for callers that keep one for several pods."""
    try:
        workflow = _DECODER.decode(resource)
    except DECODING_ERRORS as error:
        return f"the FlyteWorkflow cannot be read: {decoding_problem(error)}"
    if workflow.kind is not None and workflow.kind.lower() != "flyteworkflow":
        return f"not a FlyteWorkflow but a {workflow.kind[:64]!r}"
    if workflow.metadata is None or not workflow.metadata.name or not workflow.metadata.uid:
        return "the FlyteWorkflow has no name or no uid"
    if len(workflow.metadata.name) > _LONGEST_NAME:
        return f"the name of the FlyteWorkflow is longer than {_LONGEST_NAME} characters"
    return workflow


def record_of(workflow: FlyteWorkflow, pod: wire.Pod, limits: Limits) -> TaskRecord | str:
    """Return what a FlyteWorkflow that was read records of the task of a pod, as :func:`task_record` does."""
    metadata = workflow.metadata
    pod_name = pod.metadata.name if pod.metadata is not None else None
    if metadata is None or not metadata.name or not metadata.uid or not pod_name or pod.metadata is None:
        return "the FlyteWorkflow or the pod has no name"
    execution = metadata.name
    label = (pod.metadata.labels or {}).get(_LABEL)
    runs = [run for run in node_runs(workflow, label) if _current_pod(run, execution) == pod_name]
    if not runs:
        runs = _nodes_of_earlier_pod(node_runs(workflow, label), execution, pod_name)
    if len(runs) != 1:
        which = "several nodes of" if runs else "no node of"
        return f"{which} FlyteWorkflow {execution[:253]} would name a pod {pod_name[:253]}"
    return _record(metadata, runs[0], limits)


def retries_by_label(resource: bytes, node: str) -> int | None:
    """Return the user retries of the nodes with this id, wherever they stand in a FlyteWorkflow.

    It needs no status, and no pod that exists.

    Returns:
        None if that cannot be known: no such node is in the resource, or several with different retries are.
    """
    workflow = read_specs(resource)
    if workflow is None:
        return None
    retries = {_retries(spec) for spec in _specs_of(workflow, node)}
    return retries.pop() if len(retries) == 1 else None


def read_specs(resource: bytes) -> FlyteWorkflow | None:
    """Return a FlyteWorkflow whatever it lacks; None if it cannot be read."""
    try:
        return _DECODER.decode(resource)
    except DECODING_ERRORS:
        return None


def _specs_of(workflow: FlyteWorkflow, node: str) -> Iterator[NodeSpec]:
    for spec in (workflow.spec, *(workflow.sub_workflows or {}).values()):
        node_spec = (spec.nodes or {}).get(node) if spec is not None else None
        if node_spec is not None:
            mapped = node_spec.array.sub_node_spec if node_spec.array is not None else None
            yield mapped or node_spec


def _current_pod(run: NodeRun, execution: str) -> str:
    return propeller_pod_name(execution, run.unique_id, run.attempts)


def _nodes_of_earlier_pod(runs: Iterable[NodeRun], execution: str, pod_name: str) -> list[NodeRun]:
    """Return the nodes one of whose earlier attempts had a pod of this name."""
    _, dash, last = pod_name.rpartition("-")
    if dash:  # not hashed: the name says which attempt it is of
        attempt = int(last) if last.isascii() and last.isdigit() and len(last) < _DIGITS else None
        if attempt is None:
            return []
        return [
            run
            for run in runs
            if run.attempts > attempt and propeller_pod_name(execution, run.unique_id, attempt) == pod_name
        ]
    earlier = ((run, attempt) for run in runs for attempt in range(run.attempts - 1, -1, -1))
    return [
        run
        for run, attempt in itertools.islice(earlier, _EARLIER)
        if propeller_pod_name(execution, run.unique_id, attempt) == pod_name
    ]


def _record(metadata: wire.Metadata, run: NodeRun, limits: Limits) -> TaskRecord:
    assert metadata.name is not None
    assert metadata.uid is not None
    key, value = _TERMINATION
    ended = metadata.deletion_timestamp is not None or (metadata.labels or {}).get(key) == value
    own_limits = _limits(run.spec, limits)
    return TaskRecord(
        execution=metadata.name,
        uid=metadata.uid,
        attempt=run.attempts,
        counters=Counters(run.attempts, run.system_failures),
        limits=own_limits or limits,
        retries_known=own_limits is not None,
        over=ended or run.parent_over or run.dynamic or run.phase in _ENDED,
        pod_names=frozenset((_current_pod(run, metadata.name),)),
        # executor.go: a SYSTEM failure is counted in the round that finds it (RetryableFailure), the attempt in the
        # next one. A node that has not started has no pod: the resource is older than the pod.
        unsettled=run.phase not in _SETTLED or run.system_failures > run.attempts,
    )


def _limits(spec: NodeSpec | None, limits: Limits) -> Limits | None:
    """Return a node's limits; None: they are not in the resource."""
    if spec is None:
        return None
    attempts = spec.retry.min_attempts if spec.retry is not None else None
    if attempts is not None and attempts < 0:
        return None
    if attempts == 0:  # isEligibleForRetry: 1 alone stands for the default
        return attrs.evolve(limits, retries=0, default_max_attempts=1)
    return attrs.evolve(limits, retries=_retries(spec))


def _retries(spec: NodeSpec) -> int:
    return max((spec.retry.min_attempts if spec.retry is not None else None) or 1, 1) - 1
