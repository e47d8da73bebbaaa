"""Pods and events for tests.

Every function returns a plain dictionary in the API's own JSON form, as a kubelet or an API server would write it. Say
only what the test is about; the rest is filled in alike everywhere:

    pod("Pending", waiting("ErrImagePull", "429 Too Many Requests"), age=90)
    pod("Failed", terminated(1), terminated(0, name="envoy"), primary="main", reason="Evicted")
    manifest(sidecar="envoy", finalizers=["flyte.org/finalizer-k8s"])
    event("Failed", "Failed to pull image", age=30)

``pod`` is a pod with a status, for what judges pods; ``manifest`` is a pod before it is created.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Final

Object = dict[str, Any]
"""A Kubernetes object, or a part of one, as JSON has it."""

NOW: Final = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
"""The moment at which these pods are judged; every ``age`` is counted back from it, in seconds."""
NAMESPACE: Final = "flytesnacks-development"
NAME: Final = "f3a91c-n0-0"
"""The name that Flyte gives a pod: execution, node, attempt."""
IMAGE: Final = "registry.example.com/team/app:v1"


def ago(seconds: float) -> str:
    """Return the time so many seconds before ``NOW``; after it, if they are negative."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


# Container statuses


def container(state: Mapping[str, Any] | None = None, *, name: str = "main", **fields: Any) -> Object:
    """Return a container status; ``fields`` are its other fields, such as ``restartCount`` or ``lastState``."""
    return {"name": name, "image": IMAGE, "state": dict(state or {}), **fields}


def waiting(reason: str, message: str = "", *, name: str = "main", **fields: Any) -> Object:
    """Return the status of a container that waits."""
    return container({"waiting": {"reason": reason, "message": message}}, name=name, **fields)


def running(*, name: str = "main", age: float = 60, **fields: Any) -> Object:
    """Return the status of a container that has been running since ``age``."""
    return container({"running": {"startedAt": ago(age)}}, name=name, **fields)


def terminated(
    exit_code: int, reason: str = "", message: str = "", *, name: str = "main", age: float = 10, **fields: Any
) -> Object:
    """Return the status of a container that ended at ``age``; the reason is the kubelet's own if none is given."""
    reason = reason or ("Error" if exit_code else "Completed")
    state = {"exitCode": exit_code, "reason": reason, "message": message, "finishedAt": ago(age)}
    return container({"terminated": state}, name=name, **fields)


# Pods with a status


