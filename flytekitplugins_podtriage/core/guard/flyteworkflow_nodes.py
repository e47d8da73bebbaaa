"""The nodes of a FlyteWorkflow and where they stand: those of its subworkflows, branches, maps and dynamic tasks too.

How nodes are nested follows the handlers of flytepropeller 1.16.8 in pkg/controller/nodes: subworkflow/subworkflow.go
and branch/handler.go (``getExecutionContextForDownstream``), dynamic/dynamic_workflow.go, array/handler.go
(``buildArrayNodeContext``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from flytekitplugins_podtriage.core.guard.compact_array import number_at
from flytekitplugins_podtriage.core.guard.flyteworkflow_wire import (
    FlyteWorkflow,
    MapStatus,
    NodePhase,
    NodeSpec,
    NodeStatus,
    WorkflowPhase,
    WorkflowSpec,
    WorkflowStatus,
)
from flytekitplugins_podtriage.core.guard.pod_names import node_label, unique_node_id

TASK: Final = "task"
_DYNAMIC: Final = "dynamic-node"
"""``dynamicNodeID``: under it are the nodes that a dynamic task has made."""
_ELEMENT: Final = re.compile(r"n(0|[1-9]\d{0,8})")
_MOST_ELEMENTS: Final = 10_000
"""How many elements of maps are visited where no label says which one is wanted."""
_ALIVE: Final = (NodePhase.QUEUED, NodePhase.RUNNING, NodePhase.DYNAMIC_RUNNING)
"""The phases of a node in which those inside it run."""
_EXECUTING: Final = 1
"""``WorkflowNodePhaseExecuting``, ``DynamicNodePhaseExecuting``, ``ArrayNodePhaseExecuting``."""
_FAILING: Final = 2
"""``WorkflowNodePhaseFailing``, ``DynamicNodePhaseFailing``, ``ArrayNodePhaseFailing``."""


@attrs.frozen(kw_only=True, slots=True)
class NodeRun:
    """A node that is being run, or one element of a map."""

    id: str
    """Unique among the nodes beside it only."""
    unique_id: str
    """Unique in the execution; part of the names of its pods."""
    spec: NodeSpec | None
    """None: it is not in the resource."""
    phase: int
    attempts: int
    system_failures: int
    parent_over: bool
    """Whether what contains it has ended, fails or starts over, so that it is aborted."""
    dynamic: bool
    """Whether its own pod is done, and the nodes that it made run."""


@attrs.frozen(slots=True)
class _Scope:
    """Nodes that stand beside each other."""

    statuses: Mapping[str, NodeStatus | None]
    spec: WorkflowSpec | None
    """None: not in the resource."""
    parent: tuple[str, int] | None
    over: bool
    """Whether its nodes are aborted."""
    failing: bool = False
    """Whether only its failure node runs."""

    def spec_of(self, node: str) -> NodeSpec | None:
        if self.spec is None:
            return None
        if self.is_failure_node(node):
            return self.spec.on_failure
        return (self.spec.nodes or {}).get(node)

    def is_failure_node(self, node: str) -> bool:
        failure = self.spec.on_failure if self.spec is not None else None
        return failure is not None and failure.id == node


def node_runs(workflow: FlyteWorkflow, label: str | None = None) -> Iterator[NodeRun]:
    """Visit the nodes that FlytePropeller has begun with and that may have a pod.

    Args:
        workflow: the resource.
        label: the label ``node-id``, to visit only nodes that give it to their pods; None: all.
    """
    status = workflow.status or WorkflowStatus()
    phase = status.phase or 0
    handles_failure = phase == WorkflowPhase.HANDLING_FAILURE_NODE
    over = phase not in (WorkflowPhase.READY, WorkflowPhase.RUNNING) and not handles_failure
    scopes = [_Scope(status.node_status or {}, workflow.spec, None, over, handles_failure)]
    # EventVersion0: a node's own id is taken for a unique one (taskexec_context.go).
    plain_ids = not ((workflow.workflow_meta and workflow.workflow_meta.event_version) or 0)
    elements_left = _MOST_ELEMENTS
    while scopes:
        scope = scopes.pop()
        lineages = _Lineages(scope, plain_ids)
        for node, run in scope.statuses.items():
            if run is None:
                continue
            spec = scope.spec_of(node)
            if run.array_node_status is not None:
                indices = _indices(run.array_node_status, label, elements_left)
                elements_left -= len(indices) if label is None else 0
                yield from _elements(run.array_node_status, indices, node, run, spec, lineages, plain_ids)
            elif run.sub_node_status:
                scopes.append(_inside(workflow, node, run, spec, lineages))
            if (label is None or node == label or node_label(node) == label) and _may_have_pod(run, spec):
                yield NodeRun(
                    id=node,
                    unique_id=lineages.unique_id(node),
                    spec=spec,
                    phase=run.phase or 0,
                    attempts=run.attempts or 0,
                    system_failures=run.system_failures or 0,
                    parent_over=lineages.over(node),
                    dynamic=run.dynamic_node_status is not None and bool(run.dynamic_node_status.phase),
                )


def _may_have_pod(run: NodeStatus, spec: NodeSpec | None) -> bool:
    if run.array_node_status is not None or run.workflow_node_status is not None:
        return False
    return spec is None or spec.kind in (None, TASK)


class _Lineages:
    """The unique ids of the nodes of a scope. A branch contains the node that it has chosen, which stands beside it."""

    def __init__(self, scope: _Scope, plain_ids: bool) -> None:
        self._scope = scope
        self._plain_ids = plain_ids
        self._ids: dict[str, tuple[str, bool]] = {}
        """The unique id by node, and whether what contains it is over."""

    def unique_id(self, node: str) -> str:
        return node if self._plain_ids else self._of(node)[0]

    def over(self, node: str) -> bool:
        return self._of(node)[1]

    def _of(self, node: str) -> tuple[str, bool]:
        chain = [node]
        visited = {node}
        while chain[-1] not in self._ids:
            branch = self._branch_of(chain[-1])
            if branch is None or branch in visited:
                break
            chain.append(branch)
            visited.add(branch)
        for inner in reversed(chain):
            if inner not in self._ids:
                self._ids[inner] = self._resolved(inner)
        return self._ids[node]

    def _branch_of(self, node: str) -> str | None:
        run = self._scope.statuses.get(node)
        branch = run.parent_node if run is not None else None
        return branch if branch is not None and self._scope.statuses.get(branch) is not None else None

    def _resolved(self, node: str) -> tuple[str, bool]:
        scope = self._scope
        branch = self._branch_of(node)
        if branch is None or branch not in self._ids:  # the latter: a branch that contains itself
            over = scope.over or scope.failing != scope.is_failure_node(node)
            return unique_node_id(scope.parent, node), over
        unique_id, over = self._ids[branch]
        run = scope.statuses[branch] or NodeStatus()
        return unique_node_id((unique_id, run.attempts or 0), node), over or run.phase not in _ALIVE


def _inside(workflow: FlyteWorkflow, node: str, run: NodeStatus, spec: NodeSpec | None, lineages: _Lineages) -> _Scope:
    """Return the scope of the nodes inside a subworkflow's or a dynamic task's."""
    parent = lineages.unique_id(node), run.attempts or 0
    over = lineages.over(node) or run.phase not in _ALIVE
    statuses = run.sub_node_status or {}
    made = statuses.get(_DYNAMIC)
    if made is not None and (run.dynamic_node_status is not None or (spec is not None and spec.kind == TASK)):
        dynamic_phase = run.dynamic_node_status.phase if run.dynamic_node_status is not None else None
        return _Scope(made.sub_node_status or {}, None, parent, over or dynamic_phase != _EXECUTING)
    ref = spec.workflow.sub_workflow_ref if spec is not None and spec.workflow is not None else None
    inner = (workflow.sub_workflows or {}).get(ref) if ref is not None else None
    failing = run.workflow_node_status is not None and run.workflow_node_status.phase == _FAILING
    return _Scope(statuses, inner, parent, over, failing)


def _indices(mapped: MapStatus, label: str | None, most: int) -> range:
    """Return which elements of a map to visit: their own ids are ``n0``, ``n1`` and so on."""
    count = (mapped.subphase.count if mapped.subphase is not None else None) or 0
    if label is None:
        return range(min(count, most))
    element = _ELEMENT.fullmatch(label)
    index = int(element[1]) if element is not None else count
    return range(index, index + 1) if index < count else range(0)


def _elements(
    mapped: MapStatus,
    indices: range,
    node: str,
    run: NodeStatus,
    spec: NodeSpec | None,
    lineages: _Lineages,
    plain_ids: bool,
) -> Iterator[NodeRun]:
    if not indices:
        return
    parent = lineages.unique_id(node), run.attempts or 0
    over = lineages.over(node) or run.phase not in _ALIVE or mapped.phase != _EXECUTING
    sub_spec = spec.array.sub_node_spec if spec is not None and spec.array is not None else None
    for index in indices:
        element = f"n{index}"
        yield NodeRun(
            id=element,
            unique_id=element if plain_ids else unique_node_id(parent, element),
            spec=sub_spec,
            phase=number_at(mapped.subphase, index) or 0,
            attempts=number_at(mapped.subattempts, index) or 0,
            system_failures=number_at(mapped.subsysfailures, index) or 0,
            parent_over=over,
            dynamic=False,
        )
