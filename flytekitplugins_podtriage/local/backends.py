"""How each backend decides about an attempt: stock Flyte, the connector, and stock Flyte under podtriage's guard.

A backend answers with an :class:`End` or a :class:`Wait`. Verdicts, budgets and accounting are the core's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import attrs
import msgspec

from flytekitplugins_podtriage.core.absent_pods import pod_not_created, triage_snapshot
from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits, Outcome, flyte_1_16, flyte_2
from flytekitplugins_podtriage.core.forecast import forecast
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodRejected, PodSnapshot, QuotaExceeded
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.spending import Action, Budgets, spend
from flytekitplugins_podtriage.core.triage import triage

MARGIN: Final = timedelta(seconds=5)
"""How long before stock Flyte's charge the guard acts."""


@attrs.frozen(slots=True)
class State:
    """The state of a task before an attempt ends."""

    counters: Counters
    limits: Limits
    rule: str = ""
    """The rule by which the attempt before this one failed."""
    times: int = 0
    """How many attempts in a row failed by it."""

    def repeated(self, rule: str) -> int:
        """Return how many attempts in a row, up to the last one, failed by a rule."""
        return self.times if rule == self.rule else 0


class End(msgspec.Struct, frozen=True):
    """An attempt is over."""

    failure: Failure | None
    """None: it has succeeded."""
    why: str = ""
    verdict: Verdict | None = None
    """Podtriage's own, if there is one already."""


class Wait(msgspec.Struct, frozen=True):
    """An attempt goes on."""

    until: datetime | None
    """When time alone may change the decision; None: only a change of the pod can."""
    verdict: Verdict | None = None
    """Podtriage's own, if there is one already."""


class Backend(Protocol):
    """A backend's decisions and its accounting."""

    @property
    def name(self) -> str:
        """Its name, one of :data:`BACKENDS`."""
        ...

    def decide(self, snapshot: PodSnapshot, state: State, now: datetime) -> End | Wait:
        """Decide about an attempt by its pod at one moment."""
        ...

    def decide_not_created(self, error: ClusterError, since: datetime, state: State, now: datetime) -> End | Wait:
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


def _vanished(snapshot: PodSnapshot) -> bool:
    deleted = snapshot.pod.metadata is not None and snapshot.pod.metadata.deletion_timestamp is not None
    return snapshot.gone or deleted


_GONE: Final = Failure(ErrorKind.SYSTEM, "UnexpectedObjectDeletion", "resource not found: the pod is gone")
"""Stock Flyte's failure for a pod that disappears (nodes/task/k8s/plugin_manager.go)."""


@attrs.frozen(slots=True)
class Stock:
    """Stock Flyte, as its own code decides."""

    name: str
    policy: Policy
    accounting: Callable[[Counters, Failure, Limits], Outcome]

    def decide(self, snapshot: PodSnapshot, state: State, now: datetime) -> End | Wait:
        """Decide as the Go code does."""
        verdict = triage(snapshot.pod, policy=self.policy, now=now)
        if verdict.phase is Phase.SUCCESS:
            return End(None)
        if verdict.phase.failing:
            return End(_failure(verdict))
        return End(_GONE) if _vanished(snapshot) else Wait(verdict.recheck_at)

    def decide_not_created(self, error: ClusterError, since: datetime, state: State, now: datetime) -> End | Wait:
        """Decide as the Go code does (``launchResource`` of 1.16's and Flyte 2's k8s/plugin_manager.go)."""
        message = str(error)
        if error.permanent and isinstance(error, PodRejected):
            return End(Failure(ErrorKind.USER, "PodRejected", message, recoverable=False))
        if isinstance(error, QuotaExceeded):
            # 1.16 waits for the quota; Flyte 2 charges the user at each attempt.
            return Wait(None) if self.name != "flyte-2" else End(Failure(ErrorKind.USER, "RuntimeFailure", message))
        if self.name == "flyte-2":
            return End(Failure(ErrorKind.SYSTEM, "PodNotCreated", message))
        return End(Failure(ErrorKind.USER, "RuntimeFailure", message))

    def account(self, counters: Counters, failure: Failure, limits: Limits) -> Outcome:
        """Account for a failed attempt."""
        return self.accounting(counters, failure, limits)

    def pod_number(self, counters: Counters, attempts: int) -> int:
        """Return the number in the next pod's name: Flyte 2 starts a system failure's pod anew under its old name."""
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

    def decide(self, snapshot: PodSnapshot, state: State, now: datetime) -> End | Wait:
        """Decide by the cause of a failure, and choose the budget."""
        return self._spend(triage_snapshot(snapshot, self.policy, now), state)

    def decide_not_created(self, error: ClusterError, since: datetime, state: State, now: datetime) -> End | Wait:
        """Hold the attempt within the policy's patience, then choose the budget."""
        return self._spend(pod_not_created(error, since=since, policy=self.policy, now=now), state)

    def _spend(self, verdict: Verdict, state: State) -> End | Wait:
        if verdict.phase is Phase.SUCCESS:
            return End(None, verdict=verdict)
        if not verdict.phase.failing:  # held, or nothing is wrong
            return Wait(verdict.recheck_at, verdict)
        spending = spend(verdict, _budgets(state, self.system_reserve), repeated=state.repeated(verdict.rule))
        return End(_failure(verdict, spending.kind), spending.why, verdict)


