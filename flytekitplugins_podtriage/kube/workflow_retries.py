"""The retries of a task, from the FlyteWorkflow of its execution.

flytepropeller 1.16.8, pkg/apis/flyteworkflow/v1alpha1 (workflow.go, nodes.go): ``spec.nodes.<id>.retry.minAttempts``,
the same below ``subWorkflows``, and for mapped tasks in ``array.SubNodeSpec``. The nodes of a dynamic task, and those
of a workflow whose closure is offloaded, are not in the resource.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flytekitplugins_podtriage.core.pod_cluster import ClusterError
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS
from flytekitplugins_podtriage.kube.client.requests import fetch
from flytekitplugins_podtriage.kube.flyteworkflows import workflow


class _Retry(msgspec.Struct, rename="camel"):
    min_attempts: int | None = None


class _Array(msgspec.Struct):
    sub_node_spec: _Node | None = msgspec.field(default=None, name="SubNodeSpec")


class _Node(msgspec.Struct):
    retry: _Retry | None = None
    array: _Array | None = None


class _Spec(msgspec.Struct):
    nodes: dict[str, _Node] | None = None


class _Workflow(msgspec.Struct, rename="camel"):
    spec: _Spec | None = None
    sub_workflows: dict[str, _Spec] | None = None


def retries_of_node(connection: Connection, namespace: str, execution: str, node: str) -> int | None:
    """Return the user retries of a node by its local id, as in the label ``node-id`` of its pods.

    Returns:
        None if they cannot be known: there is no such resource or no permission to read it, the node is not in it, or
        several subworkflows have nodes of that id with different retries.
    """
    operation = workflow(namespace, execution)
    if operation.invalid_name is not None:
        return None
    try:
        found = _DECODER.decode(fetch(connection, operation))
    except (ClusterError, *DECODE_ERRORS):
        return None
    retries = {_retries(one) for one in _nodes(found, node)}
    return retries.pop() if len(retries) == 1 else None


def _nodes(found: _Workflow, node: str) -> Iterator[_Node]:
    for spec in (found.spec, *(found.sub_workflows or {}).values()):
        known = (spec.nodes or {}).get(node) if spec is not None else None
        if known is not None:
            yield known


def _retries(node: _Node) -> int:
    mapped = node.array.sub_node_spec if node.array is not None else None
    retry = (mapped or node).retry
    return max((retry.min_attempts if retry is not None else None) or 1, 1) - 1


_DECODER = msgspec.json.Decoder(_Workflow)
