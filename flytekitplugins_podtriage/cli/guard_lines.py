"""The lines of the guard's log as an audit counts them: its audit lines, and the lines of its log between them."""

from __future__ import annotations

from typing import Final

import msgspec

from flytekitplugins_podtriage.core.guard.values import Outcome
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.guard.audit_log import AUDIT, AuditLine
from flytekitplugins_podtriage.report.audit import NOTHING_WRONG, Entry

_KINDS: Final = frozenset({ErrorKind.USER, ErrorKind.SYSTEM})
_NOT_MADE: Final = frozenset({Outcome.WOULD_ACT, Outcome.REFUSED})


def read_line(data: bytes) -> AuditLine:
    """Read an audit line.

    Raises:
        ValueError: it is of another version, or a field has a wrong type.
    """
    line = _DECODER.decode(data)
    if line.audit != AUDIT:
        raise ValueError(f"unknown audit line {line.audit[:40]!r}; expected {AUDIT!r}")
    return line


def entry_of_line(line: AuditLine) -> Entry | None:
    """Return the entry of an audit line; None if the attempt has not failed, or nothing was charged.

    What the guard made another budget pay for is charged as it should be, also where it chose the user's because the
    system retries have to last.
    """
    made = line.outcome == Outcome.ACTED
    charged = _kind(line.after.kind if line.after else "") if made else _kind(line.before.kind if line.before else "")
    if charged is None or line.outcome == Outcome.RECOVERED:
        return None
    fault = charged if made else _kind(line.kind)
    stock = _kind(line.before.kind if line.before else "")
    name = [part for part in (line.execution or line.pod, line.node) if part]
    if line.attempt is not None:
        name.append(f"attempt {line.attempt + 1}")
    return Entry(
        charged=charged,
        fault=fault,
        category=line.category or NOTHING_WRONG,
        registry=line.registry or None,
        name=" ".join(name),
        excerpt=line.evidence,
        averted=made and stock is not None and stock is not charged,
        avertible=line.outcome in _NOT_MADE and fault is not None and stock is not fault,
    )


def _kind(text: str) -> ErrorKind | None:
    return ErrorKind(text) if text in _KINDS else None


_DECODER: Final = msgspec.json.Decoder(AuditLine)
