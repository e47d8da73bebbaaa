"""Audits: who was charged for failed attempts and whose fault they were, counted in constant memory."""

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
from flytekitplugins_podtriage.report.attempts import diagnose_attempt, wrongly_charged_sentence
from flytekitplugins_podtriage.report.text.sanitize import one_line

MAX_ROWS = 2000
"""How many tasks or registries are counted separately; later ones are counted together, as :data:`OTHERS`."""
MAX_EXAMPLES = 3
"""How many examples are kept of each category."""
_MAX_CATEGORIES_WITH_EXAMPLES = 100
OTHERS = "(others)"
NO_NAME = "(no name)"
NOTHING_WRONG = "nothing_wrong"
"""In place of a category: a backend failed a task that had succeeded (a sidecar waits, or was killed)."""
FROM_TEXT = "Based on error messages only; pods and their events allow more exact answers."


@attrs.frozen
class Entry:
    """One failed attempt to count."""

    charged: ErrorKind | None
    """Whose retries paid."""
    fault: ErrorKind | None
    """Whose retries should have paid; None if that is unknown."""
    category: str
    task: str | None = None
    registry: str | None = None
    name: str = ""
    """The execution, node and attempt, or the pod; for an example."""
    excerpt: str = ""
    """Of its message; for an example."""
    averted: bool = False
    """Whether the guard made another budget pay than stock Flyte would have."""
    avertible: bool = False
    """Whether the guard would have done so, but its mode was observe, or a cap was hit."""


def entry_of_attempt(attempt: Attempt, rules: RuleBook | None = None) -> Entry:
    """Return the entry of a failed attempt, by its message alone."""
    item = diagnose_attempt(attempt, rules)
    diagnosis = item.diagnosis
    name = [part for part in (str(attempt.execution or ""), attempt.node_path) if part]
    if attempt.retry_attempt is not None:
        name.append(f"attempt {attempt.retry_attempt + 1}")
    return Entry(
        charged=item.charged,
        fault=None if item.unknown else diagnosis.kind,
        category=diagnosis.category.value,
        task=attempt.task,
        registry=diagnosis.registry,
        name=" ".join(name),
        excerpt=diagnosis.evidence[0].text if diagnosis.evidence else "",
    )


def entry_of_pod(
    pod: object,
    *,
    events: Iterable[object] = (),
    memory: Memory | None = None,
    stock: Policy,
    own: Policy,
    now: datetime,
    name: str = "",
    task: str | None = None,
) -> Entry | None:
    """Return the entry of a pod that a stock backend fails at this moment; None if it does not.

    Raises:
        InvalidPod: the pod or an event cannot be read.
    """
    pod = read_pod(pod)
    stock_verdict = triage(pod, policy=stock, now=now)
    if not stock_verdict.failing:
        return None
    verdict = triage(pod, events=events, memory=memory, policy=own, now=now)
    # Without a category nothing was wrong (the task has succeeded while a sidecar waits): nobody should have paid.
    is_known = verdict.category is not None and verdict.category is not Category.UNKNOWN
    return Entry(
        charged=stock_verdict.kind,
        fault=verdict.kind if is_known else None,
        category=verdict.category.value if verdict.category is not None else NOTHING_WRONG,
        task=task,
        registry=verdict.registry,
        name=name,
        excerpt=verdict.evidence[0].text if verdict.evidence else stock_verdict.message or "",
    )


