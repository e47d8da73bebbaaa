"""Who pays, backend by backend: the forecasts of the core, put through each backend's own accounting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits, Outcome, flyte_1_16, flyte_2
from flytekitplugins_podtriage.core.forecast import forecast
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Charge, ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.spending import Action, Budgets, spend
from flytekitplugins_podtriage.core.triage import triage

LABELS = {"flyte-1.16": "Flyte 1.16", "flyte-2": "Flyte 2", "podtriage": "with podtriage"}
"""The backends that are compared, in the order in which they are shown."""

NEVER = timedelta(days=3650)
"""What is further off is not going to happen: a time far in the future is a clock's mistake, or stands for none."""


_NOBODY = "nobody"


@attrs.frozen
class Bill:
    """Who pays on one backend, if nothing changes."""

    label: str
    """The backend's name for a person."""
    charge: Charge
    budget: str
    """The budget and what is left of it: ``user, 0 left``, ``system, 1 of 3``, ``nobody``."""
    then: str
    """What follows."""
    ends: bool = False
    """Whether the task ends with it."""
    wrong: bool = False
    """Whether the user is charged for the platform's failure, or the platform for the user's."""


@attrs.frozen
class Case:
    """A pod and what is known of its task's budgets."""

    pod: wire.Pod
    events: Sequence[wire.Event]
    memory: Memory | None
    verdict: Verdict
    """Podtriage's own, now."""
    now: datetime
    limits: Limits
    attempts_before: int
    """How many attempts have failed before this one."""


def bills(case: Case, policies: Mapping[str, Policy]) -> tuple[Bill, ...]:
    """Return who pays on each backend if nothing changes."""
    answer = []
    for backend, label in LABELS.items():
        policy = policies[backend]
        charge = forecast(
            case.pod, backend=backend, now=case.now, events=case.events, memory=case.memory, policy=policy
        )
        if charge.at is not None and charge.at - case.now > NEVER:
            charge = attrs.evolve(charge, at=None, kind=None, note="not within ten years: a time of the pod is far off")
        if backend == "podtriage":
            answer.append(_ours(label, charge, case, policy))
        else:
            answer.append(_stock(label, charge, case))
    return tuple(answer)


def counters_before(case: Case, kind: ErrorKind | None) -> Counters:
    """Return what the backend has counted so far, if the earlier attempts ended as this one is going to."""
    return Counters(case.attempts_before, case.attempts_before if kind is ErrorKind.SYSTEM else 0)


def _stock(label: str, charge: Charge, case: Case) -> Bill:
    if charge.at is None or charge.kind is None:
        return Bill(label, charge, _NOBODY, charge.note or "nothing is charged")
    counters = counters_before(case, charge.kind)
    failure = Failure(charge.kind, charge.code or "", charge.message or "", recoverable=not charge.permanent)
    account = flyte_1_16 if charge.backend == "flyte-1.16" else flyte_2
    outcome = account(counters, failure, case.limits)
    return Bill(
        label=label,
        charge=charge,
        budget=_budget(charge, counters, outcome, case.limits),
        then=_then(charge, outcome),
        ends=not outcome.retried,
        wrong=_is_wrong(charge.kind, case.verdict),
    )


def _budget(charge: Charge, counters: Counters, outcome: Outcome, limits: Limits) -> str:
    if charge.kind is ErrorKind.USER:
        return f"user, {_user_left(counters, limits)} left"
    if charge.permanent:
        return "system"
    if charge.backend == "flyte-2" and outcome.retried:
        return "system"
    if not outcome.retried:
        return "system, 0 left"
    return f"system, {counters.system_failures + 1} of {limits.max_system_failures}"


def _user_left(counters: Counters, limits: Limits) -> int:
    """Return how many of the user's retries are left."""
    return max(0, limits.max_attempts - 1 - (counters.attempts - counters.system_failures))


def _then(charge: Charge, outcome: Outcome) -> str:
    if charge.permanent:
        return "the task fails at once: it is not tried again"
    if not outcome.retried:
        return "the task fails: no attempt is left"
    if charge.backend == "flyte-2" and charge.kind is ErrorKind.SYSTEM:
        return "a new pod, again and again: its counter restarts with each"
    return f"a new pod, at once: attempt {outcome.counters.attempts + 1}"


def _ours(label: str, charge: Charge, case: Case, policy: Policy) -> Bill:
    """What podtriage does with it: hold, and then the wise budget."""
    if charge.at is None or charge.kind is None:
        held = case.verdict.kind is not None and not case.verdict.failing
        then = "the pod is held: waiting costs no retry" if held else charge.note or "nothing is charged"
        return Bill(label, charge, _NOBODY, then)
    at = max(charge.at, case.now)
    verdict = triage(case.pod, events=case.events, memory=case.memory, policy=policy, now=at)
    counters = counters_before(case, charge.kind)
    spending = spend(verdict, Budgets.left(counters, case.limits))
    until = "held until then, while the kubelet tries on; " if at > case.now else ""
    if spending.action is Action.SYSTEM:
        budget = f"system, {counters.system_failures + 1} of {case.limits.max_system_failures}"
        then = f"{until}then a new attempt" if until else "a new attempt, with this explanation"
    elif spending.action is Action.USER:
        budget = f"user, {_user_left(counters, case.limits)} left"
        then = f"{until}{'then ' if until else ''}a new attempt"
        if verdict.kind is ErrorKind.SYSTEM:
            then += f": {spending.why}"
    elif spending.action is Action.END:
        budget = (
            "system, 0 left" if spending.kind is ErrorKind.SYSTEM else f"user, {_user_left(counters, case.limits)} left"
        )
        then = f"{until}{'then ' if until else ''}the task fails: {spending.why}"
    else:
        return Bill(label, charge, _NOBODY, "the pod is held: waiting costs no retry")
    return Bill(label, charge, budget, then, ends=spending.action is Action.END)


def _is_wrong(charged: ErrorKind, verdict: Verdict) -> bool:
    """Whether somebody is charged for what is the other's doing; with an unknown cause nobody can say so.

    Nobody should be charged for a task that has done its work.
    """
    if verdict.phase is Phase.SUCCESS:
        return True
    if verdict.kind is None or verdict.category is None or verdict.category.value == "unknown":
        return False
    return charged is not verdict.kind
