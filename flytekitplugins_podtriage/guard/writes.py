"""The writes of an act, one request each, and what their responses mean for it.

=========  =============================================  =================================================
step       request                                        precondition
=========  =============================================  =================================================
EVENT      create in ``events.k8s.io/v1``                 its name follows from the act: it is created once
FINALIZER  strategic merge patch, which adds to the list  uid, resourceVersion
STATUS     merge patch of ``/status``, three fields       uid, resourceVersion
DELETE     delete                                         uid
RELEASE    strategic merge patch, which removes from it   uid
=========  =============================================  =================================================

A resourceVersion in a patch is a precondition (Kubernetes documentation, "API concepts", conflicts), and a patch of
another uid is invalid, since no uid can be changed. Merge patches leave everything else in the status as it is;
finalizers are merged by value (k8s.io/apimachinery ObjectMeta, ``patchStrategy: merge``), so that those of others stay,
and doing it twice does no harm.

No write begins unless the fence allows it, which is asked in the thread that sends it, just before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Union

import attrs
import msgspec

from flytekitplugins_podtriage.core.guard.values import NOT_LEADER, Act, Step, Write, WriteFailed, Written
from flytekitplugins_podtriage.core.pod_cluster import ClusterError
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.error_mapping import response_error
from flytekitplugins_podtriage.kube.client.errors import NotFound, TransportError
from flytekitplugins_podtriage.kube.client.http import JSON, MERGE_PATCH, STRATEGIC_PATCH, Response, Timeouts, send
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS, PartialObject
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import get_pod
from flytekitplugins_podtriage.kube.client.status import read_status, retry_after

FINALIZER: Final = "flyte.org/finalizer-k8s"
"""FlytePropeller's finalizer."""
WRITE_TIMEOUTS: Final = Timeouts(connect=1.0, read=4.0, total=8.0)
"""Shorter than a lease, so that a write can begin during most of it."""
_EVENTS: Final = "events.k8s.io/v1"
_LOGIN_WAIT: Final = 1.0
"""Seconds after which a write is sent again that was refused for its login: other requests renew it."""
_THROTTLED_WAIT: Final = 1.0
"""Seconds after which one is sent again where a 429 does not say."""


@attrs.frozen
class Postponed:
    """A write was refused before anything was done, and may be sent again after so many seconds."""

    seconds: float
    failure: WriteFailed
    """What to report if it is not sent again."""


WriteResult = Union[Written, WriteFailed, Postponed]  # noqa: UP007  # evaluated on Python 3.10 too


def longest(timeouts: Timeouts) -> float:
    """Return how many seconds a write may take: the lease has to outlive them."""
    return timeouts.connect + timeouts.read


def operation_of(step: Step, act: Act) -> Operation:
    """Return what a step does, as RBAC names it."""
    namespace, name = act.namespace, act.name
    if step is Step.EVENT:
        return Operation("create", "events", namespace, name, group=_EVENTS)
    if step is Step.STATUS:
        return Operation("patch", "pods/status", namespace, name)
    return Operation("delete" if step is Step.DELETE else "patch", "pods", namespace, name)


def carry_out(
    connection: Connection,
    operation: Operation,
    write: Write,
    event: Mapping[str, Any] | None,
    may_begin: Callable[[], bool],
    timeouts: Timeouts,
) -> WriteResult:
    """Carry out one step, of which ``operation`` is :func:`operation_of`; it blocks its thread.

    Args:
        connection: to the API server.
        operation: what the step does.
        write: the step.
        event: the Event to create; None for another step.
        may_begin: whether this replica leads for as long as the request may take.
        timeouts: of the request.
    """
    step = write.step
    if operation.invalid_name is not None:
        return WriteFailed(step, f"{operation}: {operation.invalid_name[:80]!r} is not a valid name")
    body, content_type = _body(write, event)
    if not may_begin():
        return WriteFailed(step, NOT_LEADER)
    try:
        response = send(
            connection,
            operation,
            {"timeout": f"{max(1, int(longest(timeouts)))}s"},
            body=body,
            content_type=content_type,
            timeout=timeouts.urllib3(),
            renew_login=False,  # it may take longer than the lease lasts
        )
    except TransportError as error:
        return WriteFailed(step, str(error), unanswered=True)
    if response.status in (200, 201, 202):
        return Written(step, _version(response) if step in (Step.FINALIZER, Step.STATUS) else "")
    return _refused(connection, operation, step, write.act, response, timeouts)


def _body(write: Write, event: Mapping[str, Any] | None) -> tuple[bytes, str]:
    """Return the body of a step's request, and its content type."""
    step, act = write.step, write.act
    if step is Step.EVENT:
        return msgspec.json.encode(event), JSON
    if step is Step.DELETE:
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": act.uid}}
        return msgspec.json.encode(options), JSON
    if step is Step.RELEASE:
        metadata: dict[str, Any] = {"uid": act.uid, "$deleteFromPrimitiveList/finalizers": [FINALIZER]}
        return msgspec.json.encode({"metadata": metadata}), STRATEGIC_PATCH
    same = {"uid": act.uid, "resourceVersion": write.resource_version or act.resource_version}
    if step is Step.FINALIZER:
        return msgspec.json.encode({"metadata": {**same, "finalizers": [FINALIZER]}}), STRATEGIC_PATCH
    status = {"phase": "Failed", "reason": act.reason, "message": act.message}
    return msgspec.json.encode({"metadata": same, "status": status}), MERGE_PATCH


def _refused(
    connection: Connection, operation: Operation, step: Step, act: Act, response: Response, timeouts: Timeouts
) -> WriteResult:
    """Return what a response means that is no success."""
    code, status = response.status, read_status(response.body)
    error = response_error(connection, operation, code, status)
    failure = WriteFailed(step, str(error), unanswered=code >= 500)
    if code in (401, 429):
        wait = retry_after(response.headers, status)
        return Postponed(wait or (_LOGIN_WAIT if code == 401 else _THROTTLED_WAIT), failure)
    if step is Step.EVENT:
        return Written(step) if code == 409 and status.reason == "AlreadyExists" else failure
    deletes = step in (Step.DELETE, Step.RELEASE)
    if code == 409 and not deletes:
        return attrs.evolve(failure, conflict=True)
    if isinstance(error, NotFound) or (code in (409, 422) and _is_gone(connection, act, timeouts)):
        return Written(step) if deletes else attrs.evolve(failure, conflict=True)
    return failure


def _is_gone(connection: Connection, act: Act, timeouts: Timeouts) -> bool:
    """Whether the pod is gone, and its name perhaps another one's.

    The API server answers a delete of another uid with 409, a patch of another uid with 422 ("metadata.uid: field is
    immutable"), and either may have another reason.
    """
    try:
        pod = get_pod(connection, Operation("get", "pods", act.namespace, act.name), timeouts)
    except ClusterError:
        return False
    return pod is None or pod.metadata is None or pod.metadata.uid != act.uid


def _version(response: Response) -> str:
    """Return the pod's resource version after a patch; empty if the response does not show it."""
    try:
        metadata = msgspec.json.decode(response.body, type=PartialObject).metadata
    except DECODE_ERRORS:
        return ""
    return (metadata.resource_version if metadata is not None else None) or ""
