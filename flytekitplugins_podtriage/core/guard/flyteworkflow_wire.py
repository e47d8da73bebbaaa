"""What is read of a FlyteWorkflow (flyte.lyft.com/v1alpha1).

flytepropeller 1.16.8, pkg/apis/flyteworkflow/v1alpha1 (iface.go, workflow.go, workflow_status.go, nodes.go, array.go,
subworkflow.go, node_status.go). As for Go's decoder, an absent field, ``null`` and the zero value mean the same.
"""

from __future__ import annotations

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.guard.compact_array import CompactArray


class NodePhase:
    """``NodePhase`` in iface.go: its numbers are what the resource has."""

    NOT_YET_STARTED, QUEUED, RUNNING, FAILING, SUCCEEDING, SUCCEEDED, FAILED, SKIPPED = range(8)
    RETRYABLE_FAILURE, TIMING_OUT, TIMED_OUT, DYNAMIC_RUNNING, RECOVERED = range(8, 13)


class WorkflowPhase:
    """``WorkflowPhase`` in iface.go."""

    READY, RUNNING, SUCCEEDING, SUCCESS, FAILING, FAILED, ABORTED, HANDLING_FAILURE_NODE = range(8)


class Retry(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``RetryStrategy``."""

    min_attempts: int | None = None


class SubWorkflowRef(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``WorkflowNodeSpec``."""

    sub_workflow_ref: str | None = None


class Map(msgspec.Struct, frozen=True, gc=False):
    """``ArrayNodeSpec``, whose fields have no JSON names of their own."""

    sub_node_spec: NodeSpec | None = msgspec.field(default=None, name="SubNodeSpec")


class NodeSpec(msgspec.Struct, frozen=True, gc=False):
    """``NodeSpec``."""

    id: str | None = None
    kind: str | None = None
    retry: Retry | None = None
    workflow: SubWorkflowRef | None = None
    array: Map | None = None


class WorkflowSpec(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``WorkflowSpec``: of the workflow, and of each subworkflow."""

    nodes: dict[str, NodeSpec | None] | None = None
    on_failure: NodeSpec | None = None


class PhaseOnly(msgspec.Struct, frozen=True, gc=False):
    """``WorkflowNodeStatus`` and ``DynamicNodeStatus``."""

    phase: int | None = None


class MapStatus(msgspec.Struct, frozen=True, gc=False):
    """``ArrayNodeStatus``: the counters of all elements, packed."""

    phase: int | None = None
    subphase: CompactArray | None = None
    subattempts: CompactArray | None = None
    subsysfailures: CompactArray | None = None


class NodeStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``NodeStatus``."""

    phase: int | None = None
    attempts: int | None = None
    system_failures: int | None = None
    parent_node: str | None = None
    sub_node_status: dict[str, NodeStatus | None] | None = None
    workflow_node_status: PhaseOnly | None = None
    dynamic_node_status: PhaseOnly | None = None
    array_node_status: MapStatus | None = None


class WorkflowStatus(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``WorkflowStatus``."""

    phase: int | None = None
    node_status: dict[str, NodeStatus | None] | None = None


class WorkflowMeta(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """``WorkflowMeta``."""

    event_version: int | None = None


class FlyteWorkflow(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """What is read of a FlyteWorkflow; the rest of it, most of its bytes, is skipped while decoding."""

    kind: str | None = None
    metadata: wire.Metadata | None = None
    spec: WorkflowSpec | None = None
    sub_workflows: dict[str, WorkflowSpec | None] | None = None
    workflow_meta: WorkflowMeta | None = None
    status: WorkflowStatus | None = None
