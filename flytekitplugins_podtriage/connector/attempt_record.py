"""What podtriage keeps of an attempt at its output prefix: the end that was told, and the pod that is to be made.

Both outlive the process and the pod: another replica, or the same one after a restart, tells what was told before.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import attrs
import msgspec

from flytekitplugins_podtriage.connector.output_prefix import INTENT, RECORD, OutputPrefix
from flytekitplugins_podtriage.core.model import ErrorKind, Verdict

SCHEMA: Final = 1
_DECODING_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)


@attrs.frozen
class Record:
    """How an attempt ended, and how that was told."""

    phase: int
    """``TaskExecution.Phase`` of the answer."""
    message: str
    at: datetime
    verdict: Verdict | None = None
    charged: ErrorKind | None = None
    """Who the backend was told to charge; None: nobody."""
    why: str = ""
    """Why that budget, in a sentence."""
    document: bytes | None = None
    """What ``error.pb`` is to hold; None: it was the container's to write."""
    marker: bool = False
    """Whether the answer holds the marker as its output."""
    namespace: str = ""
    pod: str = ""
    schema: int = SCHEMA

    def to_json(self) -> bytes:
        """Return the record as JSON."""
        return msgspec.json.encode(self)


@attrs.frozen
class Intent:
    """A pod that is to be made for an attempt, or why none can be."""

    at: datetime
    """When it was asked for."""
    namespace: str
    name: str
    manifest: dict[str, Any] | None = None
    refused: str = ""
    """Why there can be no pod: what is wrong with the task's template."""
    refused_for: ErrorKind = ErrorKind.USER
    """Whose doing that is."""
    uid: str = ""
    """The pod's, once it is made: it is not made again."""
    schema: int = SCHEMA

    def to_json(self) -> bytes:
        """Return the intent as JSON."""
        return msgspec.json.encode(self)


def read_record(prefix: OutputPrefix) -> Record | None:
    """Return the record at a prefix; None if there is none that this version can read.

    Raises:
        PrefixError: it cannot be read.
    """
    found: Record | None = _decoded(prefix.read(RECORD), Record)
    return found


def read_intent(prefix: OutputPrefix) -> Intent | None:
    """Return the intent at a prefix; None if there is none that this version can read.

    Raises:
        PrefixError: it cannot be read.
    """
    found: Intent | None = _decoded(prefix.read(INTENT), Intent)
    return found


def rules_of(prefix: OutputPrefix) -> list[str]:
    """Return the rules by which the attempts before this one failed, oldest first; "" for one that is not told.

    Raises:
        PrefixError: a record cannot be read.
    """
    found = []
    for number in range(prefix.attempt):
        record = read_record(prefix.earlier(number))
        found.append(record.verdict.rule if record is not None and record.verdict is not None else "")
    return found


def _decoded(data: bytes | None, kind: type[Any]) -> Any:
    if data is None:
        return None
    try:
        found = msgspec.json.decode(data, type=kind)
    except _DECODING_ERRORS:
        return None
    return found if found.schema <= SCHEMA else None
