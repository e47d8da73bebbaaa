"""Keys as the Kubernetes client for Python spells them, and as the API does.

A model's dictionary has ``container_statuses`` for ``containerStatuses``, times as ``datetime`` and absent fields as
None (kubernetes-client/python, kubernetes/client/models: ``to_dict`` and ``attribute_map``; ``model_dump`` in releases
that are built on pydantic, whose ``to_dict`` spells keys as the API does). Only the keys of fields that are read are
respelled: those of labels and annotations are people's own.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final, get_args

import msgspec

_MARKS: Final = (b'"api_version"', b'"container_statuses"', b'"involved_object"', b'"last_timestamp"', b'"event_time"')
"""One of these is in the text of a model's dictionary that was written as JSON."""


class _Fields(msgspec.Struct, frozen=True):
    """The fields of a struct."""

    spellings: tuple[tuple[str, str, type[msgspec.Struct] | None], ...]
    """Of each field the client's spelling, the API's, and the struct inside it."""
    of_client: frozenset[str]
    """The spellings that only the client uses."""
    nested: tuple[tuple[str, type[msgspec.Struct]], ...]
    """By the client's spelling."""


def api_keys(given: Mapping[str, object], struct: type[msgspec.Struct]) -> Mapping[str, object]:
    """Return a mapping with the keys that the API has; itself, unless it is spelled as the client does."""
    metadata = given.get("metadata")
    if isinstance(metadata, Mapping) and "creationTimestamp" in metadata:
        return given  # an API server's: it gives every object one
    if not _is_of_client(given, struct):
        return given
    respelled = _respelled(given, struct)
    assert isinstance(respelled, Mapping)
    return respelled


def may_be_of_client(text: bytes | bytearray | memoryview | str) -> bool:
    """Whether a text may be the JSON of a model's dictionary."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else bytes(text)
    return any(mark in data for mark in _MARKS)


@functools.cache
def _fields(struct: type[msgspec.Struct]) -> _Fields:
    fields = [(field.name, field.encode_name, _struct_in(field.type)) for field in msgspec.structs.fields(struct)]
    return _Fields(
        spellings=tuple(fields),
        of_client=frozenset(name for name, api_name, _ in fields if name != api_name),
        nested=tuple((name, inner) for name, _, inner in fields if inner is not None),
    )


def _struct_in(annotation: object) -> type[msgspec.Struct] | None:
    """Return the struct in a type such as ``Struct | None`` or ``list[Struct] | None``; None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    return next((inner for part in get_args(annotation) if (inner := _struct_in(part)) is not None), None)


def _is_of_client(value: object, struct: type[msgspec.Struct]) -> bool:
    """Whether a mapping, or the first of a list of them, or one inside it, has a key in the client's spelling."""
    if isinstance(value, (list, tuple)):
        value = value[0] if value else None
    if not isinstance(value, Mapping):
        return False
    fields = _fields(struct)
    if not fields.of_client.isdisjoint(value):
        return True
    # A key inside that differs would have been seen above, so that the client's spelling is enough here.
    return any(name in value and _is_of_client(value[name], inner) for name, inner in fields.nested)


def _respelled(value: object, struct: type[msgspec.Struct]) -> object:
    if isinstance(value, (list, tuple)):
        return [_respelled(item, struct) for item in value]
    if not isinstance(value, Mapping):
        return value
    respelled: dict[str, object] = {}
    for name, api_name, inner in _fields(struct).spellings:
        item = value.get(api_name)
        if item is None and name != api_name:
            item = value.get(name)
        if item is not None:
            respelled[api_name] = item if inner is None else _respelled(item, inner)
    return respelled
