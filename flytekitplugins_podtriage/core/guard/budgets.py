"""Whether the budget that the guard wants to charge can pay, by what the backend records of the task.

Flyte 1.16 has few system retries, and once they are spent the next SYSTEM failure ends the node: they are spent as
:mod:`~flytekitplugins_podtriage.core.spending` says. Flyte 2 has no limit for the SYSTEM failures of pods, so the guard
counts the restarts, and past its cap the user retries pay.
"""

from __future__ import annotations

from typing import Final

import attrs

from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.refusals import Refusal
from flytekitplugins_podtriage.core.guard.values import TaskRecord
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.spending import Action, Budgets, spend

_ENDS_AS_SYSTEM: Final = Verdict(Phase.RETRYABLE_FAILURE, ErrorKind.SYSTEM)
_ONE_BUDGET: Final = Refusal("ignore-retry-cause", "ignore-retry-cause is set: the kind of a failure has no effect")


@attrs.frozen
class Payment:
    """Whether a budget pays, and why it does or does not."""

    pays: bool
    why: str = ""
    refusal: Refusal | None = None
    """Why not, where the wrong budget pays because of it."""


NOT_KNOWN: Final = Payment(True)
"""There is no record of the task yet: what is planned is decided again once there is."""


def system_pays(task: TaskRecord, policy: GuardPolicy) -> Payment:
    """Return whether the system retries pay for a failure of the platform's."""
    if policy.backend == "flyte-2":
        cap, restarts = policy.max_system_restarts, task.system_restarts
        if restarts < cap:
            return Payment(True, f"the failure is the platform's; system restart {restarts + 1} of {cap}")
        return Payment(False, refusal=Refusal("user-pays", f"all {cap} system restarts are spent: a user retry pays"))
    if task.limits.ignore_retry_cause:
        return Payment(False, refusal=_ONE_BUDGET)
    left = left_of(task, policy)
    spending = spend(_ENDS_AS_SYSTEM, left)
    if spending.action is Action.SYSTEM:
        most = task.limits.max_system_failures
        return Payment(True, f"{spending.why}; system retry {most - left.system_left + 1} of {most}")
    name = "user-pays" if spending.action is Action.USER else "no-budget"
    return Payment(False, refusal=Refusal(name, spending.why))


def user_pays(task: TaskRecord, policy: GuardPolicy) -> Payment:
    """Return whether the user retries pay for a failure of the task's own; if none is left, the task ends."""
    if task.limits.ignore_retry_cause and policy.backend != "flyte-2":
        return Payment(True, "the failure is the task's own")
    if not task.retries_known:
        return Payment(True, "the failure is the task's own; a user retry pays if there is one")
    left = left_of(task, policy).user_left
    return Payment(True, f"the failure is the task's own; {_user_retries(left)}")


def user_pays_past_cap(task: TaskRecord, policy: GuardPolicy) -> Payment:
    """Return whether the user retries have to pay for a failure that Flyte 2 would restart without limit."""
    cap = policy.max_system_restarts
    if task.system_restarts < cap:
        return Payment(False)
    why = f"the pod was restarted {task.system_restarts} times for the platform's sake, and the limit is {cap}"
    if not task.retries_known:
        return Payment(True, f"{why}; a user retry pays if there is one")
    return Payment(True, f"{why}; {_user_retries(left_of(task, policy).user_left)}")


def surely_left(attempt: int | None, policy: GuardPolicy) -> bool:
    """Whether a system retry beyond the reserve is left at an attempt (from 0), whatever the earlier ones ended with.

    Not more system retries than earlier attempts can have been spent, as each attempt is charged to one budget
    (flytepropeller nodes/executor.go counts a SYSTEM failure twice only where the task ends with it).
    """
    limits = policy.limits
    if attempt is None or limits.ignore_retry_cause:
        return False
    return limits.max_system_failures - attempt > policy.system_reserve


def left_of(task: TaskRecord, policy: GuardPolicy) -> Budgets:
    """Return what is left of both budgets. Where the task's retries are not known, a user retry counts as left."""
    left = Budgets.left(task.counters, task.limits, system_reserve=policy.system_reserve)
    return left if task.retries_known else attrs.evolve(left, user_left=max(1, left.user_left))


def _user_retries(left: int) -> str:
    if not left:
        return "no user retry is left, so the task ends"
    return f"a user retry pays, {left - 1} left after it"
