"""What is known of the pods that are watched, and of their Events: at once, without asking anybody.

Two watches tell it what they see, one of pods and one of Events, each from a thread of its own; a pod that was just
created or read is offered to it, so that nobody has to wait for the watch to say the same. Pods that are gone are kept
with their last state for a while, since that is often all that tells how they ended.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone

from msgspec.structs import replace

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.memory import remember
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.kube.informer.interning import Words
from flytekitplugins_podtriage.kube.informer.pod_entry import Key, Known, Limits, Strangers
from flytekitplugins_podtriage.kube.informer.resource_version import newer
from flytekitplugins_podtriage.kube.informer.watch_events import WatchedEvent


class PodCache:
    """What is known of pods, for any thread: a :class:`~flytekitplugins_podtriage.kube.informer.reflector.Store`.

    Args:
        now: the time, with a zone.
        limits: how much is kept.
        changed: called with a pod's namespace and name after each change, by whichever thread brought it.
    """

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        limits: Limits | None = None,
        changed: Callable[[Key], None] = lambda _: None,
    ) -> None:
        self._now = now
        self._limits = limits or Limits()
        self._changed = changed
        self._lock = threading.Lock()
        self._known: dict[Key, Known] = {}
        self._by_uid: dict[str, Known] = {}
        self._gone: OrderedDict[Key, Known] = OrderedDict()
        self._strangers = Strangers(self._limits)
        self._events = 0
        self._counted = 0
        self._list = 1
        self._told: str | None = None
        self._words = Words()
        self.events = EventShelf(self)
        """The store of Events."""

    # What is asked for

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return what is known of a pod; None if nothing is."""
        with self._lock:
            found = self._known.get((namespace, name))
            return found.snapshot() if found is not None else None

    def list_cached(self) -> Sequence[PodSnapshot]:
        """Return all the pods that are there."""
        with self._lock:
            return [found.snapshot() for found in self._known.values() if not found.gone]

    def beside(self, pod: wire.Pod) -> PodSnapshot:
        """Return a pod that the API server has just told of, with what is known of it beside that.

        Where a newer state of it is known, that is returned.
        """
        metadata = pod.metadata or wire.Metadata()
        with self._lock:
            found = self._by_uid.get(metadata.uid or "")
            if found is None:
                return PodSnapshot(pod, at=self._now())
            if found.gone or newer(found.resource_version, metadata.resource_version):
                return found.snapshot()
            return replace(found.snapshot(), pod=pod)

    def offer(self, pod: wire.Pod) -> None:
        """Take in a pod that the API server has told of beside the watch, unless the watch knows better."""
        metadata = pod.metadata
        if metadata is None or not metadata.uid:
            return
        key = (metadata.namespace or "", metadata.name or "")
        with self._lock:
            found = self._known.get(key)
            if found is None or found.gone:
                # The watch is past that version, and does not have it there: it is not selected, or gone by now.
                fresh = self._told is None or newer(metadata.resource_version, self._told)
                if fresh is None:
                    fresh = found is None or found.uid != metadata.uid
            else:
                fresh = newer(metadata.resource_version, found.resource_version) or False
            if not fresh:
                return
            self._there(key, pod, offered=self._list)
        self._changed(key)

    # What the watch of pods tells

    def begin(self) -> None:
        """Note that a list begins: what it tells is newer than all that was told before."""
        with self._lock:
            self._list += 1

    def put(self, found: wire.Pod, *, listed: bool) -> None:
        """Take in a pod that is there."""
        metadata = found.metadata or wire.Metadata()
        key = (metadata.namespace or "", metadata.name or "")
        with self._lock:
            if not listed and metadata.resource_version:
                self._told = metadata.resource_version
            known = self._known.get(key)
            if known is not None and not known.gone:
                offered = known.offered == self._list if listed else known.offered
                if offered and newer(known.resource_version, metadata.resource_version):
                    return
                if known.uid == metadata.uid and known.resource_version == metadata.resource_version:
                    known.offered = 0
                    return
            self._there(key, found, offered=0)
        self._changed(key)

    def drop(self, uid: str, last: wire.Pod | None) -> None:
        """Take in that a pod is gone."""
        with self._lock:
            if last is not None and last.metadata is not None and last.metadata.resource_version:
                self._told = last.metadata.resource_version
            known = self._by_uid.get(uid)
            if known is None or known.gone:
                return
            if last is not None:
                known.pod = self._words.pod(last, known.texts())
            self._leave(known)
        self._changed(known.key)

    def settle(self, present: set[str], version: str | None) -> None:
        """Take in that a list is whole."""
        with self._lock:
            self._told = version
            left = [
                known
                for known in self._known.values()
                if not known.gone
                and known.uid not in present
                and not (known.offered == self._list and newer(known.resource_version, version))
            ]
            for known in left:
                self._leave(known)
        for known in left:
            self._changed(known.key)

    def advance(self, version: str) -> None:
        """Take in that everything up to this resource version has been told."""
        with self._lock:
            self._told = version
            self._expire(self._now())

    # What the watch of events tells, by way of the shelf

    def put_event(self, event: WatchedEvent) -> None:
        """Take in an event."""
        about = event.involved_object or event.regarding
        metadata = event.metadata or wire.Metadata()
        if about is None or not about.uid or not metadata.uid:
            return
        with self._lock:
            known = self._by_uid.get(about.uid)
            if known is None:
                trimmed = self._trimmed(event, about.uid, self._strangers.of(about.uid))
                self._strangers.put(about.uid, metadata.uid, trimmed)
                return
            if known.events is None:
                known.events = {}
            trimmed = self._trimmed(event, about.uid, known.events)
            before = known.events.pop(metadata.uid, None)
            if before is None:
                self._events += 1
            elif before.message == trimmed.message:
                trimmed = replace(trimmed, message=before.message)  # the copy that there is already
            full = len(known.events) >= self._limits.events_of_pod or self._events > self._limits.events
            if before is None and known.events and full:
                known.events.pop(next(iter(known.events)))
                self._events -= 1
            known.events[metadata.uid] = trimmed
            if before == trimmed:
                return
            if trimmed.type == "Normal":  # no failure, and nothing that is remembered is forgotten for it
                self._count(known)
            else:
                self._note(known, known.events.values())
        self._changed(known.key)

    def drop_event(self, uid: str, about: str) -> None:
        """Take in that an event is gone: they are kept for an hour."""
        with self._lock:
            known = self._by_uid.get(about)
            if known is None or known.gone or not known.events or uid not in known.events:
                self._strangers.drop(about, uid)
                return
            del known.events[uid]
            self._events -= 1
            self._count(known)
        self._changed(known.key)

    def settle_events(self, present: set[str]) -> None:
        """Take in that there are no others than these events."""
        left: list[Known] = []
        with self._lock:
            for known in self._known.values():
                if known.gone or not known.events:
                    continue
                kept = {uid: event for uid, event in known.events.items() if uid in present}
                if len(kept) < len(known.events):
                    self._events -= len(known.events) - len(kept)
                    known.events = kept
                    self._count(known)
                    left.append(known)
            self._strangers.settle(present)
        for known in left:
            self._changed(known.key)

    # With the lock held

    def _there(self, key: Key, pod: wire.Pod, offered: int) -> None:
        """Have a pod be there as it is."""
        uid = (pod.metadata.uid if pod.metadata is not None else None) or ""
        known = self._known.get(key)
        if known is not None and known.uid != uid:
            self._forget(known)
            known = None
        trimmed = self._words.pod(pod, known.texts() if known is not None else ())
        if known is None:
            known = self._known[key] = self._by_uid[uid] = Known(key, trimmed, 0, self._now())
            known.events = self._strangers.take(uid)
            self._events += len(known.events or ())
        known.pod, known.offered = trimmed, offered
        if known.gone:
            known.gone = False
            del self._gone[key]
        self._note(known, known.telling())

    def _leave(self, known: Known) -> None:
        """Have a pod be gone."""
        known.gone, known.offered = True, 0
        self._gone[known.key] = known
        self._note(known, known.telling())
        self._expire(known.at)

    def _expire(self, now: datetime) -> None:
        """Forget the pods that have been gone for too long, or are too many."""
        oldest = now - timedelta(seconds=self._limits.gone_for)
        while self._gone:
            first = next(iter(self._gone.values()))
            if len(self._gone) <= self._limits.gone and first.at >= oldest:
                break
            self._forget(first)

    def _forget(self, known: Known) -> None:
        self._known.pop(known.key, None)
        self._by_uid.pop(known.uid, None)
        self._gone.pop(known.key, None)
        self._events -= len(known.events or ())

    def _note(self, known: Known, events: Iterable[wire.Event] = ()) -> None:
        """Fold what is new into what is remembered, and count it."""
        memory = remember(known.memory, known.pod, events, now=self._now())
        if memory != known.memory:
            known.memory = memory
        self._count(known)

    def _count(self, known: Known) -> None:
        known.at = self._now()
        self._counted += 1
        known.version = self._counted

    def _trimmed(self, event: WatchedEvent, uid: str, beside: dict[str, wire.Event]) -> wire.Event:
        return self._words.event(event, self._words.about(event, uid, beside.values()))


class EventShelf:
    """The :class:`~flytekitplugins_podtriage.kube.informer.reflector.Store` of Events of a cache."""

    def __init__(self, cache: PodCache) -> None:
        self._cache = cache

    def begin(self) -> None:
        """Do nothing: events are known from the watch alone."""

    def put(self, found: WatchedEvent, *, listed: bool) -> None:
        """Take in an event."""
        self._cache.put_event(found)

    def drop(self, uid: str, last: WatchedEvent | None) -> None:
        """Take in that an event is gone."""
        about = (last.involved_object or last.regarding) if last is not None else None
        if about is not None and about.uid:
            self._cache.drop_event(uid, about.uid)

    def settle(self, present: set[str], version: str | None) -> None:
        """Take in that a list is whole."""
        self._cache.settle_events(present)

    def advance(self, version: str) -> None:
        """Do nothing."""
