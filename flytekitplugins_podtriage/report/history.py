"""An execution of the past: its attempts, who was charged for each, and who should have been; from messages alone."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.report.attempts import DiagnosedAttempt, diagnose_attempt
from flytekitplugins_podtriage.report.text.rule_text import means
from flytekitplugins_podtriage.report.text.sanitize import line

FROM_TEXT = "from the message alone: the pods are gone, and no more is claimed than the words tell"


@attrs.frozen
class Case:
    """A node's last failure, explained."""

    node: str
    attempt: int
    """From 1."""
    cause: str
    said: str
    whose: ErrorKind
    unknown: bool
    category: str
    remedy: str


@attrs.frozen
class History:
    """An execution's attempts."""

    name: str
    where: str
    """Project and domain."""
    attempts: tuple[DiagnosedAttempt, ...]
    cases: tuple[Case, ...]
    """One for each node that failed at least once: its last failure."""
    failing: bool
    """Whether a node's last attempt failed."""

    @property
    def failed(self) -> tuple[DiagnosedAttempt, ...]:
        """The attempts that failed."""
        return tuple(one for one in self.attempts if one.attempt.failed)

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        failed = self.failed
        if not failed:
            return "no attempt failed, as far as the record tells"
        wronged = sum(1 for one in failed if one.wrongly_charged and one.charged is ErrorKind.USER)
        helped = sum(1 for one in failed if one.wrongly_charged and one.charged is ErrorKind.SYSTEM)
        text = (
            f"{wronged} of {len(failed)} failed attempt{'' if len(failed) == 1 else 's'} "
            f"{'was' if wronged == 1 else 'were'} charged to the user for the platform's reasons"
        )
        return f"{text}, {helped} to the platform for the user's" if helped else text


def history(name: str, where: str, attempts: Iterable[Attempt], rules: RuleBook | None = None) -> History:
    """Diagnose the attempts of an execution.

    Args:
        name: the execution's name.
        where: its project and domain, for a person.
        attempts: all of them, in any order; of nodes that succeeded too.
        rules: the rules to go by; None for the built-in ones.
    """
    diagnosed = sorted((diagnose_attempt(one, rules) for one in attempts), key=lambda one: _order(one.attempt))
    last: dict[str, DiagnosedAttempt] = {}
    last_failed: dict[str, DiagnosedAttempt] = {}
    for one in diagnosed:
        node = one.attempt.node_path
        last[node] = one
        if one.attempt.failed:
            last_failed[node] = one
    return History(
        name=line(name, 120),
        where=line(where, 120),
        attempts=tuple(diagnosed),
        cases=tuple(_case(node, one, rules) for node, one in last_failed.items()),
        failing=any(one.attempt.failed for one in last.values()),
    )


def _order(attempt: Attempt) -> tuple[str, int]:
    return attempt.node_path, attempt.retry_attempt or 0


def _case(node: str, one: DiagnosedAttempt, rules: RuleBook | None) -> Case:
    found = one.diagnosis
    return Case(
        node=line(node, 80),
        attempt=(one.attempt.retry_attempt or 0) + 1,
        cause=line(means(found, rules), 300),
        said=line(found.evidence[0].text if found.evidence else "", 400),
        whose=found.kind,
        unknown=one.unknown,
        category=found.category.value,
        remedy=line(found.remedy, 600),
    )
