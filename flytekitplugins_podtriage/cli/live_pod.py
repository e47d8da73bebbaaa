"""A pod of a live cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from flytekitplugins_podtriage.cli.errors import InputError
from flytekitplugins_podtriage.cli.pod_documents import PodRecord

if TYPE_CHECKING:
    from flytekitplugins_podtriage.kube.client.connection import Connection


def read_live_pod(
    name: str, namespace: str | None, context: str | None, *, flyte_config: str | None, needs_retries: bool
) -> PodRecord:
    """Read a pod and, with the permissions, its events and its task's retries.

    Args:
        name: of the pod.
        namespace: its namespace; None: the context's.
        context: one of the kubeconfig; None: the current one.
        flyte_config: a configuration of flytekit or flytectl; None: the one that flytekit uses.
        needs_retries: whether the task's retries are not given.

    Raises:
        InputError: there is no kubeconfig, the cluster cannot be reached, or it has no such pod.
    """
    from flytekitplugins_podtriage.core.pod_cluster import ClusterError
    from flytekitplugins_podtriage.kube.client.connection import connect
    from flytekitplugins_podtriage.kube.client.errors import Forbidden
    from flytekitplugins_podtriage.kube.pod_reader import read_events, read_pod

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
        retries, source = _retries(connection, namespace, name, pod, flyte_config) if needs_retries else (None, "")
    except msgspec.MsgspecError as error:
        raise InputError(f"pod {pod_ref}: the cluster's answer is not JSON: {error}") from error
    except ClusterError as error:
        raise InputError(str(error)) from error
    return PodRecord(pod, tuple(events), pod_ref, retries=retries, retries_from=source)


def _retries(
    connection: Connection, namespace: str, name: str, pod: Mapping[str, Any], flyte_config: str | None
) -> tuple[int | None, str]:
    """Return the user retries of a pod's task and who says so: its FlyteWorkflow, else flyteadmin, else nobody."""
    from flytekitplugins_podtriage.core.flyte_pods import label
    from flytekitplugins_podtriage.flyte.admin.pod_retries import FlytePod, retries_of_pod
    from flytekitplugins_podtriage.kube import workflow_retries

    execution, node = label(pod, "execution-id"), label(pod, "node-id")
    if execution is None or node is None:
        return None, ""
    retries = workflow_retries.retries_of_pod(connection, namespace, execution, node, name)
    if retries is not None:
        return retries, f"The FlyteWorkflow {execution}"
    project, domain = label(pod, "project"), label(pod, "domain")
    if project is None or domain is None:
        return None, ""
    registered = retries_of_pod(FlytePod(project, domain, execution, node, name), flyte_config)
    if registered is None:
        return None, ""
    return registered.retries, f"flyteadmin's definition of {registered.task}"
