"""Tables of Kubernetes Events, as kubectl, k9s, JupyterHub and others print them, read as Events.

A row is recognised by its type (``Normal`` or ``Warning``) and the reason beside it, whatever the columns are and with
or without a header:

* ``kubectl describe``: ``Type Reason Age From Message`` (pkg/describe/describe.go, DescribeEvents); before 1.6
  ``FirstSeen LastSeen Count From SubObjectPath Type Reason Message``;
* ``kubectl get events``: ``LAST SEEN TYPE REASON OBJECT MESSAGE``, with ``-o wide`` also ``SUBOBJECT SOURCE`` before
  the message and ``FIRST SEEN COUNT NAME`` behind it (printers/internalversion/printers.go); before 1.15 ``LAST SEEN
  FIRST SEEN COUNT NAME KIND SUBOBJECT TYPE REASON SOURCE MESSAGE``; k9s has the same columns in another order;
* both before 1.2: without a type, which follows from the reason (``FirstSeen LastSeen Count From SubobjectPath Reason
  Message`` and ``FIRSTSEEN LASTSEEN COUNT NAME KIND SUBOBJECT REASON SOURCE MESSAGE``);
* JupyterHub's event log: ``2026-01-01T00:00:00Z [Warning] message`` (kubespawner, ``_format_event``), without a reason;
* the same rows inside a Markdown or CSV table.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pasted.moments import moment, rfc3339

_AGE: Final = r"(?:(?:\d{1,6}(?:\.\d{1,3})?(?:ms|[ywdhms])){1,4}|<unknown>|<invalid>)"
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_TIME: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_ROW: Final = re.compile(r"(?:^|(?<=[\s|]))(Normal|Warning)[\s|]{1,80}([A-Z][A-Za-z]{2,60})(?=[\s|]|$)[\s|]*")
"""Type and reason side by side: what every table has."""
_WHEN: Final = rf"(?:{_AGE}|[A-Z][a-z]{{2}}, \d\d [A-Z][a-z]{{2}} \d{{4}} \d\d:\d\d:\d\d [+-]\d{{4}})"
_PART: Final = r"(?:implicitly required container POD|(?P<path>[A-Za-z.]{1,60}\{[^}\n]{1,253}\}))\s+"
_UNTYPED: Final = re.compile(
    rf"^\s*(?:[a-z0-9][a-z0-9-]{{0,62}}\s+)?({_WHEN})\s+({_WHEN})\s+\d{{1,9}}\s+"
    r"(?:(?P<name>[a-z0-9][a-z0-9.-]{0,252})\s+(?P<kind>[A-Z][A-Za-z]{1,60})|\{(?P<from>[^}\n]{1,200})\})\s+"
    rf"(?:{_PART})?(?P<reason>(?!(?:Normal|Warning)\b)[A-Za-z]{{3,60}})\s+"
    r"(?(name)\{(?P<source>[^}\n]{1,200})\}\s+)(?P<message>\S.*)$"
)
"""A row of kubectl before 1.2: of ``get events`` with the object's name, of ``describe`` without it."""
_NORMAL: Final = frozenset(
    "Scheduled Pulling Pulled Created Started Killing Starting SuccessfulCreate SuccessfulDelete NodeReady"
    " NodeSchedulable RegisteredNode NodeHasSufficientDisk NodeHasSufficientMemory ScalingReplicaSet".split()
)
"""Reasons of events of type Normal, for tables from before there were types."""
_LOG_ROW: Final = re.compile(rf"^\s{{0,40}}(?:Server requested\s+)?(?:({_TIME})\s+)?\[(Normal|Warning)\]\s+(\S.*)$")
_REPEATED: Final = re.compile(rf"({_AGE})\s+\(x(\d{{1,9}}) over ({_AGE})\)|({_AGE})(?=\s|$)")
_OBJECT: Final = re.compile(r"([A-Za-z][A-Za-z.]{1,60})/([a-z0-9][a-z0-9./-]{0,252})(?=\s|$)")
_FIELD_PATH: Final = re.compile(r"(?:spec\.)?(?:initContainers|containers|ephemeralContainers)\{[^}\s]{1,253}\}")
_PATH_BEFORE: Final = re.compile(rf"{_FIELD_PATH.pattern}(?=: )")
"""kubectl from 1.35 on prints it before the message (pkg/describe/describe.go, DescribeEvents)."""
_PROMPT: Final = re.compile(
    r"(?:\[?[\w.-]{1,64}@(?!sha(?:256|512):)[\w.-]{1,64}[:\s~\]]|\$ |PS [A-Z]:\\|[\u276f\u279c] )"
)
"""What a shell prints before a command: the end of a table. A digest is none."""
_HEADING: Final = re.compile(r"(?!Error|Server|Message|Response|Reason|Caused)[A-Z][A-Za-z' ()-]{0,60}:\s*$")
"""What begins another section, or is somebody's sentence about what follows; words of a message go on with it."""
_SOURCE: Final = re.compile(
    r"(?:\{[^}\n]{1,200}\}|kubelet(?:,\s?\S+)?|[a-z][a-z0-9.]*(?:-[a-z0-9.]+)*(?:,\s?\S+)?|<unknown>)(?=\s|$)"
)
_WIDE_TAIL: Final = re.compile(rf"(?<!\s)\s{{2,80}}{_AGE}\s{{2,80}}\d{{1,9}}\s{{2,80}}\S{{1,400}}\.[0-9a-f]{{8,20}}$")
_COUNT: Final = re.compile(r"\d{1,9}(?=\s)")
_CSV_TYPE: Final = re.compile(r'(?:^|,)"?(?:Normal|Warning)"?,')
_OLD_OBJECT: Final = re.compile(
    r"(?<!\S)([a-z0-9][a-z0-9.-]{0,252}?)(?:\.[0-9a-f]{6,20})?\s+([A-Z][A-Za-z]{1,60})(?:\s+\S{1,300})?$"
)
"""The columns NAME (the object's; from 1.9 to 1.14 the event's: the object's and a number) and KIND."""
_COLUMNS_WITHIN: Final = 400
"""Characters of a line in which its type and reason stand."""
_TYPES: Final = ("Normal", "Warning")
_REASON_FIRST: Final = re.compile(r"[A-Z][A-Za-z]{2,60}(?=[\s|]|$)")
_HEADER: Final = re.compile(r"\b(?:TYPE|Type)\s+(?:REASON|Reason)\b|\bLAST ?SEEN\b|\bFirstSeen\s+LastSeen\b")
_RULE: Final = re.compile(r"^[\s|:+]*(?:--|\u2500\u2500)[-\u2500\s|:+]*$")

