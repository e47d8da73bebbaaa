"""Pods and their events, as JSON that nobody has parsed: for the core to read."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from flytekitplugins_podtriage.kube.client.connection import Cluster, connect
from flytekitplugins_podtriage.kube.client.errors import ClusterNotFound
from flytekitplugins_podtriage.kube.client.names import is_name, path
from flytekitplugins_podtriage.kube.client.paging import PAGE, items
from flytekitplugins_podtriage.kube.client.permission import Right
from flytekitplugins_podtriage.kube.request import decoded, get

__all__ = ["Cluster", "connect", "list_events", "list_pods", "read_events", "read_pod"]


class _Kind(msgspec.Struct):
    kind: str = "Pod"


def read_pod(cluster: Cluster, namespace: str, name: str) -> bytes:
    """Return a pod.

    Raises:
        ClusterNotFound: there is none of that name. Flyte deletes the pods of attempts that are over.
        ClusterUnreachable: the cluster could not be asked.
    """
    about = f"pod {_checked(name, 'pod')!r} in namespace {_checked(namespace, 'namespace')!r}"
    body = get(cluster, path(namespace, "pods", name), {}, about, Right("get", "pods", namespace))
    decoded(cluster, body, _Kind, about)  # whole, and JSON; whether it is a Pod is for the core to say
    return body


def read_events(cluster: Cluster, namespace: str, name: str, uid: str | None = None) -> list[bytes]:
    """Return the events about a pod; with its uid none of an earlier pod of the same name.

    Events are kept for an hour (kube-apiserver ``--event-ttl``): none may be left.

    Raises:
        ClusterForbidden: events may not be listed; the pod alone may still do.
        ClusterUnreachable: the cluster could not be asked.
    """
    about = f"events of pod {_checked(name, 'pod')!r} in namespace {_checked(namespace, 'namespace')!r}"
    selectors = ["involvedObject.kind=Pod", f"involvedObject.name={name}"]
    if uid:
        selectors.append(f"involvedObject.uid={uid}")
    return list(_events(cluster, namespace, ",".join(selectors), about))


def list_events(cluster: Cluster, namespace: str | None) -> Iterator[bytes]:
    """Yield the events about pods in a namespace (None: in all), page by page.

    Raises:
        ClusterUnreachable: the cluster could not be asked.
    """
    return _events(cluster, namespace, "involvedObject.kind=Pod", f"events {_where(namespace)}")


def list_pods(
    cluster: Cluster, namespace: str | None, selector: str | None = None, page: int = PAGE
) -> Iterator[bytes]:
    """Yield the pods in a namespace (None: in all), page by page.

    Args:
        cluster: whom to ask.
        namespace: where to look; None: everywhere.
        selector: labels, as in ``kubectl get -l``: ``execution-id`` (pods of Flyte 1.16), ``execution-id=f1a2``.
        page: how many to ask for at a time.

    Raises:
        ClusterUnreachable: the cluster could not be asked.
    """
    query = {"labelSelector": selector} if selector else {}
    return items(
        cluster, _path(namespace, "pods"), query, f"pods {_where(namespace)}", Right("list", "pods", namespace), page
    )


def _events(cluster: Cluster, namespace: str | None, selector: str, about: str) -> Iterator[bytes]:
    query = {"fieldSelector": selector}
    return items(cluster, _path(namespace, "events"), query, about, Right("list", "events", namespace))


def _path(namespace: str | None, resource: str) -> str:
    return path(None if namespace is None else _checked(namespace, "namespace"), resource)


def _where(namespace: str | None) -> str:
    return "in all namespaces" if namespace is None else f"in namespace {namespace!r}"


def _checked(name: str, what: str) -> str:
    """Return a name that an object may have; an empty one would ask for the list of all."""
    if not is_name(name):
        shown = repr(name if len(name) <= 80 else f"{name[:77]}...")
        raise ClusterNotFound(f"{shown} is no name of a {what}; allowed: a-z, 0-9, - and ., up to 253 characters")
    return name
