"""Lists and watches as the API server writes them (k8s.io/apimachinery pkg/apis/meta/v1, ``WatchEvent``).

A line of a watch is ``{"type": "ADDED", "object": {...}}``. It is decoded in one go, into the structs of the core: the
type comes first, and says of what form the object is.
"""

from __future__ import annotations

from typing import Any, Final, Generic, Protocol, TypeVar, Union

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.kube.client.status import ListMeta, Status


class Kept(Protocol):
    """An object of the API, as far as a watch has to know it."""

    @property
    def metadata(self) -> wire.Metadata | None:
        """Its metadata."""


Object = TypeVar("Object", bound=Kept)
UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding raises. A ``MsgspecError`` (a ``ValueError`` in msgspec 0.22, not yet in 0.19) is a ``ValidationError``
where there is JSON of another form, and any other ``DecodeError`` where there is none."""


class WatchedEvent(wire.Event, frozen=True, gc=False, rename="camel"):
    """An Event with its metadata, which decisions do without."""

    metadata: wire.Metadata | None = None


class Added(msgspec.Struct, Generic[Object], tag_field="type", tag="ADDED", frozen=True, gc=False):
    """An object is there, or is selected now."""

    object: Object


class Modified(msgspec.Struct, Generic[Object], tag_field="type", tag="MODIFIED", frozen=True, gc=False):
    """An object has changed."""

    object: Object


class Deleted(msgspec.Struct, Generic[Object], tag_field="type", tag="DELETED", frozen=True, gc=False):
    """An object is gone, or is selected no more."""

    object: Object


class Bare(msgspec.Struct, frozen=True, gc=False):
    """An object of which nothing but the metadata is read."""

    metadata: wire.Metadata | None = None


class Bookmark(msgspec.Struct, tag_field="type", tag="BOOKMARK", frozen=True, gc=False):
    """Nothing has changed up to this resource version."""

    object: Bare


class Error(msgspec.Struct, tag_field="type", tag="ERROR", frozen=True, gc=False):
    """The watch ends, and why."""

    object: Status


class Page(msgspec.Struct, Generic[Object], frozen=True, gc=False):
    """One page of a list."""

    kind: str | None = None
    metadata: ListMeta | None = None
    items: list[Object] | None = None


class Decoding(Generic[Object]):
    """How one resource is decoded.

    Args:
        kind: the struct of one object.
    """

    def __init__(self, kind: Any) -> None:
        one: Any = Union[Added[kind], Modified[kind], Deleted[kind], Bookmark, Error]  # noqa: UP007  # read at runtime
        self._line = msgspec.json.Decoder(one)
        self._page = msgspec.json.Decoder(Page[kind])
        self._one = msgspec.json.Decoder(kind)

    def line(self, line: bytes) -> Added[Object] | Modified[Object] | Deleted[Object] | Bookmark | Error:
        """Decode one line of a watch.

        Raises:
            Exception: one of :data:`UNREADABLE`.
        """
        found: Added[Object] | Modified[Object] | Deleted[Object] | Bookmark | Error = self._line.decode(line)
        return found

    def page(self, body: bytes) -> Page[Object]:
        """Decode one page of a list.

        Raises:
            Exception: one of :data:`UNREADABLE`.
        """
        found: Page[Object] = self._page.decode(body)
        return found

    def one(self, body: bytes) -> Object:
        """Decode one object.

        Raises:
            Exception: one of :data:`UNREADABLE`.
        """
        found: Object = self._one.decode(body)
        return found


PODS: Decoding[wire.Pod] = Decoding(wire.Pod)
EVENTS: Decoding[WatchedEvent] = Decoding(WatchedEvent)


class _Line(msgspec.Struct, frozen=True):
    type: str
    object: Bare


_ROUGH_LINE = msgspec.json.Decoder(_Line)
_BARE = msgspec.json.Decoder(Bare)


def rough_line(line: bytes) -> tuple[str, wire.Metadata]:
    """Return the type and the metadata of a line whose object is not of the form that it should have.

    Raises:
        Exception: not even that can be read: one of :data:`UNREADABLE`.
    """
    found = _ROUGH_LINE.decode(line)
    return found.type, found.object.metadata or wire.Metadata()


class _RawPage(msgspec.Struct, frozen=True):
    metadata: ListMeta | None = None
    items: list[msgspec.Raw] | None = None


_RAW_PAGE = msgspec.json.Decoder(_RawPage)


def rough_page(body: bytes, decoding: Decoding[Object]) -> tuple[Page[Object], list[wire.Metadata]]:
    """Return a page without those of its items that are not of the form that they should have, and their metadata.

    Raises:
        Exception: the page is none: one of :data:`UNREADABLE`.
    """
    raw = _RAW_PAGE.decode(body)
    items: list[Object] = []
    others: list[wire.Metadata] = []
    for item in raw.items or ():
        try:
            items.append(decoding.one(bytes(item)))
        except UNREADABLE:
            try:
                others.append(_BARE.decode(item).metadata or wire.Metadata())
            except UNREADABLE:
                others.append(wire.Metadata())
    return Page("List", raw.metadata, items), others
