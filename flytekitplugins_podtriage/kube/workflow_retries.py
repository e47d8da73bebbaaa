"""The retries of a pod's task, from the FlyteWorkflow of its execution."""

from __future__ import annotations

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.guard.flyteworkflow import retries_by_label, task_record
from flytekitplugins_podtriage.core.pod_cluster import ClusterError
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.requests import fetch
from flytekitplugins_podtriage.kube.flyteworkflows import workflow


def retries_of_pod(connection: Connection, namespace: str, execution: str, node: str, name: str) -> int | None:
    """Return the user retries of the task of a pod.

    Args:
        connection: to the cluster.
        namespace: the pod's, which is the execution's.
        execution: the label ``execution-id``.
        node: the label ``node-id``: the node's own id.
        name: the pod's, which tells nodes apart that have the same id.

    Returns:
        None if they cannot be known: there is no such resource or no permission to read it, or the node is not in it.
    """
    operation = workflow(namespace, execution)
    if operation.invalid_name is not None:
        return None
    try:
        resource = fetch(connection, operation)
    except ClusterError:
        return None
    pod = wire.Pod(metadata=wire.Metadata(name=name, labels={"node-id": node}))
    record = task_record(resource, pod, Limits())
    if isinstance(record, str):  # of an attempt that is over, when the node's status may have been cleared
        return retries_by_label(resource, node)
    return record.limits.retries if record.retries_known else None
