"""The Events of one pod, counted, aggregated and rate-limited as their sources do before they reach the API server.

Source: k8s.io/client-go tools/record/events_cache.go. A repeated event increments its count. From the tenth different
message of a reason on, messages share one event with a prefix. After 25 events about a pod, a source gets one more
through every five minutes: sources before 1.32 whatever the event, later ones counting warnings and normal events
separately (kubernetes#124747).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flytekitplugins_podtriage.core import wire

_SIMILAR: Final = 10
"""``defaultAggregateMaxEvents``: from this many different messages of one reason on, they share an event."""
_COMBINED: Final = "(combined from similar events): "
_BURST: Final = 25
"""``defaultSpamBurst``."""
_REFILL: Final = 300
"""Seconds per further event (``defaultSpamQPS``)."""
_SPENT: Final = (_BURST - 1) * _REFILL
"""Seconds until a bucket with exactly one token left is full."""
_OTHER_SOURCES: Final = {
    "Scheduled": "default-scheduler",
    "FailedScheduling": "default-scheduler",
    "Preempted": "default-scheduler",
    "TaintManagerEviction": "taint-eviction-controller",
    "NodeNotReady": "node-controller",
}
"""The source of each reason that is not the kubelet's; every source has its own limit."""

_Key = tuple[str, "str | None", "str | None", bool]
"""Reason, message, path, and whether it is a warning (``getEventKey``); a shared event has no message."""


class _TokenBucket:
    """How many more events of one source get through. It starts full."""

    __slots__ = ("full_at",)

    def __init__(self) -> None:
        self.full_at = float("-inf")
        """When it is full again, in seconds; each event postpones that."""


class _Entry:
    """One Event. It is built only when it is read: most are counted several times between two reads."""

    __slots__ = ("bucket", "count", "dropped", "event", "fresh", "last_timestamp", "message")

    def __init__(self, event: wire.Event, bucket: _TokenBucket) -> None:
        self.bucket = bucket
        self.dropped = 0
        """How often it was dropped since it last got through."""
        self.load(event)

    def load(self, event: wire.Event) -> None:
        """Take over an event as it is."""
        self.event = event
        self.message = event.message
        self.count = event.count or 1
        self.last_timestamp = event.last_timestamp
        self.fresh = True

    def build(self) -> wire.Event:
        """Return the event in its present state."""
        self.fresh = True
        self.event = wire.evolve(self.event, message=self.message, count=self.count, last_timestamp=self.last_timestamp)
        return self.event


class EventRecorder:
    """The events of one pod, in the order in which each first occurred."""

    __slots__ = ("_at", "_buckets", "_dropped", "_entries", "_events", "_messages", "_now", "_pod_ref", "split_by_type")

    def __init__(self, namespace: str, name: str, uid: str) -> None:
        self._pod_ref = wire.ObjectReference(kind="Pod", name=name, namespace=namespace, uid=uid)
        self._entries: dict[_Key, _Entry] = {}
        self._messages: dict[tuple[str, bool], int] = {}
        """The number of different messages, by reason and type."""
        self._events: tuple[wire.Event, ...] | None = ()
        """The last result of :meth:`list`; None if it is outdated."""
        self.split_by_type = True
        """Whether warnings are limited separately, as sources do since 1.32."""
        self._at: datetime | None = None
        self._now = 0.0
        """The time of the last event, and the same in seconds."""
        self._buckets: dict[tuple[str, bool], _TokenBucket] = {}
        """By source and type."""
        self._dropped: dict[_Key, tuple[int, datetime]] = {}
        """How often an event that has no entry was dropped, and when first."""

    def list(self) -> tuple[wire.Event, ...]:
        """Return all events."""
        if self._events is None:
            self._events = tuple([entry.event if entry.fresh else entry.build() for entry in self._entries.values()])
        return self._events

    def add(self, event: wire.Event) -> None:
        """Add a recorded event as it is, or replace the earlier state of the same event."""
        self._events = None
        path = event.involved_object.field_path if event.involved_object else None
        key = (event.reason or "", event.message, path, event.type == "Warning")
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(event, self._bucket(key[0], key[3]))
        else:
            entry.load(event)

    def emit(self, at: datetime, reason: str, message: str, path: str | None = None, warning: bool = False) -> bool:
        """Emit an event; return whether a new one got through, not just another count of a known one.

        Args:
            at: when.
            reason: its reason.
            message: its message.
            path: the container it is about (``spec.containers{name}``).
            warning: whether its type is Warning.
        """
        if at is not self._at:
            self._at, self._now = at, at.timestamp()
        key: _Key = (reason, message, path, warning)
        entry = self._entries.get(key)
        if entry is None and key not in self._dropped:
            similar = (reason, warning)
            different = self._messages.get(similar, 0) + 1
            if different < _SIMILAR:
                self._messages[similar] = different
            else:
                message = _COMBINED + message
                key = (reason, None, None, warning)
                entry = self._entries.get(key)
        bucket = entry.bucket if entry is not None else self._bucket(reason, warning)
        now, full_at = self._now, bucket.full_at
        if full_at - now > _SPENT:
            if entry is not None:
                entry.dropped += 1
            else:
                dropped, first = self._dropped.get(key, (0, at))
                self._dropped[key] = (dropped + 1, first)
            return False
        bucket.full_at = (full_at if full_at > now else now) + _REFILL  # noqa: FURB136  # max() costs thrice as much
        self._events = None
        if entry is None:
            self._entries[key] = self._new_entry(key, message, at, path, bucket)
            return True
        entry.message = message
        entry.count += entry.dropped + 1
        entry.dropped = 0
        entry.last_timestamp = at
        entry.fresh = False
        return False

    def _new_entry(self, key: _Key, message: str, at: datetime, path: str | None, bucket: _TokenBucket) -> _Entry:
        dropped, first = self._dropped.pop(key, (0, at))
        event = wire.Event(
            reason=key[0],
            message=message,
            type="Warning" if key[3] else "Normal",
            count=dropped + 1,
            involved_object=self._pod_ref if path is None else wire.evolve(self._pod_ref, field_path=path),
            first_timestamp=first,
            last_timestamp=at,
        )
        return _Entry(event, bucket)

    def _bucket(self, reason: str, warning: bool) -> _TokenBucket:
        """Return the bucket of an event: one for each source, since 1.32 one for each source and type."""
        source = (_OTHER_SOURCES.get(reason, "kubelet"), warning and self.split_by_type)
        return self._buckets.setdefault(source, _TokenBucket())
