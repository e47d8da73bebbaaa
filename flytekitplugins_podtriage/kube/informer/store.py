"""What receives the objects that a reflector lists and watches."""

from __future__ import annotations

from typing import Protocol, TypeVar

Object_contra = TypeVar("Object_contra", contravariant=True)


class Store(Protocol[Object_contra]):
    """Receives what a watch reports, from one thread."""

    def begin_list(self) -> None:
        """Note that a list begins; what it reports is newer than anything before."""

    def put(self, item: Object_contra, *, listed: bool) -> None:
        """Store an object that exists, from a list or from the watch."""

    def delete(self, uid: str, last: Object_contra | None) -> None:
        """Note that an object is gone, with its last state if that can be decoded."""

    def end_list(self, uids: set[str], version: str | None) -> None:
        """Note that a list is complete: at this resource version no objects existed but these."""

    def advance(self, version: str) -> None:
        """Note that everything up to this resource version has been reported."""
