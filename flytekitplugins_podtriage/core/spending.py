"""Which budget should pay: the true kind and the wise budget are two questions.

The system budget is small, and once it is spent the next SYSTEM failure ends the node, however many retries the user
has left. So a failure of the platform's is charged to the platform while more than a reserve is left there, then to
the user while there is any, and only then to the reserve.

Law: while user retries remain, the system budget is never left at zero; and no retryable failure of the platform's
ends a task while either budget could still pay. A failure of the user's own never spends the platform's budget.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs

from flytekitplugins_podtriage.core.accounting import Counters, Limits
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict


class Action(str, enum.Enum):
    """What to do about an attempt."""

    NONE = "none"
    """Nothing is wrong."""
    HOLD = "hold"
    """Something is wrong, but the kubelet or scheduler is still at it, and waiting costs no retry."""
    SYSTEM = "system"
    """End the attempt; the platform's budget pays, and there is another attempt."""
    USER = "user"
    """End the attempt; the user's budget pays, and there is another attempt."""
    END = "end"
    """End the attempt; there is no other."""

    def __str__(self) -> str:
        return self.value


@attrs.frozen(slots=True)
class Budgets:
    """What is left of both budgets: how many failures each can still turn into another attempt."""

    user_left: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    system_left: int = attrs.field(default=3, validator=attrs.validators.ge(0))
    system_reserve: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    """How much of the system budget is kept back while the user's could pay; at least 1."""

    @classmethod
    def left(cls, counters: Counters, limits: Limits, *, system_reserve: int = 1) -> Budgets:
        """Return what Flyte 1.16 has left for a task with these counters (``isEligibleForRetry``).

        With ``ignore-retry-cause`` there is one budget for both kinds, and it is the user's.
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
    """The answer: what to do, and who is charged for it."""

    action: Action
    kind: ErrorKind | None
    """What the backend should be told; None where nothing is charged."""
    why: str
    """In a sentence, for the message that the user reads."""

    @property
    def retried(self) -> bool:
        """Whether another attempt follows."""
        return self.action is Action.SYSTEM or self.action is Action.USER


DISBELIEF = 3
"""How many times running the same SYSTEM verdict is believed (flyteorg/flyte#4880, #7874 show the harm)."""


def repeated(rules: Sequence[str], rule: str) -> int:
    """Return how many of the last attempts, one after the other, failed by this rule.

    Args:
        rules: the rules by which the earlier attempts failed, oldest first.
        rule: the one in question.
    """
    count = 0
    for before in reversed(rules):
        if before != rule:
            break
        count += 1
    return count


def spend(verdict: Verdict, budgets: Budgets, *, repeated: int = 0, disbelief: int = DISBELIEF) -> Spending:
    """Decide which budget pays for a verdict.

    Args:
        verdict: what was made of the pod.
        budgets: what is left.
        repeated: how many of the attempts just before this one ended with the same rule, one after the other.
        disbelief: from how many repetitions on a SYSTEM verdict is charged to the user first.
    """
    if not verdict.phase.failing:
        if verdict.kind is None:
            return Spending(Action.NONE, None, "nothing has failed")
        return Spending(Action.HOLD, None, "the pod is still being tried, and waiting costs no retry")
    kind = verdict.kind or ErrorKind.SYSTEM
    if verdict.phase is Phase.PERMANENT_FAILURE:
        return Spending(Action.END, kind, "another attempt would fail in the same way")
    if kind is ErrorKind.USER:
        if budgets.user_left:
            return Spending(Action.USER, ErrorKind.USER, "the failure is the task's own")
        return Spending(Action.END, ErrorKind.USER, "the failure is the task's own, and no retry of its is left")
    if budgets.system_left > budgets.system_reserve and repeated < disbelief:
        return Spending(Action.SYSTEM, ErrorKind.SYSTEM, "the failure is the platform's")
    if budgets.user_left:
        because = (
            f"it came {repeated + 1} times running"
            if repeated >= disbelief
            else f"its budget is down to the reserve of {budgets.system_reserve}"
        )
        return Spending(
            Action.USER,
            ErrorKind.USER,
            f"the failure is the platform's, but {because}: a user retry is spent so that the task lives on",
        )
    if budgets.system_left:
        return Spending(
            Action.SYSTEM, ErrorKind.SYSTEM, "the failure is the platform's, and its reserve is all there is"
        )
    return Spending(Action.END, ErrorKind.SYSTEM, "the failure is the platform's, and neither budget has a retry left")
