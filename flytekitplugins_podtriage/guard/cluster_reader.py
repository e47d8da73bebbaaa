"""Reading what ``podtriage doctor`` reports on: the backend's settings and version, nodes, clocks, permissions.

Everything that may not be read is not known, and nothing raises but for a cluster that does not answer at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import yaml

from flytekitplugins_podtriage.core.guard.cluster_facts import ClusterFacts
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy, Mode
from flytekitplugins_podtriage.core.guard.propeller_config import BackendConfig, read_propeller_config
from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied, ClusterError
from flytekitplugins_podtriage.guard.settings_file import GuardSettings
from flytekitplugins_podtriage.guard.surroundings import read_config_map, read_version
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.error_mapping import response_error
from flytekitplugins_podtriage.kube.client.http import send
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import decode, fetch
from flytekitplugins_podtriage.kube.client.status import read_status

RESOURCES: Final = {
    "flyte-1.16": ("flyte.lyft.com/v1alpha1", "flyteworkflows"),
    "flyte-2": ("flyte.org/v1", "taskactions"),
}
"""The backend's own resource: API group with version, and plural."""
HOST: Final = "this host"
"""Whose clock is compared with the API server's."""
_AUTHORIZATION: Final = "authorization.k8s.io/v1"
_PAGE: Final = "500"

Right = tuple[str, str, str]
"""API group, resource, verb: as in a role."""


class _NodeInfo(msgspec.Struct, rename="camel"):
    kubelet_version: str | None = None


class _NodeStatus(msgspec.Struct, rename="camel"):
    node_info: _NodeInfo | None = None


class _Node(msgspec.Struct):
    status: _NodeStatus | None = None


class _ListMeta(msgspec.Struct):
    next_token: str | None = msgspec.field(default=None, name="continue")


class _Nodes(msgspec.Struct):
    metadata: _ListMeta | None = None
    items: list[_Node] | None = None


class _ReviewStatus(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _ReviewStatus | None = None


def rights(policy: GuardPolicy, namespace: str | None) -> Iterator[Right]:
    """Yield what the guard needs in a namespace (None: in all): the rights to act only where it may act.

    They are those of the chart's files, which a test compares.
    """
    for verb in ("get", "list", "watch"):
        yield "", "pods", verb
    for verb in ("list", "watch"):
        yield "", "events", verb
    yield "events.k8s.io", "events", "create"
    group, resource = RESOURCES[policy.backend]
    yield group.partition("/")[0], resource, "get"
    mode = policy.mode if namespace is None else policy.mode_of(namespace)
    if mode is Mode.ENFORCE:
        yield "", "pods/status", "patch"
        yield "", "pods", "delete"
        if policy.backend == "flyte-1.16":
            yield "", "pods", "patch"


def cluster_rights() -> tuple[Right, ...]:
    """Return what the guard needs of what belongs to no namespace."""
    return (("", "nodes", "get"), ("", "namespaces", "get"))


def read_facts(
    connection: Connection, settings: GuardSettings, wall: datetime, account: tuple[str, str] | None = None
) -> ClusterFacts:
    """Read everything; it blocks its thread.

    Args:
        connection: to the API server.
        settings: the guard's: what it would run with here.
        wall: this host's time.
        account: namespace and name of the guard's service account, whose permissions are asked for; None: the user's.

    Raises:
        ClusterUnreachable: the API server does not answer.
        ClusterDenied: nobody is logged in, or the permissions of ``account`` may not be asked for.
    """
    config, problem, source = read_backend(connection, settings)
    policy = settings.policy(
        config.stock if config is not None else None, config.limits if config is not None else None
    )
    version, _ = read_version(connection, settings)
    return ClusterFacts(
        policy=policy,
        config=config,
        config_problem=problem,
        config_source=source,
        backend_version=version,
        resource_served=_is_served(connection, policy.backend),
        kubelets=_kubelets(connection),
        events_readable=_may_list_events(connection, settings.namespaces),
        missing_permissions=missing_permissions(
            connection, policy, settings, account=account, lease_namespace=settings.lease_namespace
        ),
        clock_offsets={HOST: _ahead(connection, wall)},
    )


def read_backend(connection: Connection, settings: GuardSettings) -> tuple[BackendConfig | None, str, str]:
    """Return the backend's settings, why they are not known, and which ConfigMap was read."""
    data, notes, source = read_config_map(connection, settings)
    if data is None:
        return None, "; ".join(notes), source
    return backend_config(data, settings.backend), "", source


def backend_config(data: Mapping[str, str], backend: str) -> BackendConfig:
    """Read the backend's settings out of the files of its ConfigMap; one that is no YAML is one of its problems."""
    files: dict[str, object] = {}
    for name, text in data.items():
        try:
            files[name] = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError, ValueError):
            files[name] = text  # no table: one of its problems
    return read_propeller_config(files, backend)


