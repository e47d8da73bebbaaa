"""Counting who was charged and who should have been, over any number of attempts, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.decode import read_pod
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.core.triage import triage
from flytekitplugins_podtriage.report.attempts import diagnose_attempt
from flytekitplugins_podtriage.report.text.sanitize import line

MOST_ROWS = 2000
"""How many tasks or registries are told apart; what comes later is counted together."""
MOST_EXAMPLES = 3
OTHERS = "(others)"
NONE = "(not named)"
NEEDLESS = "nothing_wrong"
"""In place of a category: a backend fails a task that has done its work (a sidecar waits, or was killed)."""


@attrs.frozen
class Entry:
    """One failed attempt, to be counted."""

    charged: ErrorKind | None
    """The budget that paid."""
    owed: ErrorKind | None
    """The budget that should have paid; None where that is not known."""
    category: str
    task: str | None = None
    registry: str | None = None
    what: str = ""
    """Where it was, for an example: an execution, node and attempt, or a pod."""
    said: str = ""
    """What was said, for an example."""


def of_attempt(attempt: Attempt, rules: RuleBook | None = None) -> Entry:
    """Return the entry of a failed attempt, by its message alone."""
    diagnosed = diagnose_attempt(attempt, rules)
    diagnosis = diagnosed.diagnosis
    name = [part for part in (str(attempt.execution or ""), attempt.node_path) if part]
    if attempt.retry_attempt is not None:
        name.append(f"attempt {attempt.retry_attempt + 1}")
    return Entry(
        charged=diagnosed.charged,
        owed=None if diagnosed.unknown else diagnosis.kind,
        category=diagnosis.category.value,
        task=attempt.task,
        registry=diagnosis.registry,
        what=" ".join(name),
        said=diagnosis.evidence[0].text if diagnosis.evidence else "",
    )


def of_pod(
    pod: object,
    *,
    events: Iterable[object] = (),
    memory: Memory | None = None,
    stock: Policy,
    ours: Policy,
    now: datetime,
    name: str = "",
    task: str | None = None,
) -> Entry | None:
    """Return the entry of a pod that a stock backend gives up at this moment; None for one that it does not.

    Raises:
        InvalidPod: the pod or an event cannot be read.
    """
    pod = read_pod(pod)
    charge = triage(pod, policy=stock, now=now)
    if not charge.failing:
        return None
    verdict = triage(pod, events=events, memory=memory, policy=ours, now=now)
    # Without a category nothing was wrong (a sidecar waits, but the task has done its work): nobody should have paid.
    known = verdict.category is not None and verdict.category is not Category.UNKNOWN
    return Entry(
        charged=charge.kind,
        owed=verdict.kind if known else None,
        category=verdict.category.value if verdict.category is not None else NEEDLESS,
        task=task,
        registry=verdict.registry,
        what=name,
        said=verdict.evidence[0].text if verdict.evidence else charge.message or "",
    )


@attrs.frozen
class Example:
    """One attempt that was charged to the wrong budget."""

    what: str
    category: str
    said: str


@attrs.frozen
class Row:
    """The counts of one category, task or registry."""

    name: str
    attempts: int
    user_paid: int
    system_paid: int
    user_wronged: int
    """Charged to the user for the platform's reasons."""
    system_wronged: int
    """Charged to the platform for the user's reasons."""
    unknown: int


HEADS = ("attempts", "user paid", "platform paid", "user wronged", "platform wronged", "unknown")
"""The heads of the columns of numbers, in the order of :func:`numbers`."""


def numbers(row: Row) -> tuple[int, ...]:
    """Return the numbers of a row, in the order of :data:`HEADS`."""
    return (row.attempts, row.user_paid, row.system_paid, row.user_wronged, row.system_wronged, row.unknown)


