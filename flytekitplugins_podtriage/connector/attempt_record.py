"""The two JSON files that podtriage writes at the output prefix of an attempt: its record and its intent.

The record says how the attempt ended and how that was answered, the intent which pod is to be created. Both outlive
process and pod, so that another replica, or the same one after a restart, answers as before.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar

import attrs
import msgspec

from flytekitplugins_podtriage.connector.output_prefix import INTENT, RECORD, OutputPrefix
from flytekitplugins_podtriage.core.model import ErrorKind, Verdict

SCHEMA: Final = 1
_DECODING_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)


@attrs.frozen
class Record:
    """How an attempt ended, and how that was answered."""

    phase: int
    """``TaskExecution.Phase`` of the response."""
    message: str
    at: datetime
    verdict: Verdict | None = None
    charged: ErrorKind | None = None
    """The kind that the backend was given; None: nobody is charged."""
    why: str = ""
    """Why that kind, in a sentence."""
    document: bytes | None = None
    """The content of ``error.pb``; None: it is left to the container."""
    marker: bool = False
    """Whether the response has the marker as its output."""
    namespace: str = ""
    pod: str = ""
    schema: int = SCHEMA


@attrs.frozen
class Intent:
    """A pod that is to be created for an attempt, or why none can be."""

    at: datetime
    """When FlytePropeller asked for it."""
    namespace: str
    name: str
    manifest: dict[str, Any] | None = None
    refused: str = ""
    """Why there can be no pod: what is wrong with the task's template."""
    refused_for: ErrorKind = ErrorKind.USER
    """The kind of that failure."""
    schema: int = SCHEMA


def read_record(prefix: OutputPrefix) -> Record | None:
    """Return the record at a prefix; None if there is none that this version can read."""
    return decode_record(prefix.read(RECORD))


def read_intent(prefix: OutputPrefix) -> Intent | None:
    """Return the intent at a prefix; None if there is none that this version can read."""
    return _decode(prefix.read(INTENT), Intent)


def decode_record(data: bytes | None) -> Record | None:
    """Return the record in these bytes; None if this version cannot read them."""
    return _decode(data, Record)


def earlier_rules(prefix: OutputPrefix) -> list[str]:
    """Return the rules by which the earlier attempts failed, oldest first; "" for one that has no record."""
    records = (read_record(prefix.earlier(number)) for number in range(prefix.attempt))
    return [record.verdict.rule if record is not None and record.verdict is not None else "" for record in records]


_File = TypeVar("_File", Record, Intent)


def _decode(data: bytes | None, kind: type[_File]) -> _File | None:
    if data is None:
        return None
    try:
        file = msgspec.json.decode(data, type=kind)
    except _DECODING_ERRORS:
        return None
    return file if file.schema <= SCHEMA else None
