"""The backends of a local run: stock Flyte, podtriage's connector, and stock Flyte with podtriage's guard.

A backend decides from a pod whether the attempt has ended, or when to check again. Verdicts, retry budgets and
accounting are the core's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import attrs

from flytekitplugins_podtriage.core.absent_pods import pod_not_created, triage_snapshot
from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits, Outcome, flyte_1_16, flyte_2
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard import decision as guard_decision
from flytekitplugins_podtriage.core.guard.acts import act_of
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.values import TaskRecord
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodRejected, PodSnapshot, QuotaExceeded
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.spending import Budgets, spend
from flytekitplugins_podtriage.core.triage import triage


@attrs.frozen(slots=True)
class RetryState:
    """The state of a task's retries before an attempt ends."""

    counters: Counters
    limits: Limits
    rule: str = ""
    """The rule by which the previous attempt failed."""
    times: int = 0
    """How many consecutive attempts have failed by it."""

    def repeated(self, rule: str) -> int:
        """Return how many consecutive attempts up to the previous one have failed by a rule."""
        return self.times if rule == self.rule else 0


@attrs.frozen(slots=True)
class Ended:
    """The attempt has ended."""

    failure: Failure | None
    """None: it has succeeded."""
    why: str = ""
    """Why a budget is charged, in a sentence."""
    verdict: Verdict | None = None
    """Podtriage's, if the backend uses it."""


@attrs.frozen(slots=True)
class Ongoing:
    """The attempt continues."""

    until: datetime | None
    """When to decide again even if the pod does not change; None: never."""
    verdict: Verdict | None = None
    """Podtriage's, if the backend uses it."""
    unconfirmed: bool = False
    """Whether the end is due, and waits until the pod has been read."""


Decision = Ended | Ongoing


class Backend(Protocol):
    """A backend's decisions and its accounting."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def decide(self, snapshot: PodSnapshot, state: RetryState, now: datetime, freshness: Freshness) -> Decision:
        """Decide about an attempt from its pod, as far as the view of that reaches."""
        ...

    def decide_not_created(self, error: ClusterError, since: datetime, state: RetryState, now: datetime) -> Decision:
        """Decide about an attempt whose pod the cluster has not created, from the first request at ``since`` on."""
        ...

    def account(self, counters: Counters, failure: Failure, limits: Limits) -> Outcome:
        """Account for a failed attempt."""
        ...

    def pod_number(self, counters: Counters, attempts: int) -> int:
        """Return the number in the next pod's name, from 0."""
        ...


def _failure(verdict: Verdict, kind: ErrorKind | None = None) -> Failure:
    return Failure(
        kind or verdict.kind or ErrorKind.SYSTEM,
        verdict.code or "",
        verdict.message or "",
        recoverable=verdict.phase is not Phase.PERMANENT_FAILURE,
    )


def _gone_or_deleted(snapshot: PodSnapshot) -> bool:
    metadata = snapshot.pod.metadata
    return snapshot.gone or (metadata is not None and metadata.deletion_timestamp is not None)


_GONE: Final = Failure(ErrorKind.SYSTEM, "UnexpectedObjectDeletion", "resource not found: the pod is gone")
"""Stock Flyte's failure for a pod that disappears while it is running (nodes/task/k8s/plugin_manager.go)."""


@attrs.frozen(slots=True)
class StockFlyte:
    """Stock Flyte: decides what its Go code decides."""

    name: str
    policy: Policy
    accounting: Callable[[Counters, Failure, Limits], Outcome]

    def decide(self, snapshot: PodSnapshot, state: RetryState, now: datetime, freshness: Freshness) -> Decision:
        """Decide as the Go code does, which takes its cache for the present."""
        verdict = triage(snapshot.pod, policy=self.policy, now=now)
        if verdict.phase is Phase.SUCCESS:
            return Ended(None)
        if verdict.phase.failing:
            return Ended(_failure(verdict))
        return Ended(_GONE) if _gone_or_deleted(snapshot) else Ongoing(verdict.recheck_at)

    def decide_not_created(self, error: ClusterError, since: datetime, state: RetryState, now: datetime) -> Decision:
        """Decide as the Go code does (``launchResource`` of 1.16's and Flyte 2's k8s/plugin_manager.go)."""
        message = str(error)
        if error.permanent and isinstance(error, PodRejected):
            return Ended(Failure(ErrorKind.USER, "PodRejected", message, recoverable=False))
        if isinstance(error, QuotaExceeded):
            # 1.16 waits for the quota; Flyte 2 charges the user at each attempt.
            return (
                Ongoing(None) if self.name != "flyte-2" else Ended(Failure(ErrorKind.USER, "RuntimeFailure", message))
            )
        if self.name == "flyte-2":
            return Ended(Failure(ErrorKind.SYSTEM, "PodNotCreated", message))
        return Ended(Failure(ErrorKind.USER, "RuntimeFailure", message))

    def account(self, counters: Counters, failure: Failure, limits: Limits) -> Outcome:
        """Account for a failed attempt."""
        return self.accounting(counters, failure, limits)

    def pod_number(self, counters: Counters, attempts: int) -> int:
        """Return the number in the next pod's name: after a SYSTEM failure Flyte 2 uses the same name again."""
        return counters.attempts if self.name == "flyte-2" else attempts


