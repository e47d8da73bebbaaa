"""What a live cluster answers instead of doing what it was asked for, as the errors of :mod:`core.cluster`."""

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
from flytekitplugins_podtriage.kube.client.connection import Cluster
from flytekitplugins_podtriage.kube.client.http import Unanswered
from flytekitplugins_podtriage.kube.client.permission import Right
from flytekitplugins_podtriage.kube.client.status import Status

# k8s.io/apiserver pkg/endpoints/handlers/responsewriters/errors.go: what the authorizer says, and no admission plugin;
# a webhook's words come after 'admission webhook "..." denied the request'.
_NO_RIGHT: Final = re.compile(
    r'[a-z0-9./-]+(?: "[^"]*")? is forbidden: User "(?:[^"\\]|\\.)*" cannot [a-z]+ (?:resource|path) '
)
# k8s.io/apiserver pkg/admission/plugin/resourcequota/controller.go, checkRequest: there is no room, or it is not known
# yet how much there is. "failed quota: ... must specify" is about the pod.
_QUOTA: Final = re.compile(r'[a-z]+ "[^"]*" is forbidden: (?:exceeded quota: |status unknown for quota: )')


def at(cluster: Cluster) -> str:
    """Return the name and address of a cluster, for messages."""
    return f"{cluster.name} at {cluster.client.configuration.host}"


def unanswered(cluster: Cluster, doing: str, error: Unanswered) -> ClusterBusy:
    """Return the error where there was no answer."""
    return ClusterBusy(f"{at(cluster)}: no answer to: {doing}: {error}")


def refused(cluster: Cluster, doing: str, right: Right, status: int, said: Status) -> ClusterError:
    """Return the error for an answer that is no success.

    Args:
        cluster: who answered.
        doing: what was asked for, in RBAC's words, with the name.
        right: the right that it needs.
        status: the HTTP status.
        said: what the answer says of itself.
    """
    where = f"{at(cluster)}: {doing}"
    if status == 401:
        return ClusterDenied(f"{where}: not logged in (401): {said.detail}; log in again (kubectl has to work)")
    if status == 403:
        return ClusterDenied(f"{at(cluster)}: may not {right} (403): {said.detail}; a role that may: {right.command}")
    if 300 <= status < 400:
        return ClusterError(f"{where}: redirected ({status}); is it the address of an API server?")
    if status in {408, 429} or status >= 500:
        return ClusterBusy(f"{where}: not now ({status}): {said.detail}")
    return ClusterError(f"{where}: HTTP {status}: {said.detail}")


def not_created(cluster: Cluster, doing: str, right: Right, status: int, said: Status) -> ClusterError:
    """Return the error for a pod that was not created; see :func:`refused`."""
    where = f"{at(cluster)}: {doing}"
    told = said.kind == "Status"
    if not told or status in (401, 408, 429) or status < 400 or status >= 500:
        return refused(cluster, doing, right, status, said)
    detail, reason = said.whole, said.reason or ""
    if status == 409:
        if reason == "AlreadyExists" and (said.details is None or said.details.kind in (None, "pods")):
            return PodExists(f"{where}: it already exists")
        # Two pods at once were counted against one quota (the ResourceQuota is updated optimistically).
        return ClusterBusy(f"{where}: not now (409): {detail}")
    if status == 403:
        message = said.message or ""
        if _NO_RIGHT.match(message):
            return refused(cluster, doing, right, status, said)
        if _QUOTA.match(message):
            return QuotaExceeded(f"{where}: {detail}")
    return PodRejected(f"{where}: {detail} ({status})", status=status, reason=reason)
