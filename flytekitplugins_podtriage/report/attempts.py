"""Attempts of the past, of which a backend keeps only a kind, a code and a message: what the words alone tell."""

from __future__ import annotations

from datetime import datetime

import attrs

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.model import Category, Diagnosis, ErrorKind
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.core.text.wrapping import unwrap

_SPENT = "RetriesExhausted"


@attrs.frozen
class Attempt:
    """One attempt, as a backend remembers it."""

    message: str = ""
    kind: str | None = None
    """``ExecutionError.kind`` as recorded: USER, SYSTEM or UNKNOWN; None where nothing failed."""
    code: str | None = None
    execution: str | None = None
    task: str | None = None
    node: str | None = None
    number: int | None = None
    """From 0, as Flyte's ``retry_attempt``."""
    phase: str | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    retries: int | None = None
    """The task's retries, if they are known."""
    lost: bool | None = None
    """Whether it failed, where the record says so outright; None where only its error tells."""

    @property
    def failed(self) -> bool:
        """Whether it failed, as far as the record tells."""
        return self.lost if self.lost is not None else bool(self.message or self.kind or self.code)


@attrs.frozen
class Judged:
    """An attempt, who was charged for it, and who should have been."""

    attempt: Attempt
    charged: ErrorKind | None
    """The budget that paid. Where the record is of the last attempt, the kind stands in the message."""
    found: Diagnosis

    @property
    def unknown(self) -> bool:
        """Whether the words do not tell whose doing it was."""
        return self.found.category is Category.UNKNOWN

    @property
    def wrong(self) -> bool:
        """Whether one was charged for what was the other's doing."""
        paid = self.charged in (ErrorKind.USER, ErrorKind.SYSTEM)
        return paid and not self.unknown and self.charged is not self.found.kind


def judge(attempt: Attempt, rules: RuleBook | None = None) -> Judged:
    """Judge an attempt by its message alone."""
    reason = (attempt.code or "").rpartition("|")[2] or None
    found = diagnose(attempt.message, reason=None if reason == _SPENT else reason, rules=rules)
    return Judged(attempt, charged(attempt), found)


def charged(attempt: Attempt) -> ErrorKind | None:
    """Return the budget that an attempt was taken from.

    When no attempt is left, flytepropeller 1.16 ends the node with the kind USER, whoever's budget was empty
    (nodes/executor.go); the kind of the failure itself stands in the message.
    """
    inner = unwrap(attempt.message).charged
    spent = (attempt.code or "").startswith(_SPENT) or "currentAttempt done. Last Error: " in attempt.message
    name = inner if inner is not None and spent else attempt.kind or inner
    try:
        return None if name is None else ErrorKind(name.upper())
    except ValueError:
        return ErrorKind.UNKNOWN