# Where a log has no column for the reason: how the kubelet, the scheduler and client-go begin the messages of each
# (pkg/kubelet/events/event.go and its users; kube-scheduler's fit_error.go).
_REASONS: Final = (
    ("Successfully assigned ", "Scheduled"),
    ("Successfully pulled image ", "Pulled"),
    ("Pulling image ", "Pulling"),
    ("pulling image ", "Pulling"),
    ("Container image ", "Pulled"),
    ("Created container ", "Created"),
    ("Created container: ", "Created"),
    ("Started container ", "Started"),
    ("Failed to pull image ", "Failed"),
    ("Failed to inspect image ", "InspectFailed"),
    ("Error: ", "Failed"),
    ("Back-off ", "BackOff"),
    ("Failed to create pod sandbox", "FailedCreatePodSandBox"),
    ("Failed create pod sandbox", "FailedCreatePodSandBox"),
    ("MountVolume.SetUp succeeded", "SuccessfulMountVolume"),
    ("AttachVolume.Attach succeeded", "SuccessfulAttachVolume"),
    ("MountVolume", "FailedMount"),
    ("Unable to attach or mount volumes", "FailedMount"),
    ("Unable to mount volumes", "FailedMount"),
    ("AttachVolume", "FailedAttachVolume"),
    ("Multi-Attach error", "FailedAttachVolume"),
    ("pod triggered scale-up", "TriggeredScaleUp"),
    ("pod didn't trigger scale-up", "NotTriggerScaleUp"),
    ("Stopping container ", "Killing"),
    ("Readiness probe failed", "Unhealthy"),
    ("Liveness probe failed", "Unhealthy"),
    ("Startup probe failed", "Unhealthy"),
    ("Readiness probe errored", "Unhealthy"),
    ("Node is not ready", "NodeNotReady"),
)
_NO_NODE: Final = re.compile(r"\d{1,6}/\d{1,6} nodes are available|no nodes available to schedule pods|skip schedule")


