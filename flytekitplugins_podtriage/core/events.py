"""What the events of a pod tell that its status does not.

The status is one sync of the kubelet behind, loses the cause of a failed pull when the pod is deleted (and on kubelets
before 1.32 during back-off), and stays at ``ContainerCreating`` while a mount or the sandbox fails. Sources: kubernetes
pkg/kubelet/images/image_manager.go, pkg/kubelet/events/event.go, pkg/kubelet/kuberuntime/kuberuntime_manager.go.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from operator import itemgetter
from typing import Final

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.decode import read_event

_CONTAINER = re.compile(r"spec\.(?:initContainers|containers|ephemeralContainers)\{([^}]*)\}")
_PULL_FAILED = ("Failed to pull image", "Failed to inspect image")
_EARLIEST = datetime(1, 1, 1, tzinfo=timezone.utc)
_MOUNT_ECHOES: Final = ("Unable to attach or mount volumes:", "Unable to mount volumes")
"""How the kubelet says that mounts have not succeeded in time, whatever kept them (pkg/kubelet/volumemanager,
WaitForAttachAndMount): the event of the mount itself says what that is."""
_PULL_ECHOES = frozenset({"Error: ErrImagePull", "Error: ImagePullBackOff"})

# Structs rather than attrs classes: several are made for every decision, at a tenth of the cost.


class EventRecord(msgspec.Struct, frozen=True, gc=False):
    """What a verdict needs of one event."""

    reason: str
    message: str
    at: datetime | None
    """When it was last observed."""
    first_at: datetime | None = None


class PullState(msgspec.Struct, frozen=True, gc=False):
    """The state of one container's image pull."""

    failure: EventRecord | None = None
    """The last failure that named a cause, unless the image was pulled since."""
    first_failed_at: datetime | None = None
    pulling_since: datetime | None = None
    """When the current pull began, if one is in progress."""


