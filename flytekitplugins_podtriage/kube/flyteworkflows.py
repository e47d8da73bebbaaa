"""Whether an execution of Flyte has ended, according to its FlyteWorkflow.

flytepropeller 1.16.8, pkg/controller/completed_workflows.go: a workflow that has ended keeps the label
``termination-status: terminated`` until garbage collection deletes it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts, send
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS, PartialObject
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.status import Details, read_status

_GROUP: Final = "flyte.lyft.com"
_PLURAL: Final = "flyteworkflows"
_LABEL: Final = ("termination-status", "terminated")


def workflow(namespace: str, name: str) -> Operation:
    """Return the operation that reads an execution's FlyteWorkflow, which has its name and its pods' namespace."""
    return Operation("get", _PLURAL, namespace, name, group=f"{_GROUP}/v1alpha1")


def execution_over(connection: Connection, operation: Operation, timeouts: Timeouts) -> bool | None:
    """Return whether an execution has ended: its FlyteWorkflow says so, or does not exist any more.

    Returns:
        None if that cannot be known: there is no such API, or no permission to read it.

    Raises:
        TransportError: there is no response.
    """
    response = send(connection, operation, timeout=timeouts.urllib3())
    if response.status == 404:
        # If the API itself does not exist, the 404 is about no object, and may not even be a Status.
        status = read_status(response.body)
        details = status.details or Details()
        same = (details.group, details.kind, details.name) == (_GROUP, _PLURAL, operation.name)
        return True if status.reason == "NotFound" and same else None
    if response.status != 200:
        return None
    try:
        metadata = msgspec.json.decode(response.body, type=PartialObject).metadata
    except DECODE_ERRORS:
        return None
    if metadata is None or metadata.name != operation.name:
        return None
    key, value = _LABEL
    return (metadata.labels or {}).get(key) == value
