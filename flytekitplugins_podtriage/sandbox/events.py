"""The Events of one pod, counted up as the client's correlator does before they reach the API server.

Source: k8s.io/client-go tools/record/events_cache.go. An event that says the same again grows its count; from the
eleventh different message of a reason on they share one event, with a prefix.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from flytekitplugins_podtriage.core import wire

_SIMILAR: Final = 10
"""``defaultAggregateMaxEvents``."""
_COMBINED: Final = "(combined from similar events): "


class Events:
    """What has been said of a pod, in the order in which it was first said."""

    __slots__ = ("_about", "_listed", "_places", "_seen", "_told")

    def __init__(self, namespace: str, name: str, uid: str) -> None:
        self._about = wire.ObjectReference(kind="Pod", name=name, namespace=namespace, uid=uid)
        self._listed: list[wire.Event] = []
        self._places: dict[tuple[str, str | None, str | None], int] = {}
        self._seen: dict[tuple[str, str | None], int] = {}
        self._told: tuple[wire.Event, ...] | None = ()

    def told(self) -> tuple[wire.Event, ...]:
        """Return them all."""
        if self._told is None:
            self._told = tuple(self._listed)
        return self._told

    def add(self, event: wire.Event) -> None:
        """Add an event as it was recorded; one of the same name takes the place of the earlier."""
        self._told = None
        key = (event.reason or "", event.message, event.involved_object.field_path if event.involved_object else None)
        place = self._places.get(key)
        if place is None:
            self._places[key] = len(self._listed)
            self._listed.append(event)
        else:
            self._listed[place] = event

    def say(self, at: datetime, reason: str, message: str, *, path: str | None = None, warning: bool = False) -> bool:
        """Add an event; return whether it says anything that had not been said before.

        Args:
            at: when.
            reason: its reason.
            message: its message.
            path: the container it is about (``spec.containers{name}``).
            warning: whether its type is Warning.
        """
        self._told = None
        place = self._places.get((reason, message, path))
        similar = (reason, path)
        if place is None and self._seen.get(similar, 0) >= _SIMILAR:
            message = _COMBINED + message
            place = self._places.get((reason, None, path))
            if place is None:
                self._places[reason, None, path] = len(self._listed)
        if place is not None:
            known = self._listed[place]
            self._listed[place] = msgspec.structs.replace(
                known, message=message, count=(known.count or 1) + 1, last_timestamp=at
            )
            return False
        self._seen[similar] = self._seen.get(similar, 0) + 1
        self._places.setdefault((reason, message, path), len(self._listed))
        about = self._about if path is None else msgspec.structs.replace(self._about, field_path=path)
        self._listed.append(
            wire.Event(
                reason=reason,
                message=message,
                type="Warning" if warning else "Normal",
                count=1,
                involved_object=about,
                first_timestamp=at,
                last_timestamp=at,
            )
        )
        return True