@attrs.frozen(kw_only=True)
class EventRow:
    """One row of a table."""

    event: wire.Event
    object: str | None
    """What it is about, as ``kind/name``; None where the table has no such column."""
    source: str | None
    """The component that reported it, where the table has such a column."""


def read_rows(lines: Iterable[str], now: datetime) -> list[EventRow]:
    """Return the rows of the tables in some lines, the oldest first; nothing where there is none.

    A line that is no row belongs to the message of the row before it if it is indented or follows directly.

    Args:
        lines: the lines, normalized.
        now: the moment at which the table was printed, with a zone: ages are counted back from it.
    """
    rows: list[EventRow] = []
    for line in _joined(lines):
        row = _read(line, now)
        if row is not None:
            rows.append(row)
    # Of the same age: in the order given. Tables are printed in the order in which things happened.
    return sorted(rows, key=lambda row: row.event.last_timestamp or now)


def is_header(line: str) -> bool:
    """Whether a line heads or underlines the columns of a table of events."""
    return bool(_HEADER.search(line) or _RULE.match(line))


def is_row(line: str) -> bool:
    """Whether a line begins a row."""
    return (
        _ROW.search(line, 0, _COLUMNS_WITHIN) is not None
        or _LOG_ROW.match(line) is not None
        or _UNTYPED.match(line) is not None
    )


def with_whole_columns(lines: Sequence[str]) -> list[str]:
    """Return the lines, with each row on one line that was broken between its type and its reason."""
    whole: list[str] = []
    for line in lines:
        if (
            whole
            and whole[-1].endswith(_TYPES)
            and len(whole[-1]) < _COLUMNS_WITHIN
            and _REASON_FIRST.match(line.lstrip())
        ):
            whole[-1] = f"{whole[-1]} {line.lstrip()}"
        else:
            whole.append(line)
    return whole


def reason_of_message(message: str) -> str | None:
    """Return the reason of an event by the way its message begins; None if many reasons begin so."""
    for beginning, reason in _REASONS:
        if message.startswith(beginning):
            return reason
    return "FailedScheduling" if _NO_NODE.match(message) else None


