"""The cache's entry of one pod, the events of pods that have none, and how much is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from datetime import datetime

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot

Key = tuple[str, str]
"""Namespace and name."""


@attrs.frozen
class Limits:
    """How much is kept."""

    gone: int = 5_000
    """Pods that are gone; the oldest are removed first."""
    gone_for: float = 900.0
    """How long they are kept at most, in seconds."""
    events_of_pod: int = 40
    """Events of one pod; the longest unchanged are removed first. The API server keeps them for an hour."""
    events_of_running: bool = True
    """Whether events are kept of pods that run or have succeeded: who asks about pods that do not start needs none."""
    events: int = 200_000
    """Events of all pods; beyond that, each new one replaces another of its pod."""
    orphans: int = 2_000
    """Pods not in the cache (yet) whose events are kept; the others may be pods that are not watched."""


@attrs.define(slots=True, eq=False)
class PodEntry:
    """The state of one pod."""

    key: Key
    pod: wire.Pod
    version: int
    at: datetime
    memory: Memory | None = None
    events: dict[str, wire.Event] | None = None
    """By uid, the one that changed last at the end."""
    gone: bool = False
    offered: int = 0
    """The number of the list since which the state comes from a response that is newer than the watch; otherwise 0."""
    read_at: datetime | None = None
    """As of when the pod and its events were last read to make sure that nothing is missing."""

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return (self.pod.metadata.uid if self.pod.metadata is not None else None) or ""

    @property
    def resource_version(self) -> str | None:
        """The pod's resource version."""
        return self.pod.metadata.resource_version if self.pod.metadata is not None else None

    def snapshot(self) -> PodSnapshot:
        """Return its present state."""
        return PodSnapshot(
            pod=self.pod,
            events=tuple(self.events.values()) if self.events else (),
            memory=self.memory,
            gone=self.gone,
            at=self.at,
            version=self.version,
        )

    def texts(self) -> Iterator[str]:
        """Yield the long texts of its memory, which a new state is likely to repeat."""
        return (cause.message for cause in self.memory.causes) if self.memory is not None else iter(())

    def causal_events(self) -> Iterable[wire.Event]:
        """Return the events to remember together with the state: none if the pod runs or succeeded.

        For a failed pull, the status contains less than the event (not the image), and would replace it in the memory.
        """
        return () if self.is_fine or not self.events else self.events.values()

    @property
    def is_fine(self) -> bool:
        """Whether the pod runs or has succeeded."""
        status = self.pod.status
        return status is not None and status.phase in ("Running", "Succeeded")


class OrphanEvents:
    """The events of pods that are not in the cache: they may arrive before their pods, or belong to unwatched ones."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events: OrderedDict[str, dict[str, wire.Event]] = OrderedDict()

    def get(self, pod_uid: str) -> dict[str, wire.Event]:
        """Return the events of a pod, by uid."""
        return self._events.get(pod_uid, {})

    def put(self, pod_uid: str, uid: str, event: wire.Event) -> None:
        """Keep an event."""
        events = self._events.setdefault(pod_uid, {})
        self._events.move_to_end(pod_uid)
        events.pop(uid, None)
        if len(events) >= self._limits.events_of_pod:
            events.pop(next(iter(events)))
        events[uid] = event
        if len(self._events) > self._limits.orphans:
            self._events.popitem(last=False)

    def delete(self, pod_uid: str, uid: str) -> None:
        """Remove an event."""
        self.get(pod_uid).pop(uid, None)

    def pop(self, pod_uid: str) -> dict[str, wire.Event] | None:
        """Remove and return the events of a pod; None if there are none."""
        return self._events.pop(pod_uid, None) or None

    def keep(self, uids: set[str]) -> None:
        """Remove all events but these."""
        for pod_uid, events in list(self._events.items()):
            kept = {uid: event for uid, event in events.items() if uid in uids}
            if kept:
                self._events[pod_uid] = kept
            else:
                del self._events[pod_uid]
