"""A past execution: its attempts, who was charged for each, and whose fault each was; from error messages only."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.report.attempts import DiagnosedAttempt, diagnose_attempt, wrongly_charged_sentence
from flytekitplugins_podtriage.report.text.rule_text import rule_title
from flytekitplugins_podtriage.report.text.sanitize import one_line

BASIS = "based on error messages only: the pods no longer exist"

ATTEMPT_HEADS = ("node", "attempt", "ended", "charged to", "fault", "category")


@attrs.frozen
class NodeFailure:
    """The last failure of a node, explained."""

    node: str
    attempt: int
    """From 1."""
    cause: str
    excerpt: str
    """Of the message."""
    fault: str
    """Whose it is, for a person."""
    category: str
    remedy: str


@attrs.frozen
class History:
    """The attempts of an execution."""

    name: str
    scope: str
    """Project and domain."""
    attempts: tuple[DiagnosedAttempt, ...]
    node_failures: tuple[NodeFailure, ...]
    """The last failure of each node that failed at least once."""
    failing: bool
    """Whether a node's last attempt failed."""

    @property
    def failed(self) -> tuple[DiagnosedAttempt, ...]:
        """The attempts that failed."""
        return tuple(item for item in self.attempts if item.attempt.failed)

    @property
    def headline(self) -> str:
        """The answer in a sentence."""
        failed = self.failed
        if not failed:
            return "no recorded attempt failed"
        wrong = [item.charged for item in failed if item.wrongly_charged]
        sentence = wrongly_charged_sentence(wrong.count(ErrorKind.USER), len(failed))
        to_system = wrong.count(ErrorKind.SYSTEM)
        return f"{sentence}, {to_system} to system retries" if to_system else sentence


def build_history(name: str, scope: str, attempts: Iterable[Attempt], rules: RuleBook | None = None) -> History:
    """Diagnose all attempts of an execution, in any order; ``scope`` is its project and domain, for a person."""
    diagnosed = [diagnose_attempt(attempt, rules) for attempt in attempts]
    diagnosed.sort(key=lambda item: (item.attempt.node_path, item.attempt.retry_attempt or 0))
    last = {item.attempt.node_path: item for item in diagnosed}
    last_failed = {item.attempt.node_path: item for item in diagnosed if item.attempt.failed}
    return History(
        name=one_line(name, 120),
        scope=one_line(scope, 120),
        attempts=tuple(diagnosed),
        node_failures=tuple(_node_failure(node, item, rules) for node, item in last_failed.items()),
        failing=any(item.attempt.failed for item in last.values()),
    )


def _node_failure(node: str, item: DiagnosedAttempt, rules: RuleBook | None) -> NodeFailure:
    diagnosis = item.diagnosis
    return NodeFailure(
        node=one_line(node, 80),
        attempt=(item.attempt.retry_attempt or 0) + 1,
        cause=one_line(rule_title(diagnosis, rules), 300),
        excerpt=one_line(diagnosis.evidence[0].text if diagnosis.evidence else "", 400),
        fault=item.fault,
        category=diagnosis.category.value,
        remedy=one_line(diagnosis.remedy, 600),
    )
