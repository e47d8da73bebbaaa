"""Reading pods and events: bytes, text, dictionaries and the Kubernetes client's models become wire structs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.errors import InvalidPod
from flytekitplugins_podtriage.core.key_spelling import api_keys, may_be_of_client

_T = TypeVar("_T", wire.Pod, wire.Event, wire.PodStatus)
_POD = msgspec.json.Decoder(wire.Pod)
_EVENT = msgspec.json.Decoder(wire.Event)
_STATUS = msgspec.json.Decoder(wire.PodStatus)
_JSON = (bytes, bytearray, memoryview, str)

# What msgspec raises, as a family: ValidationError and DecodeError are MsgspecErrors (ValueErrors); a lone surrogate
# in a str is a UnicodeError; deep nesting a RecursionError; an int beyond 64 bits an OverflowError in convert.
DECODING_ERRORS = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)

_ALLOWED: Final = {
    "a Pod": "allowed: one object of kind Pod, or its status, as JSON, a dict, or a kubernetes V1Pod",
    "an Event": "allowed: one object of kind Event, as JSON, a dict, or a kubernetes CoreV1Event",
}
_POD_KEYS: Final = frozenset({"apiVersion", "api_version", "kind", "metadata", "spec", "status"})
_SPEC_KEYS: Final = frozenset(
    key for field in msgspec.structs.fields(wire.PodSpec) for key in (field.name, field.encode_name)
)


def read_pod(pod: object) -> wire.Pod:
    """Return a pod as a wire struct; one that is a wire struct already is returned as it is.

    Args:
        pod: JSON as bytes or text, a dictionary (parsed JSON or YAML, or ``to_dict()`` of a model), or a ``kubernetes``
            V1Pod of any version. The status of a pod alone will do, as JSON or a dictionary.

    Raises:
        InvalidPod: it cannot be read as a Pod.
    """
    if isinstance(pod, wire.Pod):
        read = pod
    else:
        read = _decode(pod, _POD, "a Pod", ("metadata", "status"))
        metadata = read.metadata
        if metadata is None or read.status is None or metadata.creation_timestamp is None:
            # An API server writes all three; anything else is looked at again, which takes time.
            read = _read_unusual(pod, read)
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
    read = _decode(event, _EVENT, "an Event", ("reason",))
    if isinstance(event, _JSON) and read.involved_object is None and read.regarding is None and may_be_of_client(event):
        return _decode(_parsed(event, "an Event"), _EVENT, "an Event", ())
    return read


def _decode(given: object, decoder: msgspec.json.Decoder[_T], kind: str, attributes: tuple[str, ...]) -> _T:
    """Decode JSON, a dictionary, or a model of the Kubernetes client, which has these attributes."""
    try:
        if isinstance(given, _JSON):
            return decoder.decode(given)
        if isinstance(given, Mapping):
            return msgspec.convert(api_keys(given, decoder.type), decoder.type)
        if attributes and all(hasattr(given, name) for name in attributes):
            _refuse_other_model(given, decoder.type)
            return msgspec.convert(given, decoder.type, from_attributes=True)
    except DECODING_ERRORS as error:
        raise InvalidPod(_explain(kind, given, error)) from error
    raise InvalidPod(f"not {kind}: {_describe(given)}; {_ALLOWED[kind]}")


def _parsed(given: bytes | bytearray | memoryview | str, kind: str) -> object:
    """Return JSON that was read as an object before, with all of its fields."""
    try:
        parsed: object = msgspec.json.decode(given)
    except DECODING_ERRORS as error:  # in what was skipped before: a number out of range
        raise InvalidPod(_explain(kind, given, error)) from error
    return parsed


def _refuse_other_model(given: object, struct: type[msgspec.Struct]) -> None:
    """Refuse the Kubernetes client's models of other kinds: a Deployment has metadata and a status as well."""
    name, module = type(given).__name__, type(given).__module__
    if struct is wire.Pod and module.startswith("kubernetes") and ".models." in module and name != "V1Pod":
        raise InvalidPod(f"not a Pod but a {name[:64]}; {_ALLOWED['a Pod']}")


def _read_unusual(given: object, read: wire.Pod) -> wire.Pod:
    """Read again what no API server wrote: a model's dictionary as JSON, the status alone, or no pod at all.

    Raises:
        InvalidPod: it is no pod, and no status of one.
    """
    is_bare = read.metadata is None and read.status is None
    if isinstance(given, _JSON):
        if not is_bare and not may_be_of_client(given):
            return read
        given = _parsed(given, "a Pod")
        read = _decode(given, _POD, "a Pod", ())
    if not is_bare or not isinstance(given, Mapping) or (read.kind is not None and read.kind != "Pod"):
        return read
    if "status" not in given:
        status = _decode(given, _STATUS, "a Pod", ())
        lists = (status.container_statuses, status.init_container_statuses, status.conditions)
        if status.phase is not None or any(each is not None for each in lists):
            return wire.evolve(read, status=status)
    spec = given.get("spec")
    is_other_spec = isinstance(spec, Mapping) and bool(spec) and _SPEC_KEYS.isdisjoint(spec)
    if read.kind is None and (is_other_spec or (not spec and not _POD_KEYS.issuperset(given))):
        raise InvalidPod(f"not a Pod: an object with neither metadata nor status; {_ALLOWED['a Pod']}")
    return read


def _explain(kind: str, given: object, error: BaseException) -> str:
    """Return a one-line reason without quoting the input, which may hold secrets or be huge."""
    return f"not {kind}: {decoding_problem(error)} ({_describe(given)}); {_ALLOWED[kind]}"


def decoding_problem(error: BaseException) -> str:
    """Say in a few words what one of :data:`DECODING_ERRORS` means, without quoting the input."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OverflowError):
        return "a number is out of range"
    if isinstance(error, UnicodeError):
        return f"it is not valid UTF-8 text ({error.__class__.__name__})"
    return str(error)


def _describe(given: object) -> str:
    """Describe the input by its type and size."""
    if isinstance(given, _JSON):
        return f"{len(given)} {'characters' if isinstance(given, str) else 'bytes'} of text"
    return f"a value of type {type(given).__name__}"
