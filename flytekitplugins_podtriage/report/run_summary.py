"""A run's attempts and outcome in words, shared by console, HTML and JSON."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.spending import Budgets
from flytekitplugins_podtriage.core.task_runs import AttemptRecord, TaskRun
from flytekitplugins_podtriage.report.text.rule_text import rule_title
from flytekitplugins_podtriage.report.text.sanitize import one_line

BACKENDS: Final = {
    "flyte-1.16": "stock Flyte 1.16",
    "flyte-2": "stock Flyte 2",
    "connector": "podtriage's connector",
    "guard": "podtriage's guard",
}
"""The names of the backends for a person, in the order in which they are shown."""
NO_RETRIES: Final = "no retries left"
NO_RUNS: Final = "No task ran in attempts: none is a plain Python task or has PodTriage()."


def backend_label(run: TaskRun) -> str:
    """Return the name of a run's backend, for a person."""
    return BACKENDS.get(run.backend, run.backend)


def what_happened(record: AttemptRecord) -> str:
    """Return what happened in an attempt, in a sentence."""
    if record.failure is None:
        if record.recovered_from is None:
            return "Succeeded"
        pulls = sum(state.endswith("ErrImagePull") for state in record.states)
        before = f" after {pulls} failed pull{'s' if pulls > 1 else ''}" if pulls else "; earlier"
        return one_line(f"Succeeded{before}: {rule_title(record.recovered_from)}", 160)
    if record.verdict.kind is None:
        # Nothing is wrong with the pod: a timeout, or an exception that the body left in its error document.
        return _sentence(record.failure.message.strip().rpartition("\n")[2] or record.failure.code)
    return _sentence(rule_title(record.verdict))


def _sentence(text: str) -> str:
    text = one_line(text, 160)
    # A registry's host at the beginning keeps its spelling.
    return text if "." in text.partition(" ")[0] else text[:1].upper() + text[1:]


def category_of(record: AttemptRecord) -> str:
    """Return the category of an attempt's failure, or of what a successful one had to wait for; else nothing."""
    if record.failure is None:
        return str(record.recovered_from.category or "") if record.recovered_from is not None else ""
    if record.verdict.kind is None:
        return str(Category.DEADLINE) if record.failure.code == "TimeoutExpired" else str(Category.APP_ERROR)
    return str(record.verdict.category or "")


def fault_of(record: AttemptRecord) -> str:
    """Return whose fault an attempt's failure or wait was: ``USER``, ``SYSTEM`` or nothing."""
    if record.failure is None:
        return str(record.recovered_from.kind or "") if record.recovered_from is not None else ""
    return str(record.verdict.kind or record.failure.kind)


def remedy_of(run: TaskRun) -> str:
    """Return the remedy for the first problem of a run; nothing if there was none."""
    for record in run.attempts:
        verdict = record.recovered_from if record.failure is None else record.verdict
        if verdict is not None and verdict.remedy:
            return verdict.remedy
    return ""


def charged_to(record: AttemptRecord) -> str:
    """Return whose retries an attempt was charged to: ``user``, ``system``, ``nobody``; ``user, wrongly``.

    ``user, instead`` is a user retry that podtriage chose to spend on a SYSTEM failure.
    """
    if record.charged is None:
        return "nobody"
    payer = record.charged.value.lower()
    if is_wrongly_charged(record):
        return f"{payer}, wrongly"
    return f"{payer}, instead" if is_paid_for_platform(record) else payer


def is_paid_for_platform(record: AttemptRecord) -> bool:
    """Whether podtriage chose to spend a user retry on a SYSTEM failure, so that the task goes on."""
    return _is_user_charged_for_system(record) and bool(record.why)


def is_wrongly_charged(record: AttemptRecord) -> bool:
    """Whether a SYSTEM failure was charged to user retries as if it were the user's.

    Where no rule names the cause its kind is only a default, and nobody knows.
    """
    known = record.verdict.category is not Category.UNKNOWN
    return known and _is_user_charged_for_system(record) and not record.why


def _is_user_charged_for_system(record: AttemptRecord) -> bool:
    return record.failure is not None and record.charged is ErrorKind.USER and record.verdict.kind is ErrorKind.SYSTEM


def count_wrongly_charged(run: TaskRun) -> int:
    """Return how many attempts of a run were wrongly charged to user retries."""
    return sum(map(is_wrongly_charged, run.attempts))


def count_paid_for_platform(run: TaskRun) -> int:
    """Return how many user retries of a run podtriage chose to spend on SYSTEM failures."""
    return sum(map(is_paid_for_platform, run.attempts))


def met_trouble(run: TaskRun) -> bool:
    """Whether anything went wrong in a run, if only for a while."""
    return any(record.failure is not None or record.recovered_from is not None for record in run.attempts)


def short_name(run: TaskRun) -> str:
    """Return the name of a run's task without its module."""
    return one_line(run.task.rpartition(".")[2], 60)


def retries_left(record: AttemptRecord, limits: Limits) -> tuple[int, int]:
    """Return how many user retries and system retries are left after an attempt."""
    budgets = Budgets.left(record.counters, limits)
    return budgets.user_left, budgets.system_left


def outcome(run: TaskRun) -> str:
    """Return how a run ended."""
    if run.succeeded:
        return "succeeds"
    if run.note:
        return f"never ends ({run.note})"
    last = run.attempts[-1] if run.attempts else None
    if last is not None and last.failure is not None and not last.failure.recoverable:
        return "fails: not retryable"
    unused = retries_left(last, run.limits)[0] if last is not None and last.charged is ErrorKind.SYSTEM else 0
    if unused:
        # No system retries are left, and Flyte does not fall back on user retries (isEligibleForRetry).
        return f"fails: {unused} user {'retry' if unused == 1 else 'retries'} left unused"
    return f"fails: {NO_RETRIES}"
