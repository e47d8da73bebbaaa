"""Responses that are not a success, as errors (:mod:`~flytekitplugins_podtriage.kube.client.errors` has the tree)."""

from __future__ import annotations

import re
from typing import Final

from flytekitplugins_podtriage.core.pod_cluster import (
    ClusterBusy,
    ClusterDenied,
    ClusterError,
    PodExists,
    PodRejected,
    QuotaExceeded,
)
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import Forbidden, ListExpired, NotFound, describe
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.status import Status

# k8s.io/apiserver pkg/endpoints/handlers/responsewriters/errors.go: the authorizer's own message, which no admission
# plugin writes; that of a webhook comes after 'admission webhook "..." denied the request'.
_UNAUTHORIZED: Final = re.compile(
    r'[a-z0-9./-]+(?: "[^"]*")? is forbidden: User "(?:[^"\\]|\\.)*" cannot [a-z]+ (?:resource|path) '
)
# k8s.io/apiserver pkg/admission/plugin/resourcequota/controller.go, checkRequest: the quota is used up, or its usage is
# not known yet. "failed quota: ... must specify" is about the pod.
_QUOTA: Final = re.compile(r'[a-z]+ "[^"]*" is forbidden: (?:exceeded quota: |status unknown for quota: )')


def response_error(connection: Connection, operation: Operation, code: int, status: Status) -> ClusterError:
    """Return the error for a response with this HTTP status, and this ``Status`` in its body."""
    prefix, detail = f"{connection.location}: {operation}", status.detail
    if code == 401:
        return ClusterDenied(f"{prefix}: not logged in (401): {detail}; log in again (kubectl has to work)")
    if code == 403:
        return Forbidden(
            f"{connection.location}: may not {operation.permission} (403): {detail}; "
            f"a role that may, to be bound to the user: {operation.role_command}"
        )
    if code == 404 and status.reason == "NotFound":
        return NotFound(f"{prefix}: not found (404): {detail}")
    if code == 410:
        token = status.metadata.continue_ if status.metadata is not None else None
        return ListExpired(f"{prefix}: the list has expired (410): {detail}; try again", next_token=token)
    if 300 <= code < 400:
        return ClusterError(f"{prefix}: redirected ({code}); is it the address of an API server?")
    if code in (408, 409, 429) or code >= 500:
        return ClusterBusy(f"{prefix}: HTTP {code}: {detail}; try again")
    return ClusterError(f"{prefix}: HTTP {code}: {detail}")


def create_error(connection: Connection, operation: Operation, code: int, status: Status) -> ClusterError:
    """Return the error for a pod that was not created."""
    error = response_error(connection, operation, code, status)
    if status.kind != "Status" or code in (401, 408, 429) or not 400 <= code < 500:
        return error
    prefix, detail, reason = f"{connection.location}: {operation}", status.excerpt(1000), status.reason or ""
    if code == 409:
        # Any other conflict: two pods were counted against one quota (it is updated optimistically).
        exists = reason == "AlreadyExists" and (status.details is None or status.details.kind in (None, "pods"))
        return PodExists(f"{prefix}: it already exists") if exists else error
    if code == 403 and _UNAUTHORIZED.match(status.message or ""):
        return error
    if code == 403 and _QUOTA.match(status.message or ""):
        return QuotaExceeded(f"{prefix}: {detail}")
    return PodRejected(f"{prefix}: {detail} ({code})", status=code, reason=reason)


def malformed_response(
    connection: Connection, operation: Operation, expected: str, error: Exception | None = None
) -> ClusterBusy:
    """Return the error for a successful response that is truncated, or not what it should be."""
    detail = f": {describe(error)}" if error is not None else ""
    return ClusterBusy(
        f"{connection.location}: {operation}: the response is not {expected}{detail}; is it an API server?"
    )
