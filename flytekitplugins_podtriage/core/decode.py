"""Reading pods and events: bytes, text, dictionaries and the Kubernetes client's models become wire structs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.errors import InvalidPod

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
    read = pod if isinstance(pod, wire.Pod) else _decode_pod(pod)
    if read.kind is not None and read.kind != "Pod":
        raise InvalidPod(f"not a Pod but a {read.kind[:64]!r}; allowed: one object of kind Pod")
    return read


def _decode_pod(pod: object) -> wire.Pod:
    try:
        if isinstance(pod, (bytes, bytearray, memoryview, str)):
            return _POD.decode(pod)
        if isinstance(pod, Mapping):
            return msgspec.convert(pod, wire.Pod)
        if hasattr(pod, "metadata") and hasattr(pod, "status"):
            return msgspec.convert(pod, wire.Pod, from_attributes=True)
    except _DECODING_ERRORS as error:
        raise InvalidPod(_explain("a Pod", pod, error)) from error
    raise InvalidPod(f"not a Pod: {_describe(pod)}; allowed: JSON, a dict, or a kubernetes V1Pod")


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
    try:
        if isinstance(event, (bytes, bytearray, memoryview, str)):
            return _EVENT.decode(event)
        if isinstance(event, Mapping):
            return msgspec.convert(event, wire.Event)
        if hasattr(event, "reason"):
            return msgspec.convert(event, wire.Event, from_attributes=True)
    except _DECODING_ERRORS as error:
        raise InvalidPod(_explain("an Event", event, error)) from error
    raise InvalidPod(f"not an Event: {_describe(event)}; allowed: JSON, a dict, or a kubernetes CoreV1Event")


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
