"""Lists and watches as the API server writes them (k8s.io/apimachinery pkg/apis/meta/v1, ``WatchEvent``).

A line of a watch is ``{"type": "ADDED", "object": {...}}``. It is decoded at once, into the structs of the core: the
type comes first, and determines the form of the object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, Union

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS, Page, PartialObject
from flytekitplugins_podtriage.kube.client.status import Status


class HasMetadata(Protocol):
    """An API object, as far as a watch has to know it."""

    @property
    def metadata(self) -> wire.Metadata | None:
        """Its metadata."""


Object = TypeVar("Object", bound=HasMetadata)


class WatchedEvent(wire.Event, frozen=True, gc=False, rename="camel"):
    """An Event with its metadata, which decisions do not need."""

    metadata: wire.Metadata | None = None


class Added(msgspec.Struct, Generic[Object], tag_field="type", tag="ADDED", frozen=True, gc=False):
    """An object exists, or is selected now."""

    object: Object


class Modified(msgspec.Struct, Generic[Object], tag_field="type", tag="MODIFIED", frozen=True, gc=False):
    """An object has changed."""

    object: Object


class Deleted(msgspec.Struct, Generic[Object], tag_field="type", tag="DELETED", frozen=True, gc=False):
    """An object is gone, or is no longer selected."""

    object: Object


class Bookmark(msgspec.Struct, tag_field="type", tag="BOOKMARK", frozen=True, gc=False):
    """Everything up to this resource version has been sent."""

    object: PartialObject


class Error(msgspec.Struct, tag_field="type", tag="ERROR", frozen=True, gc=False):
    """The reason why the watch ends."""

    object: Status


WatchEvent = Union[Added[Object], Modified[Object], Deleted[Object], Bookmark, Error]  # noqa: UP007  # generic


class Decoder(Generic[Object]):
    """Decodes one resource, ``kind``; every function raises one of :data:`DECODE_ERRORS` for anything else."""

    def __init__(self, kind: Any) -> None:
        event: Any = WatchEvent
        self.line: Callable[[bytes], WatchEvent[Object]] = msgspec.json.Decoder(event[kind]).decode
        """Decodes one line of a watch."""
        self.page: Callable[[bytes], Page[Object]] = msgspec.json.Decoder(Page[kind]).decode
        """Decodes one page of a list."""
        self.one: Callable[[bytes], Object] = msgspec.json.Decoder(kind).decode
        """Decodes one object."""

    def partial_page(self, body: bytes) -> tuple[Page[Object], list[wire.Metadata]]:
        """Return a page without the items that cannot be decoded, and the metadata of those."""
        raw = _RAW_PAGE.decode(body)
        items: list[Object] = []
        others: list[wire.Metadata] = []
        for item in raw.items or ():
            try:
                items.append(self.one(bytes(item)))
            except DECODE_ERRORS:
                try:
                    others.append(_PARTIAL.decode(item).metadata or wire.Metadata())
                except DECODE_ERRORS:
                    others.append(wire.Metadata())
        return Page("List", raw.metadata, items), others


PODS: Decoder[wire.Pod] = Decoder(wire.Pod)
EVENTS: Decoder[WatchedEvent] = Decoder(WatchedEvent)


class PartialEvent(msgspec.Struct, frozen=True):
    """A line of a watch whose object cannot be decoded."""

    type: str
    object: PartialObject


_PARTIAL_LINE = msgspec.json.Decoder(PartialEvent)
_PARTIAL = msgspec.json.Decoder(PartialObject)
_RAW_PAGE = msgspec.json.Decoder(Page[msgspec.Raw])


def partial_line(line: bytes) -> tuple[str, wire.Metadata]:
    """Return the type and the metadata of a line whose object cannot be decoded."""
    event = _PARTIAL_LINE.decode(line)
    return event.type, event.object.metadata or wire.Metadata()