def age(text: str) -> timedelta | None:
    """Return an age as kubectl prints it (``90s``, ``5m12s``, ``3h``, ``2d4h``); None if it is unknown.

    >>> age("5m12s").total_seconds()
    312.0
    """
    seconds = 0.0
    for number, unit in re.findall(r"(\d{1,6}(?:\.\d{1,3})?)(ms|[ywdhms])", text):
        seconds += float(number) * _UNITS[unit]
    return timedelta(seconds=seconds) if text[:1].isdigit() else None


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Yield the rows, each with the lines over which its message runs on."""
    held: list[str] = []
    for given in lines:
        line = _without_commas(given)
        if is_row(line):
            if held:
                yield " ".join(held)
            held = [line.rstrip()]
        elif not line.strip() or is_header(line) or _PROMPT.match(line) or _HEADING.match(line):
            if held:
                yield " ".join(held)
            held = []
        elif held and len(held) < 50:
            held.append(line.strip())
    if held:
        yield " ".join(held)


def _without_commas(line: str) -> str:
    """Return a line of comma-separated values with its columns parted by spaces; any other line as it is."""
    if _CSV_TYPE.search(line) is None:
        return line
    try:
        return "  ".join(cell for cell in next(csv.reader([line]), []) if cell)
    except csv.Error:
        return line


def _read(line: str, now: datetime) -> EventRow | None:
    logged = _LOG_ROW.match(line)
    if logged is not None:
        message = logged[3].strip()
        at = rfc3339(logged[1]) if logged[1] else None
        reason = reason_of_message(message)
        return _row(logged[2], reason, message, last=at or now, first=at)
    row = _ROW.search(line)
    if row is None or row.start() > _COLUMNS_WITHIN:
        untyped = _UNTYPED.match(line)
        return _by_old_columns(untyped, now) if untyped is not None else None
    before, rest = line[: row.start()].strip(" |\t"), line[row.end() :].strip(" |\t")
    return _by_columns(row[1], row[2], before, rest, now)


def _by_old_columns(row: re.Match[str], now: datetime) -> EventRow:
    """Read a row of kubectl before 1.2; reasons began with a small letter before 1.1."""
    reason = row["reason"][:1].upper() + row["reason"][1:]
    first, last = (_moment_or_age(text, now) for text in (row[1], row[2]))
    return _row(
        "Normal" if reason in _NORMAL else "Warning",
        reason,
        row["message"].rstrip(),
        last=max(first, last),
        first=min(first, last),
        about=f"{row['kind'].lower()}/{row['name']}" if row["name"] else None,
        path=row["path"],
        source=(row["from"] or row["source"]).partition(" ")[0],
    )


def _moment_or_age(text: str, now: datetime) -> datetime:
    return moment(text) or now - (age(text) or timedelta())


def _by_columns(kind: str, reason: str, before: str, rest: str, now: datetime) -> EventRow:
    """Read what stands before the type and behind the reason: ages, the object, the source, and the message."""
    ages = [match for match in re.split(r"\s+", before) if re.fullmatch(_AGE, match)] if before else []
    last = age(ages[0]) if ages else None
    first = age(ages[1]) if len(ages) > 1 else None
    if first is not None and last is not None and first < last:
        first, last = last, first  # FirstSeen before LastSeen
    stamp = re.search(_TIME, before)
    about = _OBJECT.search(before)
    old = _OLD_OBJECT.search(before)
    path = _FIELD_PATH.search(before)
    source = None
    repeated = _REPEATED.match(rest)
    if repeated is not None:
        last = age(repeated[1] or repeated[4])
        first = age(repeated[3]) if repeated[3] else first
        rest = rest[repeated.end() :].lstrip(" |\t")
    object_column = _OBJECT.match(rest)
    if object_column is not None:
        about = object_column
        rest = rest[object_column.end() :].lstrip(" |\t")
        counted = _COUNT.match(rest)
        if counted is not None and not _NO_NODE.match(rest):
            rest = rest[counted.end() :].lstrip(" |\t")
        tail = _WIDE_TAIL.search(rest)
        if tail is not None:
            rest = rest[: tail.start()]
    path_column = _FIELD_PATH.match(rest)
    if path_column is not None:
        path = path_column
        rest = rest[path_column.end() :].lstrip(" |\t")
    # A column is parted from the next by two spaces or a bar; a message whose first word could be a source is not.
    source_column = _SOURCE.match(rest)
    if source_column is not None and (
        repeated is not None
        or source_column[0].startswith("{")
        or "," in source_column[0]
        or re.match(r"\s{2}|\s?\|", rest[source_column.end() :])
    ):
        source = source_column[0].strip("{}")
        rest = rest[source_column.end() :].lstrip(" |\t")
    path_before = _PATH_BEFORE.match(rest)
    if path_before is not None:
        path = path_before
        rest = rest[len(path_before[0]) + 2 :]
    at = rfc3339(stamp[0]) if stamp else None
    return _row(
        kind,
        reason,
        rest.strip(' "') if rest.startswith('"') and rest.endswith('"') and rest.count('"') == 2 else rest,
        last=at or now - (last or timedelta()),
        first=now - first if first is not None else None,
        about=f"{about[1].lower()}/{about[2]}" if about else None if old is None else f"{old[2].lower()}/{old[1]}",
        path=path[0] if path else None,
        source=source,
    )


def _row(
    kind: str,
    reason: str | None,
    message: str,
    *,
    last: datetime,
    first: datetime | None,
    about: str | None = None,
    path: str | None = None,
    source: str | None = None,
) -> EventRow:
    if path is not None and not path.startswith("spec."):
        path = f"spec.{path}"
    event = wire.Event(
        kind="Event",
        reason=reason,
        message=message,
        type=kind,
        first_timestamp=first or last,
        last_timestamp=last,
        involved_object=wire.ObjectReference(field_path=path) if path else None,
    )
    return EventRow(event=event, object=about, source=source)
