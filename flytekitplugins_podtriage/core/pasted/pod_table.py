"""``kubectl get pods``, and k9s' table of pods: what the column STATUS tells.

The column is the reason of what the pod waits for or ended with, or else its phase, with ``Init:`` before that of an
init container (pkg/printers/internalversion/printers.go, printPod).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

_ROW: Final = re.compile(
    r"^[\s|]*(?:[a-z0-9][a-z0-9-]{0,62}\s+)?(?:pod/)?([a-z0-9][a-z0-9.-]{0,252})[\s|]+\d{1,3}/\d{1,3}([\s|]+)"
    r"(?:Init:)?((?:[A-Z][A-Za-z]{2,60})|ExitCode:-?\d{1,9}|Signal:\d{1,3}|\d{1,3}/\d{1,3})(?=[\s|]|$)"
)
_HEADER: Final = re.compile(r"^[\s|]*(?:NAMESPACE[\s|]+)?NAME[\s|]+READY[\s|]+STATUS(?=[\s|]|$)")
_READY: Final = re.compile(r"\d{1,3}/\d{1,3}")
_RESTARTS: Final = re.compile(r"[\s|]{1,80}\d")
_WELL: Final = frozenset(
    {"Running", "Completed", "Succeeded", "Pending", "ContainerCreating", "PodInitializing", "Terminating", "NotReady"}
)
"""Of these none names a failure; the pod of the last has ended but for its sidecars."""


@attrs.frozen(kw_only=True)
class PodRow:
    """One row of a table of pods whose status names a failure."""

    name: str
    status: str
    """A reason in Kubernetes' sense, or ``ExitCode:N``, or ``Signal:N``."""


def is_pod_row(line: str) -> bool:
    """Whether a line is a row of a table of pods, or its header."""
    return _ROW.match(line) is not None or _HEADER.match(line) is not None


def read_pod_rows(lines: Iterable[str]) -> list[PodRow]:
    """Return the rows of pods that fail; nothing where there is no such table."""
    rows: list[PodRow] = []
    for line in lines:
        if _HEADER.match(line):
            rows += _behind_header(line)
            continue
        match = _ROW.match(line)
        if match is None or match[3] in _WELL or match[3][0].isdigit():
            continue
        if len(match[2]) > 1 or _RESTARTS.match(line, match.end()):
            rows.append(PodRow(name=match[1], status=match[3]))
    return rows


def _behind_header(line: str) -> Iterator[PodRow]:
    """Yield the rows that stand on one line with the header: a table whose line breaks were lost."""
    words = line.split()
    for name, ready, status in zip(words, words[1:], words[2:], strict=False):
        row = _ROW.match(f"{name} {ready}  {status}") if _READY.fullmatch(ready) else None
        if row is not None and row[3] not in _WELL and not row[3][0].isdigit():
            yield PodRow(name=row[1], status=row[3])
