"""Reading pods and events: bytes, text, dictionaries and the Kubernetes client's models become wire structs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.errors import InvalidPod

_T = TypeVar("_T", wire.Pod, wire.Event)
_POD = msgspec.json.Decoder(wire.Pod)
_EVENT = msgspec.json.Decoder(wire.Event)

# What msgspec raises, as a family: ValidationError and DecodeError are MsgspecErrors (ValueErrors); a lone surrogate
# in a str is a UnicodeError; deep nesting a RecursionError; an int beyond 64 bits an OverflowError in convert.
_DECODING_ERRORS = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)


def read_pod(pod: object) -> wire.Pod:
    """Return a pod as a wire struct; one that is a wire struct already is returned as it is.

    Args:
        pod: JSON as bytes or text, a dictionary (parsed JSON or YAML), or a ``kubernetes`` V1Pod of any version.

    Raises:
        InvalidPod: it cannot be read as a Pod.
    """
    read = pod if isinstance(pod, wire.Pod) else _decode(pod, _POD, "a Pod", "V1Pod", ("metadata", "status"))
    if read.kind is not None and read.kind != "Pod":
        raise InvalidPod(f"not a Pod but a {read.kind[:64]!r}; allowed: one object of kind Pod")
    return read


def read_events(events: Iterable[object]) -> list[wire.Event]:
    """Return events as wire structs, in the given order; those that are wire structs already are kept as they are.

    Raises:
        InvalidPod: one of them cannot be read as an Event.
    """
    return [read_event(event) for event in events]


def read_event(event: object) -> wire.Event:
    """Return an event (core/v1 or events.k8s.io/v1) as a wire struct; the same forms as :func:`read_pod`.

    Raises:
        InvalidPod: it cannot be read as an Event.
    """
    if isinstance(event, wire.Event):
        return event
    return _decode(event, _EVENT, "an Event", "CoreV1Event", ("reason",))


def _decode(given: object, decoder: msgspec.json.Decoder[_T], kind: str, model: str, attributes: tuple[str, ...]) -> _T:
    """Decode JSON, a dictionary, or a model of the Kubernetes client, which has these attributes."""
    try:
        if isinstance(given, (bytes, bytearray, memoryview, str)):
            return decoder.decode(given)
        if isinstance(given, Mapping):
            return msgspec.convert(given, decoder.type)
        if all(hasattr(given, name) for name in attributes):
            return msgspec.convert(given, decoder.type, from_attributes=True)
    except _DECODING_ERRORS as error:
        raise InvalidPod(_explain(kind, given, error)) from error
    raise InvalidPod(f"not {kind}: {_describe(given)}; allowed: JSON, a dict, or a kubernetes {model}")


def _explain(kind: str, given: object, error: BaseException) -> str:
    """Return a one-line reason without quoting the input, which may hold secrets or be huge."""
    if isinstance(error, RecursionError):
        reason = "it is nested too deeply"
    elif isinstance(error, OverflowError):
        reason = "a number is out of range"
    elif isinstance(error, UnicodeError):
        reason = f"it is not valid UTF-8 text ({error.__class__.__name__})"
    else:
        reason = str(error)
    return f"not {kind}: {reason} ({_describe(given)})"


def _describe(given: object) -> str:
    """Describe the input by its type and size."""
    if isinstance(given, (bytes, bytearray, memoryview, str)):
        return f"{len(given)} {'characters' if isinstance(given, str) else 'bytes'} of text"
    return f"a value of type {type(given).__name__}"
