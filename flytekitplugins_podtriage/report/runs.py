"""What a run's attempts and backends mean, in words: shared by console, page and JSON."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.core.run import AttemptRecord, TaskRun
from flytekitplugins_podtriage.report.means import means
from flytekitplugins_podtriage.report.shown import line

NAMES: Final = {
    "flyte-1.16": "stock Flyte 1.16",
    "flyte-2": "stock Flyte 2",
    "connector": "podtriage's connector",
    "guard": "podtriage's guard",
}
"""What each backend is called."""

_RECOVERED: Final = ("ErrImagePull", "ImagePullBackOff", "CreateContainerError", "CreateContainerConfigError")


def happened(record: AttemptRecord) -> str:
    """Say in a sentence what became of an attempt."""
    if record.failure is None:
        waits = sum(state.endswith(_RECOVERED[0]) for state in record.states)
        return f"succeeded, after {waits} failed pull{'s' if waits > 1 else ''}" if waits else "succeeded"
    if record.verdict.kind is None:
        # Nothing is wrong with the pod: a timeout, or an exception that the body left in its error document.
        return _sentence(record.failure.message.strip().rpartition("\n")[2] or record.failure.code)
    return _sentence(means(record.verdict))


def _sentence(text: str) -> str:
    said = line(text, 160)
    # A registry's host at its beginning stays as it is spelt.
    return said if "." in said.partition(" ")[0] else said[:1].upper() + said[1:]


def category(record: AttemptRecord) -> str:
    """Return the category of a failed attempt; nothing for one that succeeded."""
    if record.failure is None:
        return ""
    if record.verdict.kind is None:
        return str(Category.DEADLINE) if record.failure.code == "TimeoutExpired" else str(Category.APP_ERROR)
    return str(record.verdict.category or "")


def paid_by(record: AttemptRecord) -> str:
    """Say whose budget an attempt cost."""
    if record.charged is None:
        return "nobody"
    who = "user" if record.charged is ErrorKind.USER else "platform"
    return who if record.retried else f"{who}, empty" if _exhausted(record) else who


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
    return "fails: no retry is left"


def wronged(run: TaskRun) -> int:
    """Return how many attempts the user paid for whose failure was the platform's."""
    return sum(
        one.charged is ErrorKind.USER and one.verdict.kind is ErrorKind.SYSTEM and one.failure is not None
        for one in run.attempts
    )
