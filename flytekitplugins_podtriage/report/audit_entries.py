"""From attempts and pods to the entries of an audit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.rules.rulebook import RuleBook
from flytekitplugins_podtriage.core.triage import triage
from flytekitplugins_podtriage.report.attempts import Attempt, judge
from flytekitplugins_podtriage.report.audit import NEEDLESS, Entry


def of_attempt(attempt: Attempt, rules: RuleBook | None = None) -> Entry:
    """Return the entry of a failed attempt, by its message alone."""
    judged = judge(attempt, rules)
    found = judged.found
    where = [part for part in (attempt.execution, attempt.node) if part]
    if attempt.number is not None:
        where.append(f"attempt {attempt.number + 1}")
    return Entry(
        charged=judged.charged,
        owed=None if judged.unknown else found.kind,
        category=found.category.value,
        task=attempt.task,
        registry=found.registry,
        what=" ".join(where),
        said=found.evidence[0].text if found.evidence else "",
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
