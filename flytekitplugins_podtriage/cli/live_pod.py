"""A pod of a live cluster."""

from __future__ import annotations

import msgspec

from flytekitplugins_podtriage.cli.errors import InputError
from flytekitplugins_podtriage.cli.pod_documents import PodRecord


def read_live_pod(name: str, namespace: str | None, context: str | None) -> PodRecord:
    """Read a pod and, with the permissions, its events and its task's retries.

    ``context`` is one of the kubeconfig; None: the current one.

    Raises:
        InputError: there is no kubeconfig, the cluster cannot be reached, or it has no such pod.
    """
    from flytekitplugins_podtriage.core.flyte_pods import label
    from flytekitplugins_podtriage.core.pod_cluster import ClusterError
    from flytekitplugins_podtriage.kube.client.connection import connect
    from flytekitplugins_podtriage.kube.client.errors import Forbidden
    from flytekitplugins_podtriage.kube.pod_reader import read_events, read_pod
    from flytekitplugins_podtriage.kube.workflow_retries import retries_of_node

    pod_ref = f"{namespace}/{name}" if namespace else name
    try:
        connection = connect(context)
        namespace = namespace or connection.namespace
        pod = msgspec.json.decode(read_pod(connection, namespace, name))
        metadata = pod.get("metadata")
        uid = metadata.get("uid") if isinstance(metadata, dict) else None
        try:
            events = [msgspec.json.decode(event) for event in read_events(connection, namespace, name, uid)]
        except Forbidden:
            events = []
        execution, node = label(pod, "execution-id"), label(pod, "node-id")
        retries = retries_of_node(connection, namespace, execution, node) if execution and node else None
    except msgspec.MsgspecError as error:
        raise InputError(f"pod {pod_ref}: the cluster's answer is not JSON: {error}") from error
    except ClusterError as error:
        raise InputError(str(error)) from error
    return PodRecord(pod, tuple(events), pod_ref, retries=retries)
