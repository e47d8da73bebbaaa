"""The permissions that the guard needs, asked for at its start: what is missing is named before it is missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs
import msgspec

from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.error_mapping import response_error
from flytekitplugins_podtriage.kube.client.http import Timeouts, send
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import decode
from flytekitplugins_podtriage.kube.client.status import read_status

_REVIEWS: Final = "authorization.k8s.io/v1"
_RESOURCES: Final = {
    "flyte-1.16": ("flyte.lyft.com/v1alpha1", "flyteworkflows"),
    "flyte-2": ("flyte.org/v1", "taskactions"),
}


@attrs.frozen
class Need:
    """A permission, and what it is for."""

    operation: Operation
    purpose: str
    """What cannot be done without it, as the rest of a sentence."""

    @property
    def missing(self) -> str:
        """What to say, in a line, where it is missing."""
        operation = self.operation
        return f"may not {operation.permission}: {self.purpose}; a role that may: {operation.role_command}"


def needs(policy: GuardPolicy, namespaces: Sequence[str], lease_namespace: str) -> Iterator[Need]:
    """Yield the permissions that the guard needs.

    Args:
        policy: its settings.
        namespaces: those that it guards; none: all.
        lease_namespace: where its lease is.
    """
    group, resource = _RESOURCES[policy.backend]
    for namespace in namespaces or (None,):
        for verb in ("list", "watch", "get"):
            yield Need(Operation(verb, "pods", namespace), "nothing can be decided")
        for verb in ("list", "watch"):
            yield Need(Operation(verb, "events", namespace), "causes that only Events show are not known")
        yield Need(Operation("get", resource, namespace, group=group), "no pod is acted on, as no budget is known")
        yield Need(Operation("create", "events", namespace, group="events.k8s.io/v1"), "acts leave no Event")
        yield Need(Operation("patch", "pods/status", namespace), "no pod can be ended")
        yield Need(Operation("delete", "pods", namespace), "no pod can be ended")
        if policy.backend != "flyte-2":
            yield Need(
                Operation("patch", "pods", namespace), "without the finalizer the user does not read the message"
            )
    yield Need(Operation("get", "nodes"), "no pod is acted on, as no node is known to be Ready")
    yield Need(Operation("get", "namespaces"), "the opt-out label of namespaces is not heeded")
    for verb in ("get", "create", "update"):
        yield Need(
            Operation(verb, "leases", lease_namespace, group="coordination.k8s.io/v1"),
            "no replica leads, and none acts",
        )


class _Status(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Status | None = None


def is_allowed(connection: Connection, need: Need, timeouts: Timeouts) -> bool:
    """Ask the API server whether a permission is given; it blocks its thread.

    Raises:
        ClusterError: it could not be asked.
    """
    wanted = need.operation
    resource, _, subresource = wanted.resource.partition("/")
    attributes: dict[str, Any] = {
        "verb": wanted.verb,
        "group": wanted.group.partition("/")[0],
        "resource": resource,
        "subresource": subresource,
        "namespace": wanted.namespace or "",
    }
    body = {
        "apiVersion": _REVIEWS,
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    operation = Operation("create", "selfsubjectaccessreviews", group=_REVIEWS)
    response = send(connection, operation, body=msgspec.json.encode(body), timeout=timeouts.urllib3())
    if response.status not in (200, 201):
        raise response_error(connection, operation, response.status, read_status(response.body))
    review = decode(connection, operation, response.body, _Review, "a SelfSubjectAccessReview")
    return review.status is not None and review.status.allowed


def missing_permissions(
    connection: Connection,
    policy: GuardPolicy,
    namespaces: Sequence[str],
    lease_namespace: str,
    *,
    timeouts: Timeouts | None = None,
) -> list[Need]:
    """Return the permissions that are missing; it blocks its thread.

    Raises:
        ClusterError: the API server could not be asked.
    """
    limits = timeouts or Timeouts()
    return [need for need in needs(policy, namespaces, lease_namespace) if not is_allowed(connection, need, limits)]
