"""A pod and its events, as the JSON that the server wrote, for the command line."""

from __future__ import annotations

from typing import Final

import msgspec

from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import NotFound
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.paging import list_items
from flytekitplugins_podtriage.kube.client.requests import RETRIES, decode, fetch

_ROLE: Final = ("get,list", "pods,events")
"""The verbs and resources that the functions of this module need."""


class _Kind(msgspec.Struct):
    kind: str = "Pod"


def read_pod(connection: Connection, namespace: str, name: str) -> bytes:
    """Return a pod.

    Raises:
        NotFound: it does not exist. Flyte deletes the pods of attempts that have ended.
        ClusterError: the request failed.
    """
    operation = _checked(Operation("get", "pods", namespace, name, role=_ROLE))
    body = fetch(connection, operation, retries=RETRIES)
    decode(connection, operation, body, _Kind, "a pod")  # complete, and JSON; the core decodes the rest
    return body


def read_events(connection: Connection, namespace: str, name: str, uid: str | None = None) -> list[bytes]:
    """Return the events of a pod; with its uid, without those of an earlier pod of the same name.

    Events are kept for an hour (kube-apiserver ``--event-ttl``): there may be none left.

    Raises:
        Forbidden: events may not be listed; the pod alone may be enough.
        ClusterError: the request failed.
    """
    _checked(Operation("get", "pods", namespace, name))
    selectors = ["involvedObject.kind=Pod", f"involvedObject.name={name}"]
    if uid:
        selectors.append(f"involvedObject.uid={uid}")
    operation = Operation("list", "events", namespace, role=_ROLE)
    return list(list_items(connection, operation, {"fieldSelector": ",".join(selectors)}))


def _checked(operation: Operation) -> Operation:
    if operation.invalid_name is not None:
        raise NotFound(f"{operation}: invalid name; allowed: a-z, 0-9, - and ., up to 253 characters")
    return operation