def condition(kind: str, status: str = "False", reason: str = "", message: str = "", *, age: float = 60) -> Object:
    """Return a condition of a pod that has been so since ``age``."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(age)}


def disruption(reason: str, message: str = "", *, age: float = 20) -> Object:
    """Return the condition of a pod that is being disrupted."""
    return condition("DisruptionTarget", "True", reason, message, age=age)


def pod(
    phase: str = "Pending",
    *containers: Mapping[str, Any],
    inits: Sequence[Mapping[str, Any]] = (),
    conditions: Iterable[Mapping[str, Any]] | None = None,
    age: float = 60,
    name: str = NAME,
    namespace: str = NAMESPACE,
    uid: str | None = None,
    version: int | str | None = None,
    labels: Mapping[str, str] | None = None,
    primary: str | None = None,
    deleted: float | None = None,
    metadata: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
    **status: Any,
) -> Object:
    """Return a pod with a status.

    Args:
        phase: of the whole pod.
        containers: their statuses, in the order of the spec.
        inits: statuses of the init containers.
        conditions: instead of one, ``Ready``, that has been false since ``age``.
        age: of that condition.
        name: of the pod.
        namespace: of the pod.
        uid: ``uid-<name>`` if none is given.
        version: its ``resourceVersion``.
        labels: of the pod.
        primary: the container that Flyte's annotation names as the task's own.
        deleted: how long ago its grace period of 30 s ended; negative: it will end then.
        metadata: further fields of the metadata.
        spec: further fields of the spec, which has the containers that have a status.
        status: further fields of the status, such as ``reason`` and ``message``.
    """
    meta: Object = {"name": name, "namespace": namespace, "uid": f"uid-{name}" if uid is None else uid}
    if version is not None:
        meta["resourceVersion"] = str(version)
    if labels is not None:
        meta["labels"] = dict(labels)
    if primary is not None:
        meta["annotations"] = {"primary_container_name": primary}
    if deleted is not None:
        meta |= {"deletionTimestamp": ago(deleted), "deletionGracePeriodSeconds": 30}
    made: Object = {"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, **(metadata or {})}}
    of_spec = [{"name": each["name"], "image": each["image"]} for each in containers]
    made["spec"] = {"containers": of_spec, **(spec or {})}
    given = [condition("Ready", age=age)] if conditions is None else list(conditions)
    made["status"] = {"phase": phase, "conditions": given, "containerStatuses": list(containers), **status}
    if inits:
        made["status"]["initContainerStatuses"] = list(inits)
    return made


# Pods before they are created


def manifest(
    *,
    name: str = NAME,
    primary: str | None = None,
    sidecar: str | None = None,
    first: bool = False,
    init: str | None = None,
    native: bool = False,
    annotated: bool = True,
    container: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    finalizers: Sequence[str] = (),
    metadata: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Object:
    """Return a pod as Flyte creates one.

    Args:
        name: of the pod.
        primary: the name of the task's own container; Flyte calls it like the pod.
        sidecar: the name of a second container, if there is to be one.
        first: put the sidecar before the task's container?
        init: the name of an init container, if there is to be one.
        native: is that a sidecar (``restartPolicy: Always``)?
        annotated: name the task's container in Flyte's annotation, as Flyte does for several containers?
        container: further fields of the task's container.
        labels: of the pod.
        finalizers: of the pod.
        metadata: further fields of the metadata.
        spec: further fields of the spec, as the API spells them.
    """
    primary = primary or name
    containers: list[Object] = [{"name": primary, "image": IMAGE, **(container or {})}]
    made: Object = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 5, "containers": containers, **spec}
    if sidecar is not None:
        containers.insert(0 if first else 1, {"name": sidecar, "image": "registry.example.com/mesh/proxy:v2"})
    if init is not None:
        fetch = {"name": init, "image": "registry.example.com/tools/fetch:v3"}
        made["initContainers"] = [{**fetch, "restartPolicy": "Always"} if native else fetch]
    meta: Object = {"name": name}
    if annotated and (sidecar or init):
        meta["annotations"] = {"primary_container_name": primary}
    if labels is not None:
        meta["labels"] = dict(labels)
    if finalizers:
        meta["finalizers"] = list(finalizers)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**meta, **(metadata or {})}, "spec": made}


def manifest_of(*names: str, inits: Sequence[str] = ()) -> Object:
    """Return a pod of several containers, each with an image of its own; the first is the task's."""

    def each(name: str) -> Object:
        return {"name": name, "image": f"registry.example.com/team/{name}:v1"}

    made = manifest(primary=names[0], containers=[each(name) for name in names])
    if inits:
        made["spec"]["initContainers"] = [each(name) for name in inits]
    return made


# Events


def event(
    reason: str,
    message: str = "",
    *,
    age: float | None = None,
    about: str = NAME,
    uid: str | None = None,
    kind: str = "Pod",
    container: str | None = "main",
    name: str = "",
    version: int | str | None = None,
    **fields: Any,
) -> Object:
    """Return an event.

    Args:
        reason: of the event.
        message: of the event.
        age: when it was last seen; without one it bears no time.
        about: the name of what it is about.
        uid: of what it is about; ``uid-<about>`` if none is given.
        kind: of what it is about.
        container: the container of the pod that it is about; None: the whole pod.
        name: of the event; ``<about>.1`` if none is given.
        version: its ``resourceVersion``.
        fields: its other fields, such as ``count`` or ``firstTimestamp``.
    """
    name = name or f"{about}.1"
    metadata: Object = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}"}
    if version is not None:
        metadata["resourceVersion"] = str(version)
    involved: Object = {
        "kind": kind,
        "namespace": NAMESPACE,
        "name": about,
        "uid": f"uid-{about}" if uid is None else uid,
    }
    if container is not None:
        involved["fieldPath"] = f"spec.containers{{{container}}}"
    made: Object = {"metadata": metadata, "involvedObject": involved, "reason": reason, "message": message}
    made["type"] = "Normal" if reason in _NORMAL else "Warning"
    if age is not None:
        made["lastTimestamp"] = ago(age)
    return {**made, **fields}


_NORMAL: Final = frozenset({"Scheduled", "Pulling", "Pulled", "Created", "Started", "Killing"})