class EventSummary(msgspec.Struct, gc=False):
    """What a pod's events say in total."""

    pulls: dict[str, PullState] = msgspec.field(default_factory=dict)
    """By container; an event that names no container is filed under the empty name."""
    failing_since: dict[str, datetime] = msgspec.field(default_factory=dict)
    """By container: since when it cannot be created or started, for another cause than its image."""
    pod_failure: EventRecord | None = None
    """The last failure of the pod as a whole, unless it made progress since."""
    node_not_ready: bool = False

    # One handler for each kind of event. Each takes the container, the event, and when it was last observed.

    def pod_failed(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """The pod as a whole cannot start its containers."""
        record, earlier = _record(event, at), self.pod_failure
        if earlier is not None and earlier.reason == record.reason:
            message = earlier.message if record.message.startswith(_MOUNT_ECHOES) else record.message
            record = EventRecord(record.reason, message, at, earlier.first_at or record.first_at)
        self.pod_failure = record

    def node_lost(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """The pod's node is not ready."""
        self.node_not_ready = True

    def pulling(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A pull begins, so the pod's sandbox and volumes are there."""
        self.pod_failure = None
        pull = self.pulls.get(name, _NO_PULL)
        self.pulls[name] = PullState(pull.failure, pull.first_failed_at, at)

    def pulled(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A container has its image, or was created."""
        self.pod_failure = None
        self.pulls.pop(name, None)

    def started(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A container runs."""
        self.pulled(name, event, at)
        self.failing_since.pop(name, None)

    def pull_failed(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A pull failed, and the event says why."""
        record = _record(event, at)
        first = self.pulls.get(name, _NO_PULL).first_failed_at
        self.pulls[name] = PullState(record, first or record.first_at)

    def backs_off(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """The kubelet waits before it retries: no pull is in progress."""
        pull = self.pulls.get(name, _NO_PULL)
        if pull.pulling_since is not None:
            self.pulls[name] = PullState(pull.failure, pull.first_failed_at)

    def failed(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A container could not be started."""
        message = event.message or event.note or ""
        if message.startswith(_PULL_FAILED):
            self.pull_failed(name, event, at)
            return
        self.backs_off(name, event, at)
        if message in _PULL_ECHOES:
            return
        first = event.first_timestamp or event.event_time or at
        if first is not None and message.startswith("Error: "):
            self.failing_since.setdefault(name, first)


_NO_PULL: Final = PullState()
_HANDLERS: Final = {
    "FailedMount": EventSummary.pod_failed,
    "FailedAttachVolume": EventSummary.pod_failed,
    "FailedMapVolume": EventSummary.pod_failed,
    "FailedCreatePodSandBox": EventSummary.pod_failed,
    "FailedPodSandBoxStatus": EventSummary.pod_failed,
    "FailedSync": EventSummary.pod_failed,
    "NetworkNotReady": EventSummary.pod_failed,
    "FailedPrepareDynamicResources": EventSummary.pod_failed,
    "NodeNotReady": EventSummary.node_lost,
    "NodeLost": EventSummary.node_lost,
    "Pulling": EventSummary.pulling,
    "Pulled": EventSummary.pulled,
    "Created": EventSummary.pulled,
    "Started": EventSummary.started,
    "InspectFailed": EventSummary.pull_failed,
    "ErrImageNeverPull": EventSummary.pull_failed,
    "FailedToPullImage": EventSummary.pull_failed,
    "Failed": EventSummary.failed,
    "BackOff": EventSummary.backs_off,
}
"""By an event's reason; verdicts depend on no other events."""


def observed_at(event: wire.Event) -> datetime | None:
    """Return when an event was last observed; core/v1 and events.k8s.io/v1 have different fields for it."""
    series = event.series.last_observed_time if event.series else None
    return (
        series or event.last_timestamp or event.deprecated_last_timestamp or event.event_time or event.first_timestamp
    )


def summarize(events: Iterable[object], pod: wire.Pod) -> EventSummary:
    """Read the events of a pod, in any of their forms and in any order.

    Events of another pod of the same name (another uid) are ignored. One that names no container is about the pod's
    only one, if there is but one: recorders and exporters may drop ``involvedObject.fieldPath`` (k8s.io/api/core/v1
    types.go: optional).

    Raises:
        InvalidPod: one of them cannot be read as an Event.
    """
    relevant = []
    uid = pod.metadata.uid if pod.metadata else None
    only: str | None = None
    for item in events:
        event = item if type(item) is wire.Event else read_event(item)
        handler = _HANDLERS.get(event.reason or "")
        if handler is None:
            continue
        about, name = event.involved_object or event.regarding, ""
        if about is not None:
            if about.uid != uid and about.uid and uid:
                continue
            if about.field_path:
                name = _container_of(about.field_path)
        if about is None or not about.field_path:
            if only is None:
                only = _only_container(pod)
            name = only if about is None or about.kind in _OF_POD else ""
        at = event.last_timestamp
        if at is None or event.series is not None:
            at = observed_at(event)
        relevant.append((at or _EARLIEST, at, handler, event, name))
    relevant.sort(key=itemgetter(0))  # events of the same moment stay in the given order
    summary = EventSummary()
    for _, at, handler, event, name in relevant:
        handler(summary, name, event, at)
    return summary


_OF_POD: Final = (None, "", "Pod")
"""Kinds of the object of an event about a pod; None and the empty string where it is left out."""


def _only_container(pod: wire.Pod) -> str:
    """Return the name of the pod's only container, init containers included; empty if it has several, or none."""
    spec, status = pod.spec, pod.status
    names: set[str | None] = set()
    if spec is not None:
        names.update(container.name for group in (spec.containers, spec.init_containers) for container in group or ())
    if status is not None:
        groups = (status.container_statuses, status.init_container_statuses)
        names.update(container.name for group in groups for container in group or ())
    return next(iter(names)) or "" if len(names) == 1 else ""


@functools.lru_cache(maxsize=256)
def _container_of(path: str) -> str:
    """Return the container that a field path such as ``spec.containers{main}`` names."""
    match = _CONTAINER.match(path)
    return match[1] if match else ""


def _record(event: wire.Event, at: datetime | None) -> EventRecord:
    first = event.first_timestamp or event.event_time or at
    return EventRecord(event.reason or "", event.message or event.note or "", at, first)
