"""Reading what an audit counts: JSON lines of attempts, pods or acts of the guard, or one document of pods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Annotated, BinaryIO

import attrs
import msgspec

from flytekitplugins_podtriage.cli.errors import InputError, input_errors
from flytekitplugins_podtriage.cli.guard_lines import entry_of_line
from flytekitplugins_podtriage.cli.guard_lines import read_line as read_guard_line
from flytekitplugins_podtriage.cli.input import MAX_DOCUMENT, MAX_LINE, check_text, read_line, read_lines, read_rest
from flytekitplugins_podtriage.cli.jsonl import describe_error
from flytekitplugins_podtriage.cli.pod_documents import PodRecord, find_pods
from flytekitplugins_podtriage.cli.pod_texts import pods_in
from flytekitplugins_podtriage.core.attempt_history import Attempt, ExecutionRef
from flytekitplugins_podtriage.core.errors import InvalidPod
from flytekitplugins_podtriage.core.flyte_pods import label
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.report.audit import Tally, entry_of_attempt, entry_of_pod

_KINDS = ("USER", "SYSTEM", "UNKNOWN")
_NO_RECORD = (
    "neither an attempt nor a pod; "
    'expected {"kind", "code"?, "message", "execution"?, "task"?, "node"?, "attempt"?} or a Pod'
)


class Line(msgspec.Struct, gc=False):
    """One line: an attempt, a Pod, ``{"pod", "events"?, "now"?}``, or a line of the guard's log."""

    kind: str | None = None
    code: str | None = None
    message: str | None = None
    execution: str | None = None
    task: str | None = None
    node: str | None = None
    attempt: int | str | None = None
    pod: msgspec.Raw = msgspec.Raw()
    steps: msgspec.Raw = msgspec.Raw()
    items: msgspec.Raw = msgspec.Raw()
    now: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    audit: str | None = None
    levelname: str | None = None


@attrs.define
class AuditReader:
    """Counts what sources contain."""

    tally: Tally
    stock: Policy
    own: Policy
    clock: Callable[[], datetime]
    """Returns the moment at which to judge pods whose record names none."""
    bad_lines: int = 0
    """How many lines could not be read."""
    first_error: str = ""
    """Why the first of them could not."""
    from_text: bool = False
    """Whether any attempt was diagnosed by its message alone."""

    def read(self, file: BinaryIO, source: str, advance: Callable[[int], None]) -> None:
        """Count the attempts or pods in a file; ``advance`` is called with the number of bytes read.

        Raises:
            InputError: it is neither JSON lines nor a document of pods.
        """
        first = read_line(file, source)
        if not first.strip():
            first += read_rest(file, source, MAX_LINE)
        head = check_text(first, source)
        advance(len(first))
        if not _is_json_object(head):
            rest = read_rest(file, source, MAX_DOCUMENT + 1)
            if len(first) + len(rest) > MAX_DOCUMENT:
                limit = MAX_DOCUMENT // 2**20
                raise InputError(f"{source}: is too large; expected JSON lines or a document of at most {limit} MB")
            self._count_records(pods_in(head + rest, source))
            return
        self._count_line(1, head, source)
        for number, data in read_lines(file, source):
            self._count_line(number + 1, data, source)
            advance(len(data or b""))

    def read_attempts(self, attempts: Iterator[Attempt], advance: Callable[[int], None]) -> None:
        """Count attempts as they come; ``advance`` is called with the number of attempts read."""
        for attempt in attempts:
            self._count_attempt(attempt)
            advance(1)

    def _count_attempt(self, attempt: Attempt) -> None:
        if not attempt.failed:
            self.tally.not_failed += 1
            return
        self.from_text = True
        self.tally.add(entry_of_attempt(attempt, self.own.rules))

    def _count_line(self, number: int, data: bytes | None, source: str) -> None:
        if data is not None and not data.strip():
            return
        source = f"{source}, line {number}"
        try:
            if data is None:
                raise ValueError(f"the line is longer than {MAX_LINE // 2**20} MB")
            self._count_record(_DECODER.decode(data), data, source)
        except (InputError, msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
            message = error.message if isinstance(error, InputError) else f"{source}: {describe_error(error, data)}"
            self.first_error = self.first_error or message
            self.bad_lines += 1

    def _count_record(self, line: Line, data: bytes, source: str) -> None:
        if line.audit is not None:
            self._count_guard_line(data)
            return
        if line.levelname is not None:  # `kubectl logs` mixes the guard's log with its audit lines
            return
        is_pod, is_timeline = line.kind == "Pod" or bool(memoryview(line.pod)), bool(memoryview(line.steps))
        if is_pod and is_timeline:
            raise ValueError(_NO_RECORD)
        if is_pod or is_timeline or memoryview(line.items):
            self._count_records(find_pods([msgspec.json.decode(data)], source))
        elif line.message is not None or line.code is not None:
            self._count_attempt(_attempt(line))
        else:
            raise ValueError(_NO_RECORD)

    def _count_guard_line(self, data: bytes) -> None:
        entry = entry_of_line(read_guard_line(data))
        if entry is None:
            self.tally.not_failed += 1
        else:
            self.tally.add(entry)

    def _count_records(self, records: Iterable[PodRecord]) -> None:
        for record in records:
            with input_errors(InvalidPod, source=record.source):
                self._count_pod(record)

    def _count_pod(self, record: PodRecord) -> None:
        metadata = record.pod.get("metadata")
        entry = entry_of_pod(
            record.pod,
            events=record.events,
            memory=record.memory,
            stock=self.stock,
            own=self.own,
            now=record.now or self.clock(),
            name=str(metadata.get("name") or "") if isinstance(metadata, dict) else "",
            task=label(record.pod, "task-name"),
        )
        if entry is None:
            self.tally.not_failed += 1
        else:
            self.tally.add(entry)


def _attempt(line: Line) -> Attempt:
    """Return the attempt in a line.

    Raises:
        ValueError: its kind is unknown.
    """
    if line.kind is not None and line.kind.upper() not in _KINDS:
        raise ValueError(f"invalid kind {line.kind[:40]!r}; expected one of {', '.join(_KINDS)} or Pod")
    return Attempt(
        execution=ExecutionRef("", "", line.execution) if line.execution else None,
        node=line.node or "",
        failed=bool(line.message or line.kind or line.code),
        task=line.task,
        retry_attempt=_attempt_number(line.attempt),
        reported=None if line.kind is None else ErrorKind(line.kind.upper()),
        code=line.code,
        message=line.message,
    )


def _attempt_number(attempt: int | str | None) -> int | None:
    if isinstance(attempt, str):
        return int(attempt) if attempt.isdecimal() else None
    return attempt


def _is_json_object(data: bytes) -> bool:
    """Whether a line is a JSON object of its own, so that others may follow it."""
    if data.lstrip()[:1] != b"{":
        return False
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True


_DECODER = msgspec.json.Decoder(Line)
