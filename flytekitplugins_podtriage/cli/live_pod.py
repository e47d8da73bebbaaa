"""A pod of a live cluster."""

from __future__ import annotations

import msgspec

from flytekitplugins_podtriage.cli.errors import Refused
from flytekitplugins_podtriage.cli.pod_documents import Subject
from flytekitplugins_podtriage.config import Unreachable, pod_of_cluster


def live_subject(name: str, namespace: str | None, context: str | None) -> Subject:
    """Read a pod and its events by kubeconfig.

    Raises:
        Refused: the cluster cannot be reached, or has no such pod.
    """
    where = f"{namespace}/{name}" if namespace else name
    try:
        pod, events = pod_of_cluster(name, namespace, context)
        return Subject(msgspec.json.decode(pod), tuple(msgspec.json.decode(event) for event in events), where)
    except Unreachable as error:
        raise Refused(str(error)) from error
    except msgspec.MsgspecError as error:
        raise Refused(f"pod {where}: the cluster's answer is not JSON: {error}") from error
