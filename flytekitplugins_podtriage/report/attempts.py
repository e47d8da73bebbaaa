"""Recorded attempts, diagnosed: a backend keeps only a kind, a code and a message of them."""

from __future__ import annotations

import attrs

from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.model import Category, Diagnosis, ErrorKind
from flytekitplugins_podtriage.core.rules.pod_states import rule_of_message
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.core.text.wrapping import unwrap
from flytekitplugins_podtriage.report.text.humanize import format_rfc3339
from flytekitplugins_podtriage.report.text.rule_text import fault_label

WRONGLY_CHARGED = "wrongly charged to user retries"


@attrs.frozen
class DiagnosedAttempt:
    """An attempt, who was charged for it, and whose fault it was."""

    attempt: Attempt
    charged: ErrorKind | None
    """Whose retries paid."""
    diagnosis: Diagnosis

    @property
    def number(self) -> str:
        """Its number, from 1, and how many there may be if that is known: ``2 of 3``."""
        retry, retries = self.attempt.retry_attempt, self.attempt.retries
        return f"{(retry or 0) + 1}" + (f" of {retries + 1}" if retry is not None and retries is not None else "")

    @property
    def ended(self) -> str:
        """When it was last updated, for a person."""
        return format_rfc3339(self.attempt.updated_at) if self.attempt.updated_at is not None else ""

    @property
    def charged_to(self) -> str:
        """Whose retries paid, for a person; ``-`` if it did not fail."""
        return fault_label(self.charged if self.attempt.failed else None)

    @property
    def fault(self) -> str:
        """Whose fault it was, for a person; ``-`` if it did not fail."""
        return fault_label(self.diagnosis.kind if self.attempt.failed else None, self.unknown)

    @property
    def unknown(self) -> bool:
        """Whether the message does not tell whose fault it was."""
        return self.diagnosis.category is Category.UNKNOWN

    @property
    def wrongly_charged(self) -> bool:
        """Whether user retries paid for a SYSTEM failure, or system retries for a USER failure."""
        paid = self.charged in (ErrorKind.USER, ErrorKind.SYSTEM)
        return paid and not self.unknown and self.charged is not self.diagnosis.kind


def diagnose_attempt(attempt: Attempt, rules: RuleBook | None = None) -> DiagnosedAttempt:
    """Diagnose an attempt by its message alone; a message of podtriage's own names the rule that wrote it."""
    message, reason = attempt.message or "", (attempt.code or "").rpartition("|")[2] or None
    diagnosis = diagnose(message, reason=None if reason == "RetriesExhausted" else reason, rules=rules)
    rule = rule_of_message(unwrap(message).text)
    is_own = rule is not None and (rule.category is not Category.UNKNOWN or diagnosis.category is Category.UNKNOWN)
    if is_own and rule and rule.category and rule.kind:
        diagnosis = attrs.evolve(diagnosis, category=rule.category, kind=rule.kind, rule=rule.id, remedy=rule.remedy)
    return DiagnosedAttempt(attempt, attempt.charged, diagnosis)


def wrongly_charged_sentence(count: int, failed: int) -> str:
    """Return how many of the failed attempts were wrongly charged to user retries.

    >>> wrongly_charged_sentence(2, 6)
    '2 of 6 failed attempts were wrongly charged to user retries'
    """
    attempts = "attempt" if failed == 1 else "attempts"
    return f"{count} of {failed} failed {attempts} {'was' if count == 1 else 'were'} {WRONGLY_CHARGED}"
