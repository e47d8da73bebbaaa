"""Whether an execution of Flyte is over, as far as its FlyteWorkflow tells.

flytepropeller 1.16.8, pkg/controller/completed_workflows.go: a workflow that is over keeps the label
``termination-status: terminated`` until garbage collection deletes it.
"""

from __future__ import annotations

from typing import Final

import msgspec
import urllib3

from flytekitplugins_podtriage.kube.client.connection import Cluster
from flytekitplugins_podtriage.kube.client.http import Unanswered, quoted, send
from flytekitplugins_podtriage.kube.client.names import is_name
from flytekitplugins_podtriage.kube.client.status import Details, read_status
from flytekitplugins_podtriage.kube.informer.watch_events import UNREADABLE, Bare

_GROUP: Final = "flyte.lyft.com"
_PLURAL: Final = "flyteworkflows"
_LABEL: Final = ("termination-status", "terminated")


def execution_over(cluster: Cluster, namespace: str, name: str, timeout: urllib3.Timeout | None = None) -> bool | None:
    """Return whether an execution is over: it says so, or is not there any more.

    Args:
        cluster: whom to ask.
        namespace: the namespace of its FlyteWorkflow, which is that of its pods.
        name: its name, which is that of its FlyteWorkflow.
        timeout: None: the cluster's.

    Returns:
        None where it cannot be known: there is no such API, it may not be asked, or nobody answers.
    """
    if not is_name(namespace) or not is_name(name):
        return None
    path = f"/apis/{_GROUP}/v1alpha1/namespaces/{quoted(namespace)}/{_PLURAL}/{quoted(name)}"
    try:
        answer = send(cluster, "GET", path, timeout=timeout)
    except Unanswered:
        return None
    if answer.status == 404:
        # Where the API itself is not there, the 404 is about no object, and may be no Status at all.
        said = read_status(answer.data)
        about = said.details or Details()
        same = (about.group, about.kind, about.name) == (_GROUP, _PLURAL, name)
        return True if said.reason == "NotFound" and same else None
    if answer.status != 200:
        return None
    try:
        found = msgspec.json.decode(answer.data, type=Bare).metadata
    except UNREADABLE:
        return None
    if found is None or found.name != name:
        return None
    key, value = _LABEL
    return (found.labels or {}).get(key) == value
