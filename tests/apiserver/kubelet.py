"""The kubelet of one node, played over the API: it does what a test says, when it says so.

A status is written as the kubelet writes it (kubernetes pkg/kubelet/status/status_manager.go: a patch of ``/status``
on the pod's uid), events as its recorder does, and a pod that is being deleted goes with grace 0 once its containers
have ended. What the scheduler and other clients do (binding, deleting) is done as the administrator.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from typing import Any

from tests.apiserver.api import Api, ApiStatus, Object, pods
from tests.apiserver.logs import LogServer
from tests.apiserver.server import NODE

_THEIRS = frozenset({"DisruptionTarget", "PodScheduled"})
"""Conditions that others write, and that the kubelet leaves as they are (pkg/kubelet/types/pod_status.go)."""

State = dict[str, dict[str, Any]]


class ScriptedKubelet:
    """The kubelet of :data:`~tests.apiserver.server.NODE`.

    Args:
        admin: the client of the scheduler and of the controllers.
        node: the client of the node's own user.
        logs: where the API server asks for logs.
    """

    def __init__(self, admin: Api, node: Api, logs: LogServer) -> None:
        self._admin = admin
        self._node = node
        self._server = logs
        self._events = itertools.count(1)

    @property
    def logs(self) -> dict[tuple[str, str, str], str]:
        """What containers have written: by namespace, pod and container."""
        return self._server.logs

    def register(self) -> None:
        """Register the node, as ready, if it is not there."""
        if self._node.find(f"/api/v1/nodes/{NODE}") is not None:
            return
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
        self._node.post("/api/v1/nodes", node)
        room = {"cpu": "64", "memory": "256Gi", "pods": "20000", "ephemeral-storage": "500Gi"}
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "lastHeartbeatTime": stamp(),
            "lastTransitionTime": stamp(),
        }
        status = {
            "capacity": room,
            "allocatable": room,
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._server.port}},
        }
        self._node.merge(f"/api/v1/nodes/{NODE}/status", {"status": status})

    def bind(self, namespace: str, name: str) -> None:
        """Bind a pod to the node, as the scheduler does."""
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        self._admin.post(pods(namespace, name, "binding"), binding)

    def write(self, namespace: str, name: str, status: Object, uid: str | None = None) -> None:
        """Replace the whole status of a pod, of this uid only if one is given."""
        same: list[Object] = [] if uid is None else [{"op": "test", "path": "/metadata/uid", "value": uid}]
        changes = [*same, {"op": "add", "path": "/status", "value": status}]
        self._node.patch(pods(namespace, name, "status"), changes)

    def event(self, namespace: str, name: str, reason: str, message: str, kind: str = "Normal") -> None:
        """Post an event about a pod."""
        pod = self._admin.get(pods(namespace, name))
        about = {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": name}
        event = {
            "metadata": {"name": f"{name}.{next(self._events):016x}", "namespace": namespace},
            "involvedObject": {**about, "uid": pod["metadata"]["uid"]},
            "reason": reason,
            "message": message,
            "type": kind,
            "source": {"component": "kubelet", "host": NODE},
            "firstTimestamp": stamp(),
            "lastTimestamp": stamp(),
            "count": 1,
            "reportingComponent": "kubelet",
            "reportingInstance": NODE,
        }
        self.tell(event)

    def tell(self, event: Object) -> None:
        """Post an event, or post it anew with what has changed (client-go tools/record: the count and the last time)."""
        path = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        body = {"apiVersion": "v1", "kind": "Event", **event}
        try:
            self._node.post(path, body)
        except ApiStatus as status:
            if status.reason != "AlreadyExists":
                raise
            changes = {key: value for key, value in body.items() if key != "metadata"}
            self._node.merge(f"{path}/{event['metadata']['name']}", changes)

    def creating(self, namespace: str, name: str) -> None:
        """The containers are being made: their images are pulled, their volumes mounted."""
        self._containers(namespace, name, "Pending", lambda _: {"waiting": {"reason": "ContainerCreating"}})

    def running(self, namespace: str, name: str) -> None:
        """All containers run."""
        self._containers(namespace, name, "Running", lambda _: {"running": {"startedAt": stamp()}})

    def succeeded(self, namespace: str, name: str) -> None:
        """All containers have ended with 0."""
        self._containers(namespace, name, "Succeeded", lambda _: _ended(0))

    def ended_in_a_running_pod(self, namespace: str, name: str) -> None:
        """All containers have ended with 0, and sidecars among the init containers have not: the pod runs on."""
        self._containers(namespace, name, "Running", lambda _: _ended(0))

    def failed(
        self,
        namespace: str,
        name: str,
        code: int = 1,
        reason: str = "Error",
        message: str = "",
        *,
        container: str | None = None,
        pod_reason: str | None = None,
        pod_message: str | None = None,
    ) -> None:
        """A container (the first, if none is named) has ended with this code; the others with 0.

        Args:
            namespace: the pod's.
            name: the pod's.
            code: the exit code.
            reason: the container's: ``Error``, ``OOMKilled``, ``ContainerStatusUnknown``.
            message: the container's: the tail of its log, say.
            container: which one.
            pod_reason: the pod's own: ``Evicted``, ``NodeShutdown``.
            pod_message: the pod's own.
        """

        def ended(each: str) -> State:
            failing = each == container or (container is None and each == self._names(namespace, name)[0])
            return _ended(code, reason, message) if failing else _ended(0)

        more = {"reason": pod_reason, "message": pod_message}
        self._containers(namespace, name, "Failed", ended, {key: value for key, value in more.items() if value})

    def image_pull_failed(self, namespace: str, name: str, message: str) -> None:
        """The pull of all images has failed just now: ``ErrImagePull``, and the event that tells the cause."""
        image = self._admin.get(pods(namespace, name))["spec"]["containers"][0]["image"]
        self.event(namespace, name, "Failed", f'Failed to pull image "{image}": {message}', "Warning")
        self._containers(
            namespace, name, "Pending", lambda _: {"waiting": {"reason": "ErrImagePull", "message": message}}
        )

    def image_pull_back_off(self, namespace: str, name: str, message: str) -> None:
        """The kubelet waits before it pulls again, and tells the cause as kubelets since 1.32 do."""
        image = self._admin.get(pods(namespace, name))["spec"]["containers"][0]["image"]
        text = f'Back-off pulling image "{image}": ErrImagePull: {message}'
        self._containers(
            namespace, name, "Pending", lambda _: {"waiting": {"reason": "ImagePullBackOff", "message": text}}
        )

    def finish_deletion(self, namespace: str, name: str) -> bool:
        """Let a pod go whose deletion was asked for, if there is one; whether there was."""
        pod = self._admin.find(pods(namespace, name))
        if pod is None or "deletionTimestamp" not in pod["metadata"]:
            return False
        self._node.delete(pods(namespace, name), grace=0, uid=pod["metadata"]["uid"])
        return True

    def finish_deletions(self, namespace: str) -> list[str]:
        """Let all pods of a namespace go whose deletion was asked for; their names."""
        names = [pod["metadata"]["name"] for pod in self._admin.get(pods(namespace))["items"]]
        return [name for name in names if self.finish_deletion(namespace, name)]

    def _names(self, namespace: str, name: str) -> list[str]:
        return [each["name"] for each in self._admin.get(pods(namespace, name))["spec"]["containers"]]

    def _containers(
        self,
        namespace: str,
        name: str,
        phase: str,
        state: Callable[[str], State],
        more: Object | None = None,
    ) -> None:
        """Write the status in which each container is in a state; a pod that is not bound is bound first."""
        pod = self._admin.get(pods(namespace, name))
        if not pod["spec"].get("nodeName"):
            self.bind(namespace, name)
            pod = self._admin.get(pods(namespace, name))
        before = pod["status"]
        known = {each["name"]: each for each in before.get("containerStatuses", ())}
        statuses = [
            _container_status(each, state(each["name"]), known.get(each["name"], {}))
            for each in sorted(pod["spec"]["containers"], key=lambda each: str(each["name"]))
        ]
        theirs = [each for each in before.get("conditions", ()) if each["type"] in _THEIRS]
        status = {
            "phase": phase,
            "conditions": [*theirs, *_conditions(phase, before.get("conditions", ()))],
            "qosClass": before["qosClass"],
            "startTime": before.get("startTime") or stamp(),
            "hostIP": "10.0.0.1",
            "containerStatuses": statuses,
            **(more or {}),
        }
        self.write(namespace, name, status, pod["metadata"]["uid"])


def stamp(moment: datetime | None = None) -> str:
    """Return a moment (now) as ``metav1.Time`` spells it, in whole seconds."""
    return (moment or datetime.now(timezone.utc)).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ended(code: int, reason: str | None = None, message: str = "") -> State:
    ended = {"exitCode": code, "reason": reason or ("Completed" if code == 0 else "Error"), "finishedAt": stamp()}
    return {"terminated": {**ended, **({"message": message} if message else {})}}


def _container_status(container: Object, state: State, before: Object) -> Object:
    """Return one of the ``containerStatuses`` (pkg/kubelet/kubelet_pods.go, convertToAPIContainerStatuses)."""
    running = "running" in state
    if running and "running" in before.get("state", {}):
        state = before["state"]  # it has run since it was started
    started = before.get("state", {}).get("running", {}).get("startedAt")
    if "terminated" in state and started:
        state = {"terminated": {**state["terminated"], "startedAt": started}}
    return {
        "name": container["name"],
        "state": state,
        "lastState": {},
        "ready": running,
        "started": running,
        "restartCount": 0,
        "image": container["image"],
        "imageID": "",
    }


def _conditions(phase: str, before: Iterable[Object]) -> list[Object]:
    """Return the kubelet's own conditions in a phase (pkg/kubelet/status/generate.go)."""
    since = {(each["type"], each["status"]): each.get("lastTransitionTime") for each in before}
    ready = "True" if phase == "Running" else "False"
    reason = {"Running": None, "Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "ContainersNotReady")
    conditions = []
    for kind, status in (("Initialized", "True"), ("Ready", ready), ("ContainersReady", ready)):
        condition: Object = {"type": kind, "status": status}
        condition["lastTransitionTime"] = since.get((kind, status)) or stamp()
        if reason is not None and kind != "Initialized":
            condition["reason"] = reason
        conditions.append(condition)
    return conditions
