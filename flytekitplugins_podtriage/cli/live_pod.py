"""A pod of a live cluster."""

from __future__ import annotations

import msgspec

from flytekitplugins_podtriage.cli.errors import Refused
from flytekitplugins_podtriage.cli.pod_documents import Subject


def live_subject(name: str, namespace: str | None, context: str | None) -> Subject:
    """Read a pod and its events by kubeconfig.

    Raises:
        Refused: there is no kubeconfig, the cluster cannot be reached, or it has no such pod.
    """
    pod_ref = f"{namespace}/{name}" if namespace else name
    pod, events = pod_of_cluster(name, namespace, context)
    try:
        return Subject(msgspec.json.decode(pod), tuple(msgspec.json.decode(event) for event in events), pod_ref)
    except msgspec.MsgspecError as error:
        raise Refused(f"pod {pod_ref}: the cluster's answer is not JSON: {error}") from error


def pod_of_cluster(name: str, namespace: str | None, context: str | None) -> tuple[bytes, list[bytes]]:
    """Return a pod of a live cluster and its events, as JSON.

    A user who may read pods may not be allowed to read events: then the events are empty, and the verdict rests on the
    pod alone.

    Args:
        name: the pod's name.
        namespace: its namespace; None for the context's.
        context: the context of the kubeconfig; None for the current one.

    Raises:
        Refused: there is no kubeconfig, the cluster cannot be reached, or it has no such pod.
    """
    from flytekitplugins_podtriage.core.decode import read_pod as decode_pod
    from flytekitplugins_podtriage.core.errors import InvalidPod
    from flytekitplugins_podtriage.core.pod_cluster import ClusterError
    from flytekitplugins_podtriage.kube.client.connection import connect
    from flytekitplugins_podtriage.kube.client.errors import Forbidden
    from flytekitplugins_podtriage.kube.pod_reader import read_events, read_pod

    try:
        cluster = connect(context)
        namespace = namespace or cluster.namespace
        pod = read_pod(cluster, namespace, name)
        metadata = decode_pod(pod).metadata
        try:
            return pod, read_events(cluster, namespace, name, metadata.uid if metadata else None)
        except Forbidden:
            return pod, []
    except (ClusterError, InvalidPod) as error:
        raise Refused(str(error)) from error