def _ahead(connection: Connection, wall: datetime) -> float:
    """Return by how many seconds this host's clock is ahead; the server's is known to within a second."""
    ahead = (wall - connection.clock.now()).total_seconds()
    return max(0.0, ahead - 1.0) if ahead > 0 else ahead


def _is_served(connection: Connection, backend: str) -> bool | None:
    group, resource = RESOURCES[backend]
    response = send(connection, Operation("list", resource, None, group=group), {"limit": "1"})
    # 403 is answered for resources that do not exist too; the 404 for these is no Status.
    return {200: True, 404: False}.get(response.status)


def _kubelets(connection: Connection) -> Mapping[str, int]:
    operation, token = Operation("list", "nodes"), ""
    versions: Counter[str] = Counter()
    while True:
        query = {"limit": _PAGE, **({"continue": token} if token else {})}
        try:
            page = msgspec.json.decode(fetch(connection, operation, query), type=_Nodes)
        except (ClusterError, *DECODE_ERRORS):
            return versions
        for node in page.items or ():
            info = node.status.node_info if node.status is not None else None
            if info is not None and info.kubelet_version:
                versions[info.kubelet_version] += 1
        token = (page.metadata.next_token if page.metadata is not None else None) or ""
        if not token:
            return versions


def _may_list_events(connection: Connection, namespaces: tuple[str, ...]) -> bool | None:
    try:
        for namespace in namespaces or (None,):
            fetch(connection, Operation("list", "events", namespace), {"limit": "1"})
    except ClusterDenied:
        return False
    except ClusterError:
        return None
    return True


def missing_permissions(
    connection: Connection,
    policy: GuardPolicy,
    settings: GuardSettings,
    *,
    account: tuple[str, str] | None = None,
    lease_namespace: str = "",
) -> tuple[str, ...]:
    """Return the permissions that the guard lacks, as RBAC names them; it blocks its thread.

    Args:
        connection: to the API server.
        policy: the guard's settings: the rights to act are needed where the mode is enforce.
        settings: namespaces and names.
        account: namespace and name of the service account that is asked about; None: whoever asks.
        lease_namespace: where Lease and switch are; empty: they are not asked about.

    Raises:
        ClusterError: it could not be asked.
    """
    asked: list[tuple[str | None, Right, str]] = [(None, right, "") for right in cluster_rights()]
    enforced = [name for name, mode in policy.namespace_modes.items() if mode is Mode.ENFORCE]
    further = [] if settings.namespaces or policy.mode is Mode.ENFORCE else enforced
    for namespace in (*(settings.namespaces or (None,)), *further):
        asked += [(namespace, right, "") for right in rights(policy, namespace)]
    if lease_namespace:
        leases, switch = ("coordination.k8s.io", "leases"), ("", "configmaps", "get")
        asked += [(lease_namespace, (*leases, verb), settings.lease_name) for verb in ("get", "update")]
        asked.append((lease_namespace, switch, settings.switch))
    return tuple(
        Operation(verb, resource, namespace).permission + (f" by the name {name}" if name else "")
        for namespace, (group, resource, verb), name in asked
        if not _is_allowed(connection, namespace, (group, resource, verb), name, account)
    )


def _is_allowed(
    connection: Connection, namespace: str | None, right: Right, named: str, account: tuple[str, str] | None
) -> bool:
    group, resource, verb = right
    name, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": name, "subresource": subresource, "name": named}
    spec: dict[str, Any] = {"resourceAttributes": {**attributes, "namespace": namespace or ""}}
    kind, plural = "SelfSubjectAccessReview", "selfsubjectaccessreviews"
    if account is not None:
        spec["user"] = f"system:serviceaccount:{account[0]}:{account[1]}"
        spec["groups"] = ["system:serviceaccounts", f"system:serviceaccounts:{account[0]}", "system:authenticated"]
        kind, plural = "SubjectAccessReview", "subjectaccessreviews"
    operation = Operation("create", plural, group=_AUTHORIZATION)
    body = msgspec.json.encode({"apiVersion": _AUTHORIZATION, "kind": kind, "spec": spec})
    response = send(connection, operation, body=body)
    if response.status not in (200, 201):
        raise response_error(connection, operation, response.status, read_status(response.body))
    review = decode(connection, operation, response.body, _Review, f"a {kind}")
    return review.status is not None and review.status.allowed
