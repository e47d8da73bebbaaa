"""What the events of a pod tell that its status does not.

The status is one sync of the kubelet behind, loses the cause of a failed pull when the pod is deleted (and on kubelets
before 1.32 as soon as it backs off), and says nothing at all of a mount or a sandbox that fails: it stays at
``ContainerCreating``. Sources: kubernetes pkg/kubelet/images/image_manager.go, pkg/kubelet/events/event.go,
pkg/kubelet/kuberuntime/kuberuntime_manager.go.
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
_PULL_ECHOES = frozenset({"Error: ErrImagePull", "Error: ImagePullBackOff"})


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


class Digest(msgspec.Struct, frozen=True, gc=False):
    """What matters of a pod's events."""

    pulls: dict[str, Pull] = msgspec.field(default_factory=dict)
    """By container; an event that names none is filed under the empty name."""
    trouble: Note | None = None
    """The last trouble of the pod as a whole, if it made no progress since."""
    scheduling: Note | None = None
    """The last refusal of the scheduler."""
    node_not_ready: bool = False
    failing_since: dict[str, datetime] = msgspec.field(default_factory=dict)
    """By container: since when it cannot be created or started, for another cause than its image."""


NOTHING = Digest()


def observed_at(event: wire.Event) -> datetime | None:
    """Return when an event was last seen; core/v1 and events.k8s.io/v1 keep that in different places."""
    series = event.series.last_observed_time if event.series else None
    return (
        series or event.last_timestamp or event.deprecated_last_timestamp or event.event_time or event.first_timestamp
    )


def digest(events: Iterable[object], uid: str | None) -> Digest:
    """Read the events of a pod, in any of their forms and whatever their order.

    Events of another pod (a namesake that was there before: another uid) are left out.

    Raises:
        InvalidPod: one of them cannot be read as an Event.
    """
    told = []
    for given in events:
        event = read_event(given)
        tell = _TELLS.get(event.reason or "")
        if tell is None:
            continue
        about, path = event.involved_object or event.regarding, None
        if about is not None:
            if about.uid != uid and about.uid and uid:
                continue
            path = about.field_path
        at = event.last_timestamp
        if at is None or event.series is not None:
            at = observed_at(event)
        told.append((at or _EARLIEST, at, tell, event, path))
    if not told:
        return NOTHING
    told.sort(key=itemgetter(0))  # of the same moment: in the order given
    story = _Story()
    for _, at, tell, event, path in told:
        tell(story, _container_of(path) if path else "", event, at)
    return Digest(story.pulls, story.trouble, story.scheduling, story.node_not_ready, story.failing_since)


@functools.lru_cache(maxsize=256)
def _container_of(path: str) -> str:
    """Return the container that an event is about: most tell of the same few."""
    found = _CONTAINER.match(path)
    return found[1] if found else ""


def _note(event: wire.Event, at: datetime | None) -> Note:
    first = event.first_timestamp or event.event_time or at
    return Note(event.reason or "", event.message or event.note or "", at, first)


class _Story:
    """A :class:`Digest` in the making: told event by event, in the order of their times."""

    __slots__ = ("failing_since", "node_not_ready", "pulls", "scheduling", "trouble")

    def __init__(self) -> None:
        self.pulls: dict[str, Pull] = {}
        self.failing_since: dict[str, datetime] = {}
        self.trouble: Note | None = None
        self.scheduling: Note | None = None
        self.node_not_ready = False

    # What a reason means. Each takes the container, the event, and when it was last seen.

    def in_trouble(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """The pod as a whole is kept from its containers."""
        note, known = _note(event, at), self.trouble
        if known is not None and known.reason == note.reason and known.first_at is not None:
            note = Note(note.reason, note.message, at, known.first_at)
        self.trouble = note

    def not_scheduled(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """There is no node for it."""
        self.scheduling = _note(event, at)

    def scheduled(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """There is one."""
        self.scheduling = None

    def node_lost(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """Its node is not heard of."""
        self.node_not_ready = True

    def pulling(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A pull begins; the pod is past its trouble."""
        self.trouble = None
        known = self.pulls.get(name)
        self.pulls[name] = Pull(known.failed, known.first_failed_at, at) if known else Pull(pulling_since=at)

    def pulled(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A container has its image, or has been created."""
        self.trouble = None
        self.pulls.pop(name, None)

    def started(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A container runs."""
        self.trouble = None
        self.pulls.pop(name, None)
        self.failing_since.pop(name, None)

    def pull_failed(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A pull has failed, and the event says why."""
        known, note = self.pulls.get(name), _note(event, at)
        first = known.first_failed_at if known is not None else None
        self.pulls[name] = Pull(note, first or note.first_at)

    def backs_off(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A container waits until it is tried again: no pull is under way."""
        known = self.pulls.get(name)
        if known is not None and known.pulling_since is not None:
            self.pulls[name] = Pull(known.failed, known.first_failed_at)

    def failed(self, name: str, event: wire.Event, at: datetime | None) -> None:
        """A container could not be started."""
        message = event.message or event.note or ""
        if message in _PULL_ECHOES:
            self.backs_off(name, event, at)
        elif message.startswith(_PULL_FAILED):
            self.pull_failed(name, event, at)
        else:
            self.backs_off(name, event, at)
            first = event.first_timestamp or event.event_time or at
            if first is not None and message.startswith("Error: "):
                self.failing_since.setdefault(name, first)


_TELLS: Final = {
    "FailedMount": _Story.in_trouble,
    "FailedAttachVolume": _Story.in_trouble,
    "FailedMapVolume": _Story.in_trouble,
    "FailedCreatePodSandBox": _Story.in_trouble,
    "FailedPodSandBoxStatus": _Story.in_trouble,
    "FailedSync": _Story.in_trouble,
    "NetworkNotReady": _Story.in_trouble,
    "FailedPrepareDynamicResources": _Story.in_trouble,
    "FailedScheduling": _Story.not_scheduled,
    "Scheduled": _Story.scheduled,
    "NodeNotReady": _Story.node_lost,
    "NodeLost": _Story.node_lost,
    "Pulling": _Story.pulling,
    "Pulled": _Story.pulled,
    "Created": _Story.pulled,
    "Started": _Story.started,
    "InspectFailed": _Story.pull_failed,
    "ErrImageNeverPull": _Story.pull_failed,
    "FailedToPullImage": _Story.pull_failed,
    "Failed": _Story.failed,
    "BackOff": _Story.backs_off,
}
"""By an event's reason; the others tell nothing that a verdict rests on."""
