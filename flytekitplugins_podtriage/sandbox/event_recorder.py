"""The Events of one pod, counted up and thinned out as their sources do before they reach the API server.

Source: k8s.io/client-go tools/record/events_cache.go. An event that says the same again grows its count; from the tenth
different message of a reason on they share one event, with a prefix. Who has said 25 things of a pod is heard once in
five minutes from then on: sources before 1.32 whatever they say, later ones with warnings and with the rest each by
itself (kubernetes#124747).
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Final

import msgspec

from flytekitplugins_podtriage.core import wire

_SIMILAR: Final = 10
"""``defaultAggregateMaxEvents``: so many different messages of a reason are not told apart any more."""
_COMBINED: Final = "(combined from similar events): "
_BURST: Final = 25
"""``defaultSpamBurst``."""
_REFILL: Final = 300
"""From one event to the next that is let through after those, in seconds (``defaultSpamQPS``)."""
_SPENT: Final = (_BURST - 1) * _REFILL
"""How long a bucket takes to be full that holds one more event, in seconds."""
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=timezone.utc)
_NOT_THE_KUBELET: Final = {
    "Scheduled": "default-scheduler",
    "FailedScheduling": "default-scheduler",
    "Preempted": "default-scheduler",
    "TaintManagerEviction": "taint-eviction-controller",
    "NodeNotReady": "node-controller",
}
"""By reason: who says it, and is counted apart from the kubelet."""

_Key = tuple[str, "str | None", "str | None", bool]
"""Reason, message, path, and whether it is a warning (``getEventKey``); those that share one event have no message."""


class _Bucket:
    """What one source may still say of a pod: a token bucket, full when it begins."""

    __slots__ = ("full",)

    def __init__(self) -> None:
        self.full = float("-inf")
        """When it will be full again, in seconds; what is taken from it moves that on."""


class _Line:
    """One Event: it is written only when somebody looks, since most are counted up a few times between two looks."""

    __slots__ = ("at", "bucket", "count", "event", "fresh", "message")

    def __init__(self, event: wire.Event, bucket: _Bucket) -> None:
        self.bucket = bucket
        self.take(event)

    def take(self, event: wire.Event) -> None:
        """Take over an event as it is."""
        self.event = event
        self.message = event.message
        self.count = event.count or 1
        self.at = event.last_timestamp
        self.fresh = True

    def written(self) -> wire.Event:
        """Return it as it is now."""
        self.fresh = True
        self.event = msgspec.structs.replace(self.event, message=self.message, count=self.count, last_timestamp=self.at)
        return self.event


class Events:
    """What has been said of a pod, in the order in which it was first said."""

    __slots__ = ("_about", "_at", "_buckets", "_dropped", "_lines", "_now", "_seen", "_told", "by_type")

    def __init__(self, namespace: str, name: str, uid: str) -> None:
        self._about = wire.ObjectReference(kind="Pod", name=name, namespace=namespace, uid=uid)
        self._lines: dict[_Key, _Line] = {}
        self._seen: dict[tuple[str, bool], int] = {}
        self._told: tuple[wire.Event, ...] | None = ()
        self.by_type = True
        """Whether warnings are counted apart from the rest, as sources do since 1.32."""
        self._at, self._now = _EPOCH, 0.0
        """A moment, and the same in seconds."""
        self._buckets: dict[tuple[str, bool], _Bucket] = {}
        """By source and type."""
        self._dropped: dict[_Key, tuple[int, datetime]] = {}
        """How often something was said that was not let through, since it was last, and when first."""

    def told(self) -> tuple[wire.Event, ...]:
        """Return them all."""
        if self._told is None:
            self._told = tuple([line.event if line.fresh else line.written() for line in self._lines.values()])
        return self._told

    def add(self, event: wire.Event) -> None:
        """Add an event as it was recorded; one of the same name takes the place of the earlier."""
        self._told = None
        path = event.involved_object.field_path if event.involved_object else None
        key = (event.reason or "", event.message, path, event.type == "Warning")
        known = self._lines.get(key)
        if known is None:
            self._lines[key] = _Line(event, self._bucket(key[0], key[3]))
        else:
            known.take(event)

    def say(self, at: datetime, reason: str, message: str, *, path: str | None = None, warning: bool = False) -> bool:
        """Add an event; return whether it says anything that had not been said before, and is let through.

        Args:
            at: when.
            reason: its reason.
            message: its message.
            path: the container it is about (``spec.containers{name}``).
            warning: whether its type is Warning.
        """
        key: _Key = (reason, message, path, warning)
        line = self._lines.get(key)
        if line is None and key not in self._dropped:
            similar = (reason, warning)
            different = self._seen.get(similar, 0) + 1
            if different < _SIMILAR:
                self._seen[similar] = different
            else:
                message = _COMBINED + message
                key = (reason, None, None, warning)
                line = self._lines.get(key)
        if at is not self._at:
            self._at, self._now = at, (at - _EPOCH).total_seconds()
        bucket = line.bucket if line is not None else self._bucket(reason, warning)
        now, full = self._now, bucket.full
        if full - now > _SPENT:
            times, first = self._dropped.get(key, (0, at))
            self._dropped[key] = (times + 1, first)
            return False
        bucket.full = (full if full > now else now) + _REFILL  # noqa: FURB136  # max() costs thrice as much
        self._told = None
        times, first = 0, at
        if self._dropped:
            times, first = self._dropped.pop(key, (0, at))
        if line is not None:
            line.message = message
            line.count += times + 1
            line.at = at
            line.fresh = False
            return False
        event = wire.Event(
            reason=reason,
            message=message,
            type="Warning" if warning else "Normal",
            count=times + 1,
            involved_object=self._about if path is None else msgspec.structs.replace(self._about, field_path=path),
            first_timestamp=first,
            last_timestamp=at,
        )
        self._lines[key] = _Line(event, bucket)
        return True

    def _bucket(self, reason: str, warning: bool) -> _Bucket:
        """Return the bucket that an event takes from: each source has one, and since 1.32 one of each type."""
        source = (_NOT_THE_KUBELET.get(reason, "kubelet"), warning and self.by_type)
        return self._buckets.setdefault(source, _Bucket())
