"""The requests to a cluster beside the watch: each blocks its thread, and takes the operation that it performs.

They raise a :class:`~flytekitplugins_podtriage.core.pod_cluster.ClusterError` unless the server did what was requested.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pod_cluster import PodRejected
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.error_mapping import create_error, malformed_response, response_error
from flytekitplugins_podtriage.kube.client.errors import NotFound
from flytekitplugins_podtriage.kube.client.http import Timeouts, send
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS, Page
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.status import read_status, retry_after

RETRIES: Final = 3
"""How often the command line repeats a request while the server is busy."""
_RETRIED: Final = frozenset({429, 503, 504})
"""Statuses after which the same request may succeed (priority and fairness; a cache that lags behind)."""
_LOG_BYTES: Final = 1_000_000

T = TypeVar("T")


def fetch(
    connection: Connection,
    operation: Operation,
    query: Mapping[str, str] | None = None,
    *,
    timeouts: Timeouts | None = None,
    retries: int = 0,
) -> bytes:
    """Return the body of the response to a GET, repeated while the server is busy after the wait that it asks for."""
    while True:
        response = send(connection, operation, query, timeout=timeouts.urllib3() if timeouts is not None else None)
        if response.status == 200:
            return response.body
        status = read_status(response.body)
        if response.status not in _RETRIED or retries <= 0:
            raise response_error(connection, operation, response.status, status)
        retries -= 1
        wait = retry_after(response.headers, status)
        connection.sleep(1.0 if wait is None else wait)


def decode(connection: Connection, operation: Operation, body: bytes, kind: type[T], expected: str) -> T:
    """Decode a response that should be a ``kind``; ``expected`` names it in a message: ``a pod``."""
    try:
        return msgspec.json.decode(body, type=kind)
    except DECODE_ERRORS as error:
        raise malformed_response(connection, operation, expected, error) from error


def create_pod(
    connection: Connection, operation: Operation, manifest: Mapping[str, Any], timeouts: Timeouts
) -> wire.Pod:
    """Create a pod; return it as the API server stores it. After ``ClusterBusy`` it may have been created too."""
    prefix = f"{connection.location}: {operation}"
    if operation.invalid_name is not None:
        raise PodRejected(f"{prefix}: {operation.invalid_name[:80]!r} is not a valid namespace", status=404)
    try:
        body = msgspec.json.encode(manifest)
    except (TypeError, ValueError, OverflowError, *DECODE_ERRORS) as error:
        raise PodRejected(f"{prefix}: the manifest cannot be written as JSON: {error}", status=400) from error
    response = send(connection, operation, body=body, timeout=timeouts.urllib3())
    if response.status not in (200, 201, 202):
        raise create_error(connection, operation, response.status, read_status(response.body))
    return decode(connection, operation, response.body, wire.Pod, "a pod")


def delete_pod(
    connection: Connection, operation: Operation, uid: str | None, grace: int | None, timeouts: Timeouts
) -> None:
    """Request a pod's deletion; nothing happens if it is gone, or its uid is another one by now."""
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if uid is not None:
        options["preconditions"] = {"uid": uid}
    if grace is not None:
        options["gracePeriodSeconds"] = max(0, grace)
    response = send(connection, operation, body=msgspec.json.encode(options), timeout=timeouts.urllib3())
    if response.status in (200, 202):
        return
    error = response_error(connection, operation, response.status, read_status(response.body))
    if isinstance(error, NotFound):
        return
    if response.status == 409 and uid is not None:
        # The precondition failed, or so it seems: the wording differs between parts of the API server.
        current = get_pod(connection, Operation("get", "pods", operation.namespace, operation.name), timeouts)
        if current is None or current.metadata is None or current.metadata.uid != uid:
            return
    raise error


def get_pod(
    connection: Connection, operation: Operation, timeouts: Timeouts, pod_type: type[wire.Pod] = wire.Pod
) -> wire.Pod | None:
    """Return a pod, decoded as this type; None if it does not exist."""
    try:
        body = fetch(connection, operation, timeouts=timeouts)
    except NotFound:
        return None
    return decode(connection, operation, body, pod_type, "a pod")


def list_pods(connection: Connection, operation: Operation, selector: str, timeouts: Timeouts) -> list[wire.Pod]:
    """Return the pods that a label selector selects; an empty one selects all."""
    body = fetch(connection, operation, {"labelSelector": selector} if selector else {}, timeouts=timeouts)
    return decode(connection, operation, body, Page[wire.Pod], "a list of pods").items or []


def get_logs(connection: Connection, operation: Operation, container: str, lines: int, timeouts: Timeouts) -> str:
    """Return the last lines of a container's log; empty if there is no log, container or pod."""
    query = {"tailLines": str(max(0, lines)), "limitBytes": str(_LOG_BYTES)}
    if container:
        query["container"] = container
    response = send(connection, operation, query, timeout=timeouts.urllib3())
    if response.status == 200:
        return response.body.decode(errors="replace")
    status = read_status(response.body)
    # 204: not bound to a node (kubernetes pkg/registry/core/pod/strategy.go, LogLocation). 400: the container is not
    # started yet, or does not exist.
    if response.status == 204 or (response.status in (400, 404) and status.kind == "Status"):
        return ""
    raise response_error(connection, operation, response.status, status)
