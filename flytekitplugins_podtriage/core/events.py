"""What the events of a pod tell that its status does not.

The status is one sync of the kubelet behind, loses the cause of a failed pull when the pod is deleted (and on kubelets
before 1.32 as soon as it backs off), and says nothing at all of a mount or a sandbox that fails: it stays at
``ContainerCreating``. Sources: kubernetes pkg/kubelet/images/image_manager.go, pkg/kubelet/events/event.go,
pkg/kubelet/kuberuntime/kuberuntime_manager.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone

import attrs

from flytekitplugins_podtriage.core import wire

_CONTAINER = re.compile(r"spec\.(?:initContainers|containers|ephemeralContainers)\{([^}]*)\}")
_PULL_FAILED = ("Failed to pull image", "Failed to inspect image")
_EARLIEST = datetime(1, 1, 1, tzinfo=timezone.utc)
_PULL_ECHOES = ("Error: ErrImagePull", "Error: ImagePullBackOff")

# Events that mean trouble for the pod as a whole, before its containers.
_POD_TROUBLE = frozenset(
    {
        "FailedMount",
        "FailedAttachVolume",
        "FailedMapVolume",
        "FailedCreatePodSandBox",
        "FailedPodSandBoxStatus",
        "FailedSync",
        "NetworkNotReady",
        "FailedPrepareDynamicResources",
    }
)
# Events that mean that the pod got past such trouble.
_POD_PROGRESS = frozenset({"Pulling", "Pulled", "Created", "Started"})


@attrs.frozen(slots=True)
class Note:
    """What one event said."""

    reason: str
    message: str
    at: datetime | None
    first_at: datetime | None = None


@attrs.frozen(slots=True)
class Pull:
    """The story of one container's image pull so far."""

    failed: Note | None = None
    """The last failure that named a cause, if nothing was pulled since."""
    first_failed_at: datetime | None = None
    pulling_since: datetime | None = None
    """Since when a pull is under way, if one is."""


@attrs.frozen(slots=True)
class Digest:
    """What matters of a pod's events."""

    pulls: dict[str, Pull] = attrs.field(factory=dict)
    """By container; an event that names none is filed under the empty name."""
    trouble: Note | None = None
    """The last trouble of the pod as a whole, if it made no progress since."""
    scheduling: Note | None = None
    """The last refusal of the scheduler."""
    node_not_ready: bool = False
    failing_since: dict[str, datetime] = attrs.field(factory=dict)
    """By container: since when it cannot be created or started, for another cause than its image."""


NOTHING = Digest()


def observed_at(event: wire.Event) -> datetime | None:
    """Return when an event was last seen; core/v1 and events.k8s.io/v1 keep that in different places."""
    series = event.series.last_observed_time if event.series else None
    return (
        series or event.last_timestamp or event.deprecated_last_timestamp or event.event_time or event.first_timestamp
    )


def digest(events: Iterable[wire.Event], uid: str | None) -> Digest:
    """Read the events of a pod, whatever their order.

    Events of another pod (a namesake that was there before: another uid) are left out.
    """
    told = []
    for place, event in enumerate(events):
        about = event.involved_object or event.regarding
        if about is not None and uid and about.uid and about.uid != uid:
            continue
        told.append((observed_at(event) or _EARLIEST, place, event, about))
    if not told:
        return NOTHING
    told.sort(key=lambda item: item[:2])
    pulls: dict[str, Pull] = {}
    trouble: Note | None = None
    scheduling: Note | None = None
    lost = False
    failing: dict[str, datetime] = {}
    for _, _, event, about in told:
        reason = event.reason or ""
        message = event.message or event.note or ""
        at = observed_at(event)
        note = Note(reason, message, at, event.first_timestamp or event.event_time or at)
        where = _CONTAINER.match(about.field_path) if about and about.field_path else None
        name = where[1] if where else ""
        if reason in _POD_PROGRESS:
            trouble = None
        if reason == "Pulling":
            known = pulls.get(name, Pull())
            pulls[name] = attrs.evolve(known, pulling_since=at)
        elif reason in ("Pulled", "Created", "Started"):
            pulls.pop(name, None)
            if reason == "Started":
                failing.pop(name, None)
        elif reason in ("Failed", "InspectFailed", "ErrImageNeverPull", "FailedToPullImage"):
            if message.startswith(_PULL_FAILED) or reason != "Failed":
                known = pulls.get(name, Pull())
                pulls[name] = Pull(note, known.first_failed_at or note.first_at)
            elif name in pulls:
                pulls[name] = attrs.evolve(pulls[name], pulling_since=None)
            if message.startswith("Error: ") and message not in _PULL_ECHOES and note.first_at is not None:
                failing.setdefault(name, note.first_at)
        elif reason == "BackOff" and name in pulls:
            pulls[name] = attrs.evolve(pulls[name], pulling_since=None)
        elif reason in _POD_TROUBLE:
            earlier: datetime | None = trouble.first_at if trouble is not None and trouble.reason == reason else None
            trouble = attrs.evolve(note, first_at=earlier or note.first_at)
        elif reason == "FailedScheduling":
            scheduling = note
        elif reason == "Scheduled":
            scheduling = None
        elif reason in ("NodeNotReady", "NodeLost"):
            lost = True
    return Digest(pulls, trouble, scheduling, lost, failing)