@attrs.frozen
class Audit:
    """Who was charged, and who should have been."""

    total: Row
    """All failed attempts together."""
    categories: tuple[Row, ...]
    tasks: tuple[Row, ...]
    registries: tuple[Row, ...]
    examples: tuple[Example, ...] = ()
    not_failed: int = 0
    """Attempts and pods that were looked at and had not failed."""
    source: str = ""
    """What was counted, for a person."""
    from_text: bool = True
    """Whether it rests on messages alone."""

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        wronged, count = self.total.user_wronged, self.total.attempts
        return (
            f"{wronged} of {count} failed attempt{'' if count == 1 else 's'} "
            f"{'was' if wronged == 1 else 'were'} charged to users for the platform's reasons"
        )

    @property
    def other_lines(self) -> tuple[str, ...]:
        """What else is to be said, in sentences; what does not occur is left out."""
        total = self.total
        told = []
        if total.system_wronged:
            told.append(f"{_was(total.system_wronged)} charged to the platform for the user's reasons")
        needless = sum(row.attempts for row in self.categories if row.name == NEEDLESS)
        if needless:
            told.append(f"{_was(needless)} charged although the task had done its work")
        unknown = total.unknown - needless
        if unknown:
            told.append(
                f"{unknown} {'has' if unknown == 1 else 'have'} a cause that podtriage does not know: "
                "counted apart, and never as the platform's"
            )
        if self.not_failed:
            told.append(f"{self.not_failed} had not failed, and {'is' if self.not_failed == 1 else 'are'} not counted")
        return tuple(told)


def _was(count: int) -> str:
    return f"{count} {'was' if count == 1 else 'were'}"


class _Counts:
    """The counts of one row, while they grow."""

    __slots__ = ("attempts", "system_paid", "system_wronged", "unknown", "user_paid", "user_wronged")

    def __init__(self) -> None:
        self.attempts = self.user_paid = self.system_paid = 0
        self.user_wronged = self.system_wronged = self.unknown = 0

    def add(self, entry: Entry) -> None:
        """Count an attempt."""
        self.attempts += 1
        user, system = entry.charged is ErrorKind.USER, entry.charged is ErrorKind.SYSTEM
        self.user_paid += user
        self.system_paid += system
        if entry.owed is None:
            self.unknown += 1
        elif user and entry.owed is ErrorKind.SYSTEM:
            self.user_wronged += 1
        elif system and entry.owed is ErrorKind.USER:
            self.system_wronged += 1

    def row(self, name: str) -> Row:
        """Return the counts as they are now."""
        return Row(
            name,
            self.attempts,
            self.user_paid,
            self.system_paid,
            self.user_wronged,
            self.system_wronged,
            self.unknown,
        )


class Tally:
    """Counts attempts one by one. Its size does not grow with their number."""

    def __init__(self) -> None:
        self._total = _Counts()
        self._categories: dict[str, _Counts] = {}
        self._tasks: dict[str, _Counts] = {}
        self._registries: dict[str, _Counts] = {}
        self._examples: dict[str, list[Example]] = {}
        self.not_failed = 0

    def add(self, entry: Entry) -> None:
        """Count a failed attempt."""
        self._total.add(entry)
        _of(self._categories, entry.category).add(entry)
        _of(self._tasks, entry.task or NONE).add(entry)
        if entry.registry is not None:
            _of(self._registries, entry.registry).add(entry)
        if entry.charged is ErrorKind.USER and entry.owed is ErrorKind.SYSTEM:
            kept = self._examples.setdefault(entry.category, [])
            if len(kept) < MOST_EXAMPLES and len(self._examples) <= 100:
                kept.append(Example(line(entry.what, 120), entry.category, line(entry.said, 240)))

    @property
    def empty(self) -> bool:
        """Whether nothing has been looked at yet."""
        return not self._total.attempts and not self.not_failed

    def result(self, source: str, *, from_text: bool = True) -> Audit:
        """Return what has been counted so far, the most wronged first."""
        return Audit(
            total=self._total.row("all"),
            categories=_sorted(self._categories),
            tasks=_sorted(self._tasks),
            registries=_sorted(self._registries),
            examples=tuple(example for kept in self._examples.values() for example in kept),
            not_failed=self.not_failed,
            source=source,
            from_text=from_text,
        )


def _of(counts: dict[str, _Counts], name: str) -> _Counts:
    name = line(name, 120)
    found = counts.get(name)
    if found is None:
        if len(counts) >= MOST_ROWS:
            name = OTHERS
        found = counts.setdefault(name, _Counts())
    return found


def _sorted(counts: dict[str, _Counts]) -> tuple[Row, ...]:
    rows = [count.row(name) for name, count in counts.items()]
    return tuple(sorted(rows, key=lambda row: (-row.user_wronged, -row.attempts, row.name)))
