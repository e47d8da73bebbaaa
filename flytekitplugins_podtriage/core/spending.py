"""Which budget should pay for a failure, which is another question than whose fault it is.

There are few system retries, and once they are spent the next SYSTEM failure ends the node, however many user retries
are left. So a SYSTEM failure is charged to the system retries while more than a reserve of them is left, then to the
user retries while there are any, and only then to the reserve.

Invariants: while user retries remain, the system retries are never used up; no retryable SYSTEM failure ends a task
while either budget can pay; a USER failure never costs a system retry.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import attrs

from flytekitplugins_podtriage.core.accounting import Counters, Limits
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, StrEnum, Verdict


class Action(StrEnum):
    """What to do about an attempt."""

    NONE = "none"
    """Nothing is wrong."""
    HOLD = "hold"
    """Something is wrong, but the kubelet or scheduler keeps retrying, and waiting costs no retry."""
    SYSTEM = "system"
    """End the attempt; a system retry pays for the next one."""
    USER = "user"
    """End the attempt; a user retry pays for the next one."""
    END = "end"
    """End the attempt; there is no next one."""


@attrs.frozen(slots=True)
class Budgets:
    """The retries that are left of both budgets."""

    user_left: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    system_left: int = attrs.field(default=3, validator=attrs.validators.ge(0))
    system_reserve: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    """How many system retries are kept while user retries can pay; at least 1."""

    @classmethod
    def left(cls, counters: Counters, limits: Limits, *, system_reserve: int = 1) -> Budgets:
        """Return what Flyte 1.16 has left for a task with these counters (``isEligibleForRetry``).

        With ``ignore-retry-cause`` both kinds are charged to the user retries.
        """
        if limits.ignore_retry_cause:
            return cls(max(0, limits.max_attempts - 1 - counters.attempts), 0, system_reserve)
        user_failures = counters.attempts - counters.system_failures
        return cls(
            user_left=max(0, limits.max_attempts - 1 - user_failures),
            system_left=max(0, limits.max_system_failures - counters.system_failures),
            system_reserve=system_reserve,
        )


@attrs.frozen(slots=True)
class Spending:
    """What to do about an attempt, and which budget pays."""

    action: Action
    kind: ErrorKind | None
    """The kind to report to the backend; None where nothing is charged."""
    why: str
    """In a sentence, for the message that the user reads."""

    @property
    def retried(self) -> bool:
        """Whether another attempt follows."""
        return self.action is Action.SYSTEM or self.action is Action.USER


DISBELIEF = 3
"""How many times in a row the same SYSTEM verdict is believed (flyteorg/flyte#4880, #7874 show the harm)."""


def repeated(rules: Sequence[str], rule: str) -> int:
    """Return how many attempts in a row, up to the last one, failed by this rule; ``rules`` has the oldest first."""
    return sum(1 for _ in itertools.takewhile(lambda before: before == rule, reversed(rules)))


def spend(verdict: Verdict, budgets: Budgets, *, repeated: int = 0, disbelief: int = DISBELIEF) -> Spending:
    """Decide which budget pays for a verdict.

    Args:
        verdict: podtriage's verdict on the pod.
        budgets: the retries that are left.
        repeated: how many attempts in a row just before this one ended with the same rule.
        disbelief: after how many repetitions a SYSTEM verdict is charged to the user first.
    """
    if not verdict.phase.failing:
        if verdict.kind is None:
            return Spending(Action.NONE, None, "nothing has failed")
        return Spending(Action.HOLD, None, "the pod is still being retried, and waiting costs no retry")
    kind = verdict.kind or ErrorKind.SYSTEM
    if verdict.phase is Phase.PERMANENT_FAILURE:
        return Spending(Action.END, kind, "another attempt would fail in the same way")
    if kind is ErrorKind.USER:
        if budgets.user_left:
            return Spending(Action.USER, ErrorKind.USER, "the failure is the task's own")
        return Spending(Action.END, ErrorKind.USER, "the failure is the task's own, and no user retry is left")
    if budgets.system_left > budgets.system_reserve and repeated < disbelief:
        return Spending(Action.SYSTEM, ErrorKind.SYSTEM, "the failure is the platform's")
    if budgets.user_left:
        because = f"the system retries are down to the reserve of {budgets.system_reserve}"
        if repeated >= disbelief:
            because = f"it occurred {repeated + 1} times in a row"
        why = f"the failure is the platform's, but {because}: a user retry is spent so that the task goes on"
        return Spending(Action.USER, ErrorKind.USER, why)
    if budgets.system_left:
        return Spending(Action.SYSTEM, ErrorKind.SYSTEM, "the failure is the platform's, and only the reserve is left")
    return Spending(Action.END, ErrorKind.SYSTEM, "the failure is the platform's, and neither budget has a retry left")
