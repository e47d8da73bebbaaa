"""The cache of the watched pods and their Events, readable at once and from any thread.

Two reflectors write to it, one of pods and one of Events, each from its own thread. Responses to other requests are
offered to it, so that nobody has to wait until the watch reports the same. Pods that are gone are kept with their last
state for a while, since that is often all that tells how they ended.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.memory import remember
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.kube.informer.interning import Interner
from flytekitplugins_podtriage.kube.informer.pod_entry import Key, Limits, OrphanEvents, PodEntry
from flytekitplugins_podtriage.kube.informer.resource_version import newer
from flytekitplugins_podtriage.kube.informer.watch_events import WatchedEvent


class PodStore:
    """The cache: a :class:`~flytekitplugins_podtriage.kube.informer.store.Store` of pods.

    Args:
        now: returns the time, with a zone.
        changed: called with a pod's namespace and name after each change, in the thread that made it.
        labels: the labels of pods that are kept.
        annotations: the annotations of pods that are kept; None: all.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        limits: Limits | None = None,
        changed: Callable[[Key], None] = lambda _: None,
        labels: Iterable[str] = (),
        annotations: Iterable[str] | None = None,
    ) -> None:
        self._now = now
        self._limits = limits or Limits()
        self._changed = changed
        self._lock = threading.Lock()
        self._entries: dict[Key, PodEntry] = {}
        self._by_uid: dict[str, PodEntry] = {}
        self._gone: OrderedDict[Key, PodEntry] = OrderedDict()
        self._orphans = OrphanEvents(self._limits)
        self._event_count = 0
        self._last_version = 0
        self._list_number = 1
        self._watched_version: str | None = None
        """The resource version up to which the watch has reported."""
        self._interner = Interner(labels, annotations)
        self.events = EventStore(self)
        """The store of Events."""

    # Reading

    @property
    def version(self) -> int:
        """The version of the pod that changed last."""
        return self._last_version

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return a pod; None if it is not in the cache."""
        with self._lock:
            entry = self._entries.get((namespace, name))
            return entry.snapshot() if entry is not None else None

    def list_cached(self) -> Sequence[PodSnapshot]:
        """Return all pods that exist."""
        with self._lock:
            return [entry.snapshot() for entry in self._entries.values() if not entry.gone]

    def snapshot_of(self, pod: wire.Pod) -> PodSnapshot:
        """Return a pod from a response, with its events and memory; if the cache has a newer state, return that."""
        metadata = pod.metadata or wire.Metadata()
        with self._lock:
            entry = self._by_uid.get(metadata.uid or "")
            if entry is None:
                return PodSnapshot(pod=pod, at=self._now())
            if entry.gone or newer(entry.resource_version, metadata.resource_version):
                return entry.snapshot()
            return wire.evolve(entry.snapshot(), pod=pod)

    def read_at(self, uid: str) -> datetime | None:
        """Return as of when :meth:`confirm` was last called for a pod; None if it never was."""
        with self._lock:
            entry = self._by_uid.get(uid)
            return entry.read_at if entry is not None else None

    def resource_version(self, uid: str) -> str | None:
        """Return the resource version of a pod; None if it is not in the cache."""
        with self._lock:
            entry = self._by_uid.get(uid)
            return entry.resource_version if entry is not None else None

    def is_ahead(self, uid: str) -> bool:
        """Whether a pod was read in a state that the watch has not reported yet."""
        with self._lock:
            entry = self._by_uid.get(uid)
            return entry is not None and bool(entry.offered)

    # Writing: responses to requests

    def confirm(self, uid: str, as_of: datetime) -> bool:
        """Note that a pod and its events were read, and offered, as of a moment; return whether it is in the cache."""
        with self._lock:
            entry = self._by_uid.get(uid)
            if entry is None:
                return False
            entry.read_at = as_of
            return True

    def confirm_gone(self, uid: str) -> None:
        """Note that a pod was requested, and does not exist any more; when it went is not known."""
        with self._lock:
            entry = self._by_uid.get(uid)
            if entry is None or entry.gone:
                return
            self._mark_gone(entry)
        self._changed(entry.key)

    def offer(self, pod: wire.Pod) -> None:
        """Store a pod from a response, unless the watch has reported a newer state."""
        metadata = pod.metadata
        if metadata is None or not metadata.uid:
            return
        key = (metadata.namespace or "", metadata.name or "")
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.gone:
                # If the watch is past this version without the pod: it is not selected, or gone by now.
                fresh = self._watched_version is None or newer(metadata.resource_version, self._watched_version)
                if fresh is None:
                    fresh = entry is None or entry.uid != metadata.uid
            else:
                fresh = newer(metadata.resource_version, entry.resource_version) or False
            if not fresh:
                return
            self._upsert(key, pod, offered=self._list_number)
        self._changed(key)

    # Writing: the watch of pods

    def begin_list(self) -> None:
        """Note that a list begins; what it reports is newer than anything before."""
        with self._lock:
            self._list_number += 1

    def put(self, item: wire.Pod, *, listed: bool) -> None:
        """Store a pod that exists."""
        metadata = item.metadata or wire.Metadata()
        key = (metadata.namespace or "", metadata.name or "")
        with self._lock:
            if not listed and metadata.resource_version:
                self._watched_version = metadata.resource_version
            entry = self._entries.get(key)
            if entry is not None and not entry.gone:
                offered = entry.offered == self._list_number if listed else entry.offered
                if offered and newer(entry.resource_version, metadata.resource_version):
                    return
                if entry.uid == metadata.uid and entry.resource_version == metadata.resource_version:
                    entry.offered = 0
                    return
            self._upsert(key, item, offered=0)
        self._changed(key)

    def delete(self, uid: str, last: wire.Pod | None) -> None:
        """Note that a pod is gone."""
        with self._lock:
            if last is not None and last.metadata is not None and last.metadata.resource_version:
                self._watched_version = last.metadata.resource_version
            entry = self._by_uid.get(uid)
            if entry is None or entry.gone:
                return
            if last is not None:
                entry.pod = self._interner.pod(last, entry.texts())
            self._mark_gone(entry)
        self._changed(entry.key)

    def end_list(self, uids: set[str], version: str | None) -> None:
        """Note that a list is complete: all other pods are gone."""
        with self._lock:
            self._watched_version = version
            gone = [
                entry
                for entry in self._entries.values()
                if not entry.gone
                and entry.uid not in uids
                and not (entry.offered == self._list_number and newer(entry.resource_version, version))
            ]
            for entry in gone:
                self._mark_gone(entry)
        for entry in gone:
            self._changed(entry.key)

    def advance(self, version: str) -> None:
        """Note that everything up to this resource version has been reported."""
        with self._lock:
            self._watched_version = version
            self._expire(self._now())

    # Writing: the watch of Events, through the EventStore

    def put_event(self, event: WatchedEvent) -> None:
        """Store an event."""
        reference = event.involved_object or event.regarding
        metadata = event.metadata or wire.Metadata()
        if reference is None or not reference.uid or not metadata.uid:
            return
        with self._lock:
            entry = self._by_uid.get(reference.uid)
            if entry is None:
                others = self._orphans.get(reference.uid)
                trimmed = self._interner.event(event, reference.uid, others.values())
                self._orphans.put(reference.uid, metadata.uid, trimmed)
                return
            if entry.is_fine and not self._limits.events_of_running:
                return
            if entry.events is None:
                entry.events = {}
            trimmed = self._interner.event(event, entry.uid, entry.events.values())
            before = entry.events.pop(metadata.uid, None)
            if before is None:
                self._event_count += 1
            elif before.message == trimmed.message:
                trimmed = wire.evolve(trimmed, message=before.message)  # share the copy
            full = len(entry.events) >= self._limits.events_of_pod or self._event_count > self._limits.events
            if before is None and entry.events and full:
                entry.events.pop(next(iter(entry.events)))
                self._event_count -= 1
            entry.events[metadata.uid] = trimmed
            if before == trimmed:
                return
            if trimmed.type == "Normal":  # not a failure: the memory stays as it is
                self._touch(entry)
            else:
                self._remember(entry, entry.events.values())
        self._changed(entry.key)

    def delete_event(self, uid: str, pod_uid: str) -> None:
        """Note that an event is gone; the API server keeps them for an hour."""
        with self._lock:
            entry = self._by_uid.get(pod_uid)
            if entry is None or entry.gone or not entry.events or uid not in entry.events:
                self._orphans.delete(pod_uid, uid)
                return
            del entry.events[uid]
            self._event_count -= 1
            self._touch(entry)
        self._changed(entry.key)

    def end_event_list(self, uids: set[str]) -> None:
        """Note that a list is complete: all other events are gone."""
        changed: list[PodEntry] = []
        with self._lock:
            for entry in self._entries.values():
                if entry.gone or not entry.events:
                    continue
                kept = {uid: event for uid, event in entry.events.items() if uid in uids}
                if len(kept) < len(entry.events):
                    self._event_count -= len(entry.events) - len(kept)
                    entry.events = kept
                    self._touch(entry)
                    changed.append(entry)
            self._orphans.keep(uids)
        for entry in changed:
            self._changed(entry.key)

    # With the lock held

    def _upsert(self, key: Key, pod: wire.Pod, offered: int) -> None:
        """Store the state of a pod that exists."""
        uid = (pod.metadata.uid if pod.metadata is not None else None) or ""
        entry = self._entries.get(key)
        if entry is not None and entry.uid != uid:
            self._remove(entry)
            entry = None
        if entry is not None:  # the identity stays: one copy of each of its strings is enough
            pod = _with_metadata(pod, namespace=entry.key[0], name=entry.key[1], uid=entry.uid)
        trimmed = self._interner.pod(pod, entry.texts() if entry is not None else ())
        if entry is None:
            entry = self._entries[key] = self._by_uid[uid] = PodEntry(key=key, pod=trimmed, version=0, at=self._now())
            entry.events = self._orphans.pop(uid)
            self._event_count += len(entry.events or ())
        entry.pod, entry.offered = trimmed, offered
        if entry.events and entry.is_fine and not self._limits.events_of_running:
            self._event_count -= len(entry.events)
            entry.events = None
        if entry.gone:
            entry.gone = False
            del self._gone[key]
        self._remember(entry, entry.causal_events())

    def _mark_gone(self, entry: PodEntry) -> None:
        entry.gone, entry.offered = True, 0
        self._gone[entry.key] = entry
        self._remember(entry, entry.causal_events())
        self._expire(entry.at)

    def _expire(self, now: datetime) -> None:
        """Remove the pods that have been gone for too long, or are too many."""
        oldest = now - timedelta(seconds=self._limits.gone_for)
        while self._gone:
            first = next(iter(self._gone.values()))
            if len(self._gone) <= self._limits.gone and first.at >= oldest:
                break
            self._remove(first)

    def _remove(self, entry: PodEntry) -> None:
        self._entries.pop(entry.key, None)
        self._by_uid.pop(entry.uid, None)
        self._gone.pop(entry.key, None)
        self._event_count -= len(entry.events or ())

    def _remember(self, entry: PodEntry, events: Iterable[wire.Event]) -> None:
        """Update the memory from the new state, and the version."""
        memory = remember(entry.memory, entry.pod, events, now=self._now())
        if memory != entry.memory:
            entry.memory = memory
        self._touch(entry)

    def _touch(self, entry: PodEntry) -> None:
        """Give an entry a new version."""
        entry.at = self._now()
        self._last_version += 1
        entry.version = self._last_version


def _with_metadata(pod: wire.Pod, **fields: str) -> wire.Pod:
    return pod if pod.metadata is None else wire.evolve(pod, metadata=wire.evolve(pod.metadata, **fields))


class EventStore:
    """The :class:`~flytekitplugins_podtriage.kube.informer.store.Store` of the Events in a :class:`PodStore`."""

    def __init__(self, pods: PodStore) -> None:
        self._pods = pods
        self.reported_until: datetime | None = None
        """Everything before this moment has been reported: the watch, which goes in order, has brought an Event that
        the API server created then."""

    def begin_list(self) -> None:
        """Do nothing: Events come from the watch only."""

    def put(self, item: WatchedEvent, *, listed: bool) -> None:
        """Store an event."""
        self._pods.put_event(item)
        created = item.metadata.creation_timestamp if item.metadata is not None else None
        if not listed and created is not None and (self.reported_until is None or created > self.reported_until):
            self.reported_until = created  # a list goes by name

    def delete(self, uid: str, last: WatchedEvent | None) -> None:
        """Note that an event is gone."""
        reference = (last.involved_object or last.regarding) if last is not None else None
        if reference is not None and reference.uid:
            self._pods.delete_event(uid, reference.uid)

    def end_list(self, uids: set[str], version: str | None) -> None:
        """Note that a list is complete: all other events are gone."""
        self._pods.end_event_list(uids)

    def advance(self, version: str) -> None:
        """Do nothing."""