class _On116:
    """What runs on Flyte 1.16, whose accounting it gets."""

    __slots__ = ()

    def account(self, counters: Counters, failure: Failure, limits: Limits) -> Outcome:
        """Account for a failed attempt as flytepropeller 1.16 does."""
        return flyte_1_16(counters, failure, limits)

    def pod_number(self, counters: Counters, attempts: int) -> int:
        """Return the number in the next pod's name."""
        return attempts


@attrs.frozen(slots=True)
class Connector(_On116):
    """Podtriage's connector on stock Flyte 1.16."""

    policy: Policy = attrs.field(factory=Policy)
    system_reserve: int = 1
    name: str = "connector"

    def decide(self, snapshot: PodSnapshot, state: RetryState, now: datetime, freshness: Freshness) -> Decision:
        """Decide by the cause of a failure, and choose the budget."""
        decision = triage_snapshot(snapshot, self.policy, now, freshness)
        if decision.unconfirmed is not None:
            return Ongoing(None, decision.verdict, unconfirmed=True)
        return self._spend(decision.verdict, state)

    def decide_not_created(self, error: ClusterError, since: datetime, state: RetryState, now: datetime) -> Decision:
        """Hold the attempt within the policy's patience, then choose the budget."""
        freshness = Freshness.current(now)  # the error is the answer to a request of this moment
        return self._spend(pod_not_created(error, since=since, policy=self.policy, now=now, freshness=freshness), state)

    def _spend(self, verdict: Verdict, state: RetryState) -> Decision:
        if verdict.phase is Phase.SUCCESS:
            return Ended(None, verdict=verdict)
        if not verdict.phase.failing:  # held, or nothing is wrong
            return Ongoing(verdict.recheck_at, verdict)
        spending = spend(verdict, _budgets(state, self.system_reserve), repeated=state.repeated(verdict.rule))
        return Ended(_failure(verdict, spending.kind), spending.why, verdict)


@attrs.frozen(slots=True)
class Guard(_On116):
    """Stock Flyte 1.16 with podtriage's guard, which decides here as it does in a cluster."""

    policy: Policy = attrs.field(factory=Policy)
    system_reserve: int = 1
    stock: StockFlyte = attrs.field(
        factory=lambda: StockFlyte("flyte-1.16", Policy.for_backend("flyte-1.16"), flyte_1_16)
    )
    name: str = "guard"
    settings: GuardPolicy = attrs.field(
        init=False,
        default=attrs.Factory(
            lambda self: GuardPolicy(stock=self.stock.policy, own=self.policy, system_reserve=self.system_reserve),
            takes_self=True,
        ),
    )

    def decide(self, snapshot: PodSnapshot, state: RetryState, now: datetime, freshness: Freshness) -> Decision:
        """Decide as stock Flyte does, unless the guard acts before it."""
        task = TaskRecord(
            execution="", uid="", attempt=state.counters.attempts, counters=state.counters, limits=state.limits
        )
        guarded = guard_decision.decide(snapshot, freshness, self.settings, now, task=task)
        verdict = triage_snapshot(snapshot, self.policy, now, freshness).verdict
        if guarded.stale:
            return Ongoing(None, verdict, unconfirmed=True)
        if guarded.kind is not None and guarded.at is not None and now < guarded.at:
            return Ongoing(guarded.at, verdict)
        if guarded.kind is not None:
            act = act_of(guarded, snapshot.pod, task, self.settings.backend)
            return Ended(
                _failure(guard_decision.charged_after(snapshot.pod, act, self.settings, now)), act.why, verdict
            )
        stock = self.stock.decide(snapshot, state, now, freshness)
        return Ended(stock.failure, stock.why, verdict) if isinstance(stock, Ended) else Ongoing(stock.until, verdict)

    def decide_not_created(self, error: ClusterError, since: datetime, state: RetryState, now: datetime) -> Decision:
        """Decide as stock Flyte does: without a pod there is nothing to guard."""
        return self.stock.decide_not_created(error, since, state, now)


def _budgets(state: RetryState, reserve: int) -> Budgets:
    return Budgets.left(state.counters, state.limits, system_reserve=reserve)


def backend(name: str, policy: Policy, system_reserve: int = 1) -> Backend:
    """Return a backend by its name; the connector and the guard use this policy and reserve.

    Raises:
        ValueError: there is no such backend.
    """
    if name == "connector":
        return Connector(policy, system_reserve)
    if name == "guard":
        return Guard(policy, system_reserve)
    if name == "flyte-1.16":
        return StockFlyte(name, Policy.for_backend(name), flyte_1_16)
    if name == "flyte-2":
        return StockFlyte(name, Policy.for_backend(name), flyte_2)
    raise ValueError(f"no backend {name!r}; allowed: {', '.join(BACKENDS)}")


BACKENDS: Final = ("flyte-1.16", "flyte-2", "connector", "guard")
