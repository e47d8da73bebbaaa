"""What is known of one pod, and how much is known of all."""

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
    """Pods that are gone; the first to go are forgotten first."""
    gone_for: float = 900.0
    """How long they are kept at most, in seconds."""
    events_of_pod: int = 40
    """Events of one pod; the longest unchanged are forgotten first. The API server keeps them for an hour."""
    events: int = 200_000
    """Events of all pods: beyond, each new one takes the place of another of its pod."""
    strangers: int = 2_000
    """Pods that are not known (yet) of which events are kept; the others are about pods that nobody watches."""


@attrs.define(slots=True, eq=False)
class Known:
    """What is known of one pod."""

    key: Key
    pod: wire.Pod
    version: int
    at: datetime
    memory: Memory | None = None
    events: dict[str, wire.Event] | None = None
    """By their uid, the one that changed last at the end."""
    gone: bool = False
    offered: int = 0
    """The list (by number) since which it is known from an offer that is newer than what the watch has told; or 0."""

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return (self.pod.metadata.uid if self.pod.metadata is not None else None) or ""

    @property
    def resource_version(self) -> str | None:
        """The pod's resource version."""
        return self.pod.metadata.resource_version if self.pod.metadata is not None else None

    def snapshot(self) -> PodSnapshot:
        """Return it as those see it who run pods."""
        events = tuple(self.events.values()) if self.events else ()
        return PodSnapshot(self.pod, events, self.memory, self.gone, self.at, self.version)

    def texts(self) -> Iterator[str]:
        """Yield the longer texts that are kept of it beside its state."""
        return (cause.message for cause in self.memory.causes) if self.memory is not None else iter(())

    def telling(self) -> Iterable[wire.Event]:
        """Return the events to be folded with the pod's state: those of one that runs or has run well tell no cause.

        The others have to be: what a kubelet writes into the status of a failed pull is less than its event says (there
        is no image in it), and takes its place in what is remembered.
        """
        status = self.pod.status
        over = status is not None and status.phase in ("Running", "Succeeded")
        return () if over or not self.events else self.events.values()


class Strangers:
    """The events of pods that are not known: yet, since events may come before their pods, or at all.

    Args:
        limits: of how many pods they are kept, and how many of each.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events: OrderedDict[str, dict[str, wire.Event]] = OrderedDict()

    def of(self, about: str) -> dict[str, wire.Event]:
        """Return the events of a pod, by their uid."""
        return self._events.get(about, {})

    def put(self, about: str, uid: str, event: wire.Event) -> None:
        """Keep an event."""
        events = self._events.setdefault(about, {})
        self._events.move_to_end(about)
        events.pop(uid, None)
        if len(events) >= self._limits.events_of_pod:
            events.pop(next(iter(events)))
        events[uid] = event
        if len(self._events) > self._limits.strangers:
            self._events.popitem(last=False)

    def drop(self, about: str, uid: str) -> None:
        """Forget an event."""
        self.of(about).pop(uid, None)

    def take(self, about: str) -> dict[str, wire.Event] | None:
        """Return the events of a pod that is known from now on, and keep them no longer; None: there are none."""
        return self._events.pop(about, None) or None

    def settle(self, present: set[str]) -> None:
        """Forget all events but these."""
        for about, events in list(self._events.items()):
            kept = {uid: event for uid, event in events.items() if uid in present}
            if kept:
                self._events[about] = kept
            else:
                del self._events[about]
