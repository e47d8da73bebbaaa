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
import msgspec

from flytekitplugins_podtriage.core import wire

_CONTAINER = re.compile(r"spec\.(?:initContainers|containers|ephemeralContainers)\{([^}]*)\}")
_PULL_FAILED = ("Failed to pull image", "Failed to inspect image")
_EARLIEST = datetime(1, 1, 1, tzinfo=timezone.utc)
_PULL_TROUBLE = frozenset({"InspectFailed", "ErrImageNeverPull", "FailedToPullImage"})
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


class Note(msgspec.Struct, frozen=True, gc=False):
    """What one event said."""

    reason: str
    message: str
    at: datetime | None
    first_at: datetime | None = None


class Pull(msgspec.Struct, frozen=True, gc=False):
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
        at = observed_at(event)
        told.append((at or _EARLIEST, place, at, event, about))
    if not told:
        return NOTHING
    told.sort()  # no two have the same place
    story = _Story()
    for _, _, at, event, about in told:
        first = event.first_timestamp or event.event_time or at
        where = _CONTAINER.match(about.field_path) if about and about.field_path else None
        note = Note(event.reason or "", event.message or event.note or "", at, first)
        story.of_pod(note)
        story.of_container(where[1] if where else "", note)
    return Digest(story.pulls, story.trouble, story.scheduling, story.node_not_ready, story.failing_since)


class _Story:
    """A :class:`Digest` in the making: told event by event, in the order of their times."""

    def __init__(self) -> None:
        self.pulls: dict[str, Pull] = {}
        self.failing_since: dict[str, datetime] = {}
        self.trouble: Note | None = None
        self.scheduling: Note | None = None
        self.node_not_ready = False

    def of_pod(self, note: Note) -> None:
        """Take in what an event says of the pod as a whole."""
        reason = note.reason
        if reason in _POD_PROGRESS:
            self.trouble = None
        elif reason in _POD_TROUBLE:
            known = self.trouble
            earlier = known.first_at if known is not None and known.reason == reason else None
            self.trouble = Note(reason, note.message, note.at, earlier or note.first_at)
        elif reason == "FailedScheduling":
            self.scheduling = note
        elif reason == "Scheduled":
            self.scheduling = None
        elif reason in ("NodeNotReady", "NodeLost"):
            self.node_not_ready = True

    def of_container(self, name: str, note: Note) -> None:
        """Take in what an event says of one container."""
        reason, message = note.reason, note.message
        known = self.pulls.get(name)
        if reason == "Pulling":
            self.pulls[name] = (
                Pull(known.failed, known.first_failed_at, note.at) if known else Pull(pulling_since=note.at)
            )
        elif reason in ("Pulled", "Created"):
            self.pulls.pop(name, None)
        elif reason == "Started":
            self.pulls.pop(name, None)
            self.failing_since.pop(name, None)
        elif reason in _PULL_TROUBLE or (reason == "Failed" and message.startswith(_PULL_FAILED)):
            first = known.first_failed_at if known is not None else None
            self.pulls[name] = Pull(note, first or note.first_at)
        elif reason in ("Failed", "BackOff"):
            if known is not None:
                self.pulls[name] = Pull(known.failed, known.first_failed_at)
            if message.startswith("Error: ") and message not in _PULL_ECHOES and note.first_at is not None:
                self.failing_since.setdefault(name, note.first_at)
