"""The retries in a task template: the few bytes of a protobuf message that the guard reads.

Flyte 2 (6fadb90): flyteidl2/core/tasks.proto (``TaskTemplate.metadata`` = 3, ``TaskMetadata.retries`` = 5) and
literals.proto (``RetryStrategy.retries`` = 5). executor/pkg/plugin/task_exec_metadata.go allows ``retries + 1``
attempts, in 32 bits (``maxAttemptsFromTaskTemplate``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_PATH: Final = (3, 5)
_RETRIES: Final = 5
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT: Final = 10
_UINT32: Final = 0xFFFFFFFF


def template_retries(template: bytes) -> int | None:
    """Return the retries of a serialized ``core.TaskTemplate``, 0 if it names none; None: it is no such message."""
    messages = [memoryview(template)]
    try:
        for number in _PATH:  # of a field that is there twice, Go merges the messages
            messages = [
                value
                for message in messages
                for field, value in _fields(message)
                if field == number and isinstance(value, memoryview)
            ]
        retries = 0
        for message in messages:
            for field, value in _fields(message):
                if field == _RETRIES and isinstance(value, int):
                    retries = value
    except ValueError:
        return None
    attempts = (retries + 1) & _UINT32
    return max(attempts, 1) - 1


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview | None]]:
    """Visit the fields of a message: number, and value (None: of a fixed size).

    Raises:
        ValueError: it is no message, or has groups, which proto3 does not have.
    """
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise ValueError(f"no field has the number {number}")
        if wire_type == _VARINT:
            value, at = _varint(message, at)
            yield number, value
        elif wire_type == _BYTES:
            length, at = _varint(message, at)
            if length > end - at:
                raise ValueError("a field is longer than its message")
            yield number, message[at : at + length]
            at += length
        elif wire_type in (_FIXED64, _FIXED32):
            at += 8 if wire_type == _FIXED64 else 4
            if at > end:
                raise ValueError("a field is longer than its message")
            yield number, None
        else:
            raise ValueError(f"wire type {wire_type} is not of proto3")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return a number and where the next field begins.

    Raises:
        ValueError: there is no number, or one of more than 64 bits.
    """
    value = 0
    for shift, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, at + shift + 1
    raise ValueError("no number of up to 64 bits")
