"""The parts of API objects that the client itself reads (k8s.io/apimachinery pkg/apis/meta/v1)."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

import msgspec

from flytekitplugins_podtriage.core import wire

Item = TypeVar("Item")
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding raises. A ``MsgspecError`` (a ``ValueError`` in msgspec 0.22, not yet in 0.19) is a ``ValidationError``
where there is JSON of another form, and any other ``DecodeError`` where there is none."""


class ListMeta(msgspec.Struct, rename="camel"):
    """The metadata of a list; a ``Status`` has it too."""

    resource_version: str | None = None
    continue_: str | None = msgspec.field(default=None, name="continue")


class Page(msgspec.Struct, Generic[Item], frozen=True, gc=False):
    """One page of a list."""

    kind: str | None = None
    metadata: ListMeta | None = None
    items: list[Item] | None = None

    @property
    def is_list(self) -> bool:
        """Whether this was a list; an empty one may come without items."""
        return self.items is not None or (self.kind or "").endswith("List")

    @property
    def next_token(self) -> str | None:
        """The token of the next page; None on the last one."""
        return (self.metadata.continue_ if self.metadata is not None else None) or None


class PartialObject(msgspec.Struct, frozen=True, gc=False):
    """An object of which only the metadata is read."""

    metadata: wire.Metadata | None = None
