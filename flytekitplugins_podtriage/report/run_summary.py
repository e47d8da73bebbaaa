"""What a run's attempts and backends mean, in words: shared by console, page and JSON."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.report.text.rule_text import means
from flytekitplugins_podtriage.report.text.sanitize import line

NAMES: Final = {
    "flyte-1.16": "stock Flyte 1.16",
    "flyte-2": "stock Flyte 2",
    "connector": "podtriage's connector",
    "guard": "podtriage's guard",
}
"""What each backend is called."""
NONE_RUN: Final = "No task with PodTriage() was run."
WRONGED: Final = "charged to the user for what is the platform's doing"


def happened(record: AttemptRecord) -> str:
    """Say in a sentence what became of an attempt."""
    if record.failure is None:
        if record.recovered_from is None:
            return "Succeeded"
        pulls = sum(state.endswith("ErrImagePull") for state in record.states)
        before = f"{pulls} pull{'s' if pulls > 1 else ''} failed: " if pulls else ""
        return line(f"Succeeded; before that {before}{means(record.recovered_from)}", 160)
    if record.verdict.kind is None:
        # Nothing is wrong with the pod: a timeout, or an exception that the body left in its error document.
        return _sentence(record.failure.message.strip().rpartition("\n")[2] or record.failure.code)
    return _sentence(means(record.verdict))


def _sentence(text: str) -> str:
    said = line(text, 160)
    # A registry's host at its beginning stays as it is spelt.
    return said if "." in said.partition(" ")[0] else said[:1].upper() + said[1:]


def category(record: AttemptRecord) -> str:
    """Return the category of a failed attempt, or of what was in the way of one that succeeded; else nothing."""
    if record.failure is None:
        return str(record.recovered_from.category or "") if record.recovered_from is not None else ""
    if record.verdict.kind is None:
        return str(Category.DEADLINE) if record.failure.code == "TimeoutExpired" else str(Category.APP_ERROR)
    return str(record.verdict.category or "")


def fault(record: AttemptRecord) -> str:
    """Return whose fault it was that an attempt failed, or had to be waited for: ``USER``, ``SYSTEM`` or nothing."""
    if record.failure is None:
        return str(record.recovered_from.kind or "") if record.recovered_from is not None else ""
    return str(record.verdict.kind or record.failure.kind)


def remedy(run: TaskRun) -> str:
    """Return what helps against the first trouble of a run; nothing if there was none."""
    for one in run.attempts:
        found = one.recovered_from if one.failure is None else one.verdict
        if found is not None and found.remedy:
            return found.remedy
    return ""


def paid_by(record: AttemptRecord) -> str:
    """Say whose budget an attempt cost."""
    if record.charged is None:
        return "nobody"
    who = "user" if record.charged is ErrorKind.USER else "platform"
    return f"{who} (empty)" if _exhausted(record) and not record.retried else who


def _exhausted(record: AttemptRecord) -> bool:
    return record.failure is not None and record.failure.recoverable


def left(record: AttemptRecord, limits: Limits) -> tuple[int, int]:
    """Return how many retries both budgets have left after an attempt: the user's, the platform's."""
    counters = record.counters
    user = limits.max_attempts - 1 - (counters.attempts - counters.system_failures)
    return max(0, user), max(0, limits.max_system_failures - counters.system_failures)


def outcome(run: TaskRun) -> str:
    """Say how a run ended."""
    if run.succeeded:
        return "succeeds"
    if run.note:
        return f"never ends ({run.note})"
    last = run.attempts[-1] if run.attempts else None
    if last is not None and last.failure is not None and not last.failure.recoverable:
        return "fails: no retry would help"
    unused = left(last, run.limits)[0] if last is not None and last.charged is ErrorKind.SYSTEM else 0
    if unused:
        # The platform's budget is spent, and nobody may draw on the other (isEligibleForRetry).
        return f"fails: {unused} user {'retry' if unused == 1 else 'retries'} left unused"
    return "fails: no retry is left"


def wronged(run: TaskRun) -> int:
    """Return how many attempts the user paid for whose failure was the platform's."""
    return sum(
        one.charged is ErrorKind.USER and one.verdict.kind is ErrorKind.SYSTEM and one.failure is not None
        for one in run.attempts
    )