@attrs.frozen(slots=True)
class Guarded(_On116):
    """Stock Flyte 1.16 with podtriage's guard: it acts just before the user is charged for the platform's failure."""

    policy: Policy = attrs.field(factory=Policy)
    system_reserve: int = 1
    stock: Stock = attrs.field(factory=lambda: Stock("flyte-1.16", Policy.for_backend("flyte-1.16"), flyte_1_16))
    name: str = "guard"

    def decide(self, snapshot: PodSnapshot, state: State, now: datetime) -> End | Wait:
        """Decide as stock Flyte does, unless the guard acts before it."""
        verdict = triage_snapshot(snapshot, self.policy, now)
        if verdict.kind is ErrorKind.SYSTEM and not verdict.started and not _vanished(snapshot):
            ends = Verdict(Phase.RETRYABLE_FAILURE, verdict.kind, rule=verdict.rule)
            spending = spend(ends, _budgets(state, self.system_reserve), repeated=state.repeated(verdict.rule))
            charge = forecast(snapshot.pod, backend="flyte-1.16", policy=self.stock.policy, now=now)
            charged = charge.at is not None and charge.kind is ErrorKind.USER and not charge.permanent
            if charge.at is not None and charged and spending.action is Action.SYSTEM:
                act = charge.at - MARGIN
                if now < act:
                    return Wait(act, verdict)
                # What propeller makes of Failed / Terminated / message: SYSTEM, Interrupted (pod_helper.go).
                failure = Failure(ErrorKind.SYSTEM, "Interrupted", verdict.message or verdict.reason)
                return End(failure, spending.why, verdict)
        theirs = self.stock.decide(snapshot, state, now)
        return End(theirs.failure, theirs.why, verdict) if isinstance(theirs, End) else Wait(theirs.until, verdict)

    def decide_not_created(self, error: ClusterError, since: datetime, state: State, now: datetime) -> End | Wait:
        """Decide as stock Flyte does: without a pod there is nothing to guard."""
        return self.stock.decide_not_created(error, since, state, now)


def _budgets(state: State, reserve: int) -> Budgets:
    return Budgets.left(state.counters, state.limits, system_reserve=reserve)


def backend(name: str, policy: Policy, system_reserve: int = 1) -> Backend:
    """Return a backend by its name; the policy and the reserve are podtriage's own.

    Raises:
        ValueError: there is none of that name.
    """
    if name == "connector":
        return Connector(policy, system_reserve)
    if name == "guard":
        return Guarded(policy, system_reserve)
    if name == "flyte-1.16":
        return Stock(name, Policy.for_backend(name), flyte_1_16)
    if name == "flyte-2":
        return Stock(name, Policy.for_backend(name), flyte_2)
    raise ValueError(f"no backend {name!r}; allowed: {', '.join(BACKENDS)}")


BACKENDS: Final = ("flyte-1.16", "flyte-2", "connector", "guard")
