"""Reading what an audit counts: JSON lines of attempts or pods as a stream, or one document of pods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any, BinaryIO

import attrs
import msgspec

from flytekitplugins_podtriage.cli.errors import Refused
from flytekitplugins_podtriage.cli.input import LINE, WHOLE, checked, lines_of, read_line
from flytekitplugins_podtriage.cli.json_or_yaml import documents
from flytekitplugins_podtriage.cli.jsonl import explain
from flytekitplugins_podtriage.cli.pod_documents import subjects
from flytekitplugins_podtriage.core.attempt_history import Attempt, ExecutionRef
from flytekitplugins_podtriage.core.errors import InvalidPod
from flytekitplugins_podtriage.core.flyte_pods import label
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.report.audit import Tally, of_attempt, of_pod

_KINDS = ("USER", "SYSTEM", "UNKNOWN")
_FORMS = '{"kind", "code"?, "message", "execution"?, "task"?, "node"?, "attempt"?} or a Pod'


class Line(msgspec.Struct, gc=False):
    """One line: an attempt, a Pod, or ``{"pod", "events"?, "now"?}``."""

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


@attrs.define
class Reader:
    """Reads one source into a tally."""

    tally: Tally
    stock: Policy
    ours: Policy
    now: Callable[[], datetime]
    """The moment for pods whose record names none."""
    bad: int = 0
    """How many lines could not be read."""
    first_bad: str = ""
    """The first of them, and why."""
    from_text: bool = False
    """Whether any attempt was judged by its message alone."""

    def read(self, file: BinaryIO, where: str, advance: Callable[[int], None]) -> None:
        """Count whatever the source holds.

        Args:
            file: the source.
            where: what it is called in a message.
            advance: is told how many bytes have been read.

        Raises:
            Refused: it is neither lines of JSON nor a document with pods.
        """
        first = read_line(file, where)
        if not first.strip():
            first += file.read(LINE)
        head = checked(first, where)
        advance(len(first))
        if not _is_whole(head):
            rest = file.read(WHOLE + 1)
            if len(first) + len(rest) > WHOLE:
                raise Refused(f"{where}: neither lines of JSON nor a document of at most {WHOLE // 2**20} MB")
            self._document(documents(head + rest, where), where)
            return
        self._line(1, head, where)
        for number, data in lines_of(file, where):
            self._line(number + 1, data, where)
            advance(len(data or b""))

    def add_attempt(self, attempt: Attempt, rules: RuleBook | None) -> None:
        """Count an attempt; one that has not failed is counted apart."""
        if not attempt.failed:
            self.tally.not_failed += 1
            return
        self.from_text = True
        self.tally.add(of_attempt(attempt, rules))

    def _line(self, number: int, data: bytes | None, where: str) -> None:
        if data is not None and not data.strip():
            return
        try:
            if data is None:
                raise ValueError(f"the line is longer than {LINE // 2**20} MB")
            self._decoded(_DECODER.decode(data), data, f"{where}, line {number}")
        except (Refused, msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
            why = error.message if isinstance(error, Refused) else f"{where}, line {number}: {explain(error, data)}"
            self.first_bad = self.first_bad or why
            self.bad += 1

    def _decoded(self, line: Line, data: bytes, where: str) -> None:
        if line.kind == "Pod" or memoryview(line.pod):
            if memoryview(line.steps):
                raise ValueError(f"neither an attempt nor a pod; allowed: {_FORMS}")
            self._document([msgspec.json.decode(data)], where)
        elif memoryview(line.steps) or memoryview(line.items):
            self._document([msgspec.json.decode(data)], where)
        elif line.message is not None or line.code is not None:
            if line.kind is not None and line.kind.upper() not in _KINDS:
                raise ValueError(f"kind {line.kind[:40]!r}; allowed: {', '.join(_KINDS)}, or Pod")
            attempt = Attempt(
                execution=ExecutionRef("", "", line.execution) if line.execution else None,
                node=line.node or "",
                failed=bool(line.message or line.kind or line.code),
                task=line.task,
                retry_attempt=_number(line.attempt),
                reported=None if line.kind is None else ErrorKind(line.kind.upper()),
                code=line.code,
                message=line.message,
            )
            self.add_attempt(attempt, self.ours.rules)
        else:
            raise ValueError(f"neither an attempt nor a pod; allowed: {_FORMS}")

    def _document(self, found: list[Any], where: str) -> None:
        for one in subjects(found, where):
            try:
                self._pod(one.pod, one.events, one.memory, one.now or self.now(), label(one.pod, "task-name"))
            except InvalidPod as error:
                raise Refused(f"{one.where}: {error}") from error

    def _pod(self, pod: Any, events: Any, memory: Memory | None, now: datetime, task: str | None) -> None:
        metadata = pod.get("metadata")
        name = str(metadata.get("name") or "") if isinstance(metadata, dict) else ""
        entry = of_pod(
            pod, events=events, memory=memory, stock=self.stock, ours=self.ours, now=now, name=name, task=task
        )
        if entry is None:
            self.tally.not_failed += 1
        else:
            self.tally.add(entry)


def _number(attempt: int | str | None) -> int | None:
    """Return the number of an attempt; None for text that is none."""
    if isinstance(attempt, str):
        return int(attempt) if attempt.isdecimal() else None
    return attempt


def _is_whole(data: bytes) -> bool:
    """Whether a line is a JSON object of its own, so that others may follow it."""
    if data.lstrip()[:1] != b"{":
        return False
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return True


def stream(attempts: Iterator[Attempt], reader: Reader, advance: Callable[[int], None]) -> None:
    """Count attempts as they come."""
    for attempt in attempts:
        reader.add_attempt(attempt, reader.ours.rules)
        advance(1)


_DECODER = msgspec.json.Decoder(Line)