@attrs.define
class Row:
    """The counts of one category, task or registry."""

    name: str
    attempts: int = 0
    user_paid: int = 0
    system_paid: int = 0
    wrongly_user: int = 0
    """SYSTEM failures that user retries paid for."""
    wrongly_system: int = 0
    """USER failures that system retries paid for."""
    unknown: int = 0

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers, in the order in which they are shown."""
        return attrs.astuple(self)[1:]

    def add(self, entry: Entry) -> None:
        """Count an attempt."""
        self.attempts += 1
        user, system = entry.charged is ErrorKind.USER, entry.charged is ErrorKind.SYSTEM
        self.user_paid += user
        self.system_paid += system
        self.unknown += entry.fault is None
        self.wrongly_user += user and entry.fault is ErrorKind.SYSTEM
        self.wrongly_system += system and entry.fault is ErrorKind.USER


@attrs.frozen
class Audit:
    """Who was charged for failed attempts, and whose fault they were."""

    total: Row
    categories: tuple[Row, ...]
    tasks: tuple[Row, ...]
    registries: tuple[Row, ...]
    examples: tuple[Entry, ...] = ()
    """Of attempts that were wrongly charged to user retries."""
    not_failed: int = 0
    """How many attempts and pods had not failed."""
    averted: int = 0
    """How many charges of stock Flyte the guard averted, by its audit lines."""
    avertible: int = 0
    """How many more it would have averted: its mode was observe, or a cap was hit."""
    source: str = ""
    """What was counted, for a person."""
    from_text: bool = True
    """Whether it is based on error messages only."""

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        return wrongly_charged_sentence(self.total.wrongly_user, self.total.attempts)

    @property
    def tables(self) -> tuple[tuple[str, tuple[Row, ...]], ...]:
        """The tables that are not empty, with their titles."""
        tables = (("by category", self.categories), ("by task", self.tasks), ("by registry", self.registries))
        return tuple((title, rows) for title, rows in tables if rows)

    @property
    def details(self) -> tuple[str, ...]:
        """What else was counted, in sentences; zeros are left out."""
        total = self.total
        details = []
        if self.averted:
            details.append(f"{_were(self.averted)} charged correctly because the guard acted")
        if self.avertible:
            details.append(f"{self.avertible} more would have been, with the guard in enforce and below its caps")
        if total.wrongly_system:
            details.append(f"{_were(total.wrongly_system)} wrongly charged to system retries")
        nothing_wrong = sum(row.attempts for row in self.categories if row.name == NOTHING_WRONG)
        if nothing_wrong:
            details.append(f"{_were(nothing_wrong)} charged although the task had succeeded")
        unknown = total.unknown - nothing_wrong
        if unknown:
            details.append(
                f"{unknown} {'has an unknown cause and is' if unknown == 1 else 'have unknown causes and are'} "
                "counted separately, never as SYSTEM"
            )
        if self.not_failed:
            details.append(
                f"{self.not_failed} had not failed and {'is' if self.not_failed == 1 else 'are'} not counted"
            )
        return tuple(details)


def _were(count: int) -> str:
    return f"{count} {'was' if count == 1 else 'were'}"


class Tally:
    """Counts attempts one by one. Its size does not grow with their number."""

    def __init__(self) -> None:
        self._total = Row("all")
        self._categories: dict[str, Row] = {}
        self._tasks: dict[str, Row] = {}
        self._registries: dict[str, Row] = {}
        self._examples: dict[str, list[Entry]] = {}
        self.not_failed = 0
        self._averted = 0
        self._avertible = 0

    def add(self, entry: Entry) -> None:
        """Count a failed attempt."""
        self._total.add(entry)
        self._averted += entry.averted
        self._avertible += entry.avertible
        _row(self._categories, entry.category).add(entry)
        _row(self._tasks, entry.task or NO_NAME).add(entry)
        if entry.registry is not None:
            _row(self._registries, entry.registry).add(entry)
        if entry.charged is ErrorKind.USER and entry.fault is ErrorKind.SYSTEM:
            examples = self._examples.setdefault(entry.category, [])
            if len(examples) < MAX_EXAMPLES and len(self._examples) <= _MAX_CATEGORIES_WITH_EXAMPLES:
                name, excerpt = one_line(entry.name, 120), one_line(entry.excerpt, 240)
                examples.append(attrs.evolve(entry, name=name, excerpt=excerpt))

    @property
    def empty(self) -> bool:
        """Whether nothing has been counted yet."""
        return not self._total.attempts and not self.not_failed

    def result(self, source: str, *, from_text: bool = True) -> Audit:
        """Return the counts so far, the rows with the most wrong charges first."""
        return Audit(
            total=attrs.evolve(self._total),
            categories=_rows(self._categories),
            tasks=_rows(self._tasks),
            registries=_rows(self._registries),
            examples=tuple(example for examples in self._examples.values() for example in examples),
            not_failed=self.not_failed,
            averted=self._averted,
            avertible=self._avertible,
            source=source,
            from_text=from_text,
        )


def _row(table: dict[str, Row], name: str) -> Row:
    name = one_line(name, 120)
    if name not in table and len(table) >= MAX_ROWS:
        name = OTHERS
    return table.setdefault(name, Row(name))


def _rows(table: dict[str, Row]) -> tuple[Row, ...]:
    return tuple(
        sorted(map(attrs.evolve, table.values()), key=lambda row: (-row.wrongly_user, -row.attempts, row.name))
    )
