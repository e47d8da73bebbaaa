"""The requests that are made of a live cluster beside the watch. Each blocks its thread; each error is the seam's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs
import msgspec
import urllib3

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterError, PodRejected
from flytekitplugins_podtriage.kube.client.connection import Cluster
from flytekitplugins_podtriage.kube.client.error_mapping import at, not_created, refused, unanswered
from flytekitplugins_podtriage.kube.client.http import Unanswered, send
from flytekitplugins_podtriage.kube.client.names import is_name, path
from flytekitplugins_podtriage.kube.client.permission import Right
from flytekitplugins_podtriage.kube.client.status import read_status
from flytekitplugins_podtriage.kube.informer.selector import Selector
from flytekitplugins_podtriage.kube.informer.watch_events import PODS, UNREADABLE

_LOG_BYTES: Final = 1_000_000


@attrs.frozen
class Timeouts:
    """How long requests may take, in seconds."""

    connect: float = 5.0
    """Until there is a connection."""
    read: float = 15.0
    """Between two pieces of an answer."""
    total: float = 20.0
    """All in all, with the wait for a thread."""
    listing: float = 30.0
    """``read`` for the lists that begin a watch."""

    def urllib3(self) -> urllib3.Timeout:
        """Return them as urllib3 takes them: its first positional argument would be the total."""
        return urllib3.Timeout(connect=self.connect, read=self.read)


def create(cluster: Cluster, timeouts: Timeouts, namespace: str, pod: Mapping[str, Any]) -> wire.Pod:
    """Create a pod; return it as the API server has it.

    Raises:
        ClusterError: it was not created (after ``ClusterBusy``: perhaps).
    """
    name = _named(pod)
    doing = f"create pods {name!r} in namespace {namespace!r}"
    if not is_name(namespace):
        raise PodRejected(f"{at(cluster)}: {doing}: {namespace[:80]!r} is no name of a namespace", status=404)
    try:
        body = msgspec.json.encode(pod)
    except (TypeError, ValueError, OverflowError, *UNREADABLE) as error:
        raise PodRejected(f"{at(cluster)}: {doing}: the manifest is no JSON: {error}", status=400) from error
    right = Right("create", "pods", namespace)
    answer = _send(cluster, timeouts, doing, "POST", path(namespace, "pods"), body=body)
    if answer.status not in (200, 201, 202):
        raise not_created(cluster, doing, right, answer.status, read_status(answer.data))
    return _decoded(cluster, doing, answer.data)


def delete(cluster: Cluster, timeouts: Timeouts, namespace: str, name: str, uid: str | None, grace: int | None) -> None:
    """Ask for a pod's deletion; one that is gone, or has another uid by now, is none to be deleted.

    Raises:
        ClusterError: it could not be asked for.
    """
    doing = f"delete pods {name!r} in namespace {namespace!r}"
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if uid is not None:
        options["preconditions"] = {"uid": uid}
    if grace is not None:
        options["gracePeriodSeconds"] = max(0, grace)
    body = msgspec.json.encode(options)
    answer = _send(cluster, timeouts, doing, "DELETE", path(namespace, "pods", name), body=body)
    if answer.status in (200, 202):
        return
    said = read_status(answer.data)
    if answer.status == 404 and said.kind == "Status":
        return
    if answer.status == 409:
        if uid is not None:  # whose uid is not this one's, as several places of the API server put it in several words
            there = read(cluster, timeouts, namespace, name)
            if there is None or there.metadata is None or there.metadata.uid != uid:
                return
        raise ClusterBusy(f"{at(cluster)}: {doing}: not now (409): {said.detail}")
    raise refused(cluster, doing, Right("delete", "pods", namespace), answer.status, said)


def read(cluster: Cluster, timeouts: Timeouts, namespace: str, name: str) -> wire.Pod | None:
    """Return a pod; None if there is none of that name.

    Raises:
        ClusterError: it could not be asked for.
    """
    doing = f"get pods {name!r} in namespace {namespace!r}"
    answer = _send(cluster, timeouts, doing, "GET", path(namespace, "pods", name))
    if answer.status == 200:
        return _decoded(cluster, doing, answer.data)
    said = read_status(answer.data)
    if answer.status == 404 and said.reason == "NotFound":
        return None
    raise refused(cluster, doing, Right("get", "pods", namespace), answer.status, said)


def logs(cluster: Cluster, timeouts: Timeouts, namespace: str, name: str, container: str, lines: int) -> str:
    """Return the last lines of a container's log; nothing if there is none, or no such container or pod.

    Raises:
        ClusterError: they could not be asked for.
    """
    doing = f"get pods/log of {name!r} in namespace {namespace!r}"
    query = {"tailLines": str(max(0, lines)), "limitBytes": str(_LOG_BYTES)}
    if container:
        query["container"] = container
    answer = _send(cluster, timeouts, doing, "GET", path(namespace, "pods", name, "log"), query=query)
    if answer.status == 200:
        text: str = answer.data.decode(errors="replace")
        return text
    if answer.status == 204:  # not bound to a node (kubernetes pkg/registry/core/pod/strategy.go, LogLocation)
        return ""
    said = read_status(answer.data)
    if said.kind == "Status" and answer.status in (400, 404):  # not started yet, no such container; no such pod
        return ""
    raise refused(cluster, doing, Right("get", "pods/log", namespace), answer.status, said)


def list_pods(cluster: Cluster, timeouts: Timeouts, namespace: str, labels: Mapping[str, str]) -> list[wire.Pod]:
    """Return the pods of a namespace that carry all these labels.

    Raises:
        ClusterError: they could not be listed.
    """
    doing = f"list pods in namespace {namespace!r}"
    try:
        query = {"labelSelector": Selector.of(labels).text} if labels else {}
    except ValueError:
        return []  # no pod can carry such a label
    answer = _send(cluster, timeouts, doing, "GET", path(namespace, "pods"), query=query)
    if answer.status != 200:
        right = Right("list", "pods", namespace)
        raise refused(cluster, doing, right, answer.status, read_status(answer.data))
    try:
        return PODS.page(answer.data).items or []
    except UNREADABLE as error:
        raise ClusterError(f"{at(cluster)}: {doing}: the answer is no list of pods: {error}") from error


def _send(
    cluster: Cluster,
    timeouts: Timeouts,
    doing: str,
    method: str,
    where: str,
    *,
    query: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Any:
    try:
        return send(cluster, method, where, query, body=body, timeout=timeouts.urllib3())
    except Unanswered as error:
        raise unanswered(cluster, doing, error) from error


def _decoded(cluster: Cluster, doing: str, body: bytes) -> wire.Pod:
    try:
        return PODS.one(body)
    except UNREADABLE as error:
        raise ClusterBusy(f"{at(cluster)}: {doing}: the answer is no pod: {error}") from error


def _named(pod: Mapping[str, Any]) -> str:
    metadata = pod.get("metadata")
    return str(metadata.get("name", ""))[:80] if isinstance(metadata, Mapping) else ""
