"""Recorded attempts, of which a backend keeps only a kind, a code and a message: what the message alone tells."""

from __future__ import annotations

import attrs

from flytekitplugins_podtriage.core.attempt_history import Attempt
from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.model import Category, Diagnosis, ErrorKind
from flytekitplugins_podtriage.core.rules.pod_states import rule_of_message
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.core.text.wrapping import unwrap


@attrs.frozen
class DiagnosedAttempt:
    """An attempt, who was charged for it, and who should have been."""

    attempt: Attempt
    charged: ErrorKind | None
    """The budget that paid."""
    diagnosis: Diagnosis

    @property
    def unknown(self) -> bool:
        """Whether the message does not tell whose fault it was."""
        return self.diagnosis.category is Category.UNKNOWN

    @property
    def wrongly_charged(self) -> bool:
        """Whether the budget that paid is not that of the cause."""
        paid = self.charged in (ErrorKind.USER, ErrorKind.SYSTEM)
        return paid and not self.unknown and self.charged is not self.diagnosis.kind


def diagnose_attempt(attempt: Attempt, rules: RuleBook | None = None) -> DiagnosedAttempt:
    """Diagnose an attempt by its message alone; a message of podtriage's own names the rule that wrote it."""
    message, reason = attempt.message or "", (attempt.code or "").rpartition("|")[2] or None
    diagnosis = diagnose(message, reason=None if reason == "RetriesExhausted" else reason, rules=rules)
    rule = rule_of_message(unwrap(message).text)
    if rule is not None and (rule.category is not Category.UNKNOWN or diagnosis.category is Category.UNKNOWN):
        own = {"category": rule.category, "kind": rule.kind, "rule": rule.id, "remedy": rule.remedy}
        diagnosis = attrs.evolve(diagnosis, **own)
    return DiagnosedAttempt(attempt, attempt.charged, diagnosis)
