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
    """Return a pod as a wire struct.

    Args:
        pod: JSON as bytes or text, a dictionary (parsed JSON or YAML), or a ``kubernetes`` V1Pod of any version.

    Raises:
        InvalidPod: it cannot be read as a Pod.
    """
    if type(pod) is wire.Pod and pod.kind == "Pod":
        return pod
    try:
        if isinstance(pod, (bytes, bytearray, memoryview, str)):
            answer = _POD.decode(pod)
        elif isinstance(pod, Mapping):
            answer = msgspec.convert(pod, wire.Pod)
        elif isinstance(pod, wire.Pod):
            answer = pod
        elif hasattr(pod, "metadata") and hasattr(pod, "status"):
            answer = msgspec.convert(pod, wire.Pod, from_attributes=True)
        else:
            raise InvalidPod(f"not a Pod: {_what(pod)}; allowed: JSON, a dict, or a kubernetes V1Pod")
    except _DECODING_ERRORS as error:
        raise InvalidPod(_explain("a Pod", pod, error)) from error
    if answer.kind is not None and answer.kind != "Pod":
        raise InvalidPod(f"not a Pod but a {answer.kind[:64]!r}; allowed: one object of kind Pod")
    return answer


def read_events(events: Iterable[object]) -> list[wire.Event]:
    """Return events as wire structs, in the order given.

    Raises:
        InvalidPod: one of them cannot be read as an Event.
    """
    return [event if type(event) is wire.Event else read_event(event) for event in events]


def read_event(event: object) -> wire.Event:
    """Return an event (core/v1 or events.k8s.io/v1) as a wire struct; the same forms as :func:`read_pod`.

    Raises:
        InvalidPod: it cannot be read as an Event.
    """
    try:
        if isinstance(event, (bytes, bytearray, memoryview, str)):
            return _EVENT.decode(event)
        if isinstance(event, Mapping):
            return msgspec.convert(event, wire.Event)
        if isinstance(event, wire.Event):
            return event
        if hasattr(event, "reason"):
            return msgspec.convert(event, wire.Event, from_attributes=True)
    except _DECODING_ERRORS as error:
        raise InvalidPod(_explain("an Event", event, error)) from error
    raise InvalidPod(f"not an Event: {_what(event)}; allowed: JSON, a dict, or a kubernetes CoreV1Event")


def _explain(kind: str, given: object, error: BaseException) -> str:
    """Say in one line what was wrong, without repeating what was given: it may hold secrets or be huge."""
    if isinstance(error, RecursionError):
        reason = "it is nested too deeply"
    elif isinstance(error, OverflowError):
        reason = "a number is out of range"
    elif isinstance(error, UnicodeError):
        reason = f"it is not valid UTF-8 text ({error.__class__.__name__})"
    else:
        reason = str(error)
    return f"not {kind}: {reason} ({_what(given)})"


def _what(given: object) -> str:
    """Name what was given by its type and size."""
    if isinstance(given, (bytes, bytearray, memoryview, str)):
        return f"{len(given)} {'characters' if isinstance(given, str) else 'bytes'} of text"
    return f"a value of type {type(given).__name__}"
