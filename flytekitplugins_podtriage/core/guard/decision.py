"""What to do about a pod of stock Flyte: nothing, end it shortly before the wrong budget is charged, or correct it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.forecast import forecast, in_back_off
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard import budgets
from flytekitplugins_podtriage.core.guard.owned_pod import controller
from flytekitplugins_podtriage.core.guard.pod_facts import (
    attempt_of_name,
    is_deleting,
    main_ran,
    names_cause_in_back_off,
    on_node_since,
    pull_failed,
    status_of,
    was_killed,
)
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.refusals import Refusal
from flytekitplugins_podtriage.core.guard.signature import REASONS
from flytekitplugins_podtriage.core.guard.values import Act, ActKind, TaskRecord
from flytekitplugins_podtriage.core.model import Category, Charge, ErrorKind, Phase, StrEnum, Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.core.triage import triage

VIEW_HOLDS: Final = 10.0
"""For how many seconds an act may rest on a pod having been read."""
_NEXT_BACK_OFF: Final = 5.0
"""Seconds for which a pod in ErrImagePull whose grace period is over is taken to be uncharged: half of the 10.5 s
after which the kubelet shows ImagePullBackOff at the earliest (timelines), as it may have been there for a while."""
_FAIL_FAST: Final = frozenset({Category.NOT_FOUND, Category.PLATFORM_MISMATCH})
"""Causes that a later pull hits as well. Missing configuration and invalid names are left to stock Flyte, which ends
them at once and for good."""
_OF_PLATFORM: Final = frozenset({"Evicted", "Preempting", "UnexpectedAdmissionError"})
"""Reasons with which a kubelet ends or refuses pods, and which stock Flyte charges to the user; and ``OutOf*``."""
_UNKNOWN: Final = Refusal("cause-unknown", "what keeps the pod from starting is not known", transient=True)
_NOT_CHARGED_SO: Final = Refusal("kind-not-possible", "the backend would read another kind out of what was written")


@attrs.frozen(kw_only=True)
class Decision:
    """What is decided about a pod. Without ``kind`` the guard does nothing."""

    kind: ActKind | None = None
    at: datetime | None = None
    """When the act may begin."""
    charge: Charge | None = None
    """What the stock backend charges otherwise."""
    verdict: Verdict | None = None
    """podtriage's own."""
    why: str = ""
    """Which budget pays, and why, in a sentence; empty until the budgets are known."""
    refusal: Refusal | None = None
    """Why the wrong budget is left to pay."""
    late: bool = False
    """Whether the stock backend charges it by now."""
    stale: bool = False
    """Whether the act is due, but the view of the pod does not reach far enough: it has to be read."""
    sure: bool = False
    """Whether a rescue may begin without another read."""

    def due(self, now: datetime) -> bool:
        """Whether the act is to begin."""
        return self.kind is not None and self.at is not None and now >= self.at


NOTHING: Final = Decision()


def decide(
    snapshot: PodSnapshot,
    freshness: Freshness,
    policy: GuardPolicy,
    now: datetime,
    *,
    task: TaskRecord | None = None,
    lead: float | None = None,
    kubelet: str = "",
) -> Decision:
    """Decide about a pod that the guard may act on (:mod:`~flytekitplugins_podtriage.core.guard.eligibility`).

    A pod that waits is ended just before stock Flyte charges the wrong budget for it: until then the kubelet keeps
    retrying, and a pull that recovers costs nothing. An act that is due rests on time that passed without news, so it
    is due only where it was due already as of the moment that the view reaches.

    A pod that has ended is rescued at once (1.16 only), as FlytePropeller reads it within one or two seconds: its
    status does not change any more, and its freshness plays no part. Where no record of the task is at hand the budget
    is judged by the number of the attempt in the pod's name: no more system retries can have been spent than attempts
    were made. Only where that leaves it open is the record read first, and the race perhaps lost.

    Args:
        snapshot: the pod.
        freshness: up to which moment the snapshot is known to be complete.
        policy: the guard's settings.
        now: the moment.
        task: what the backend records of the task; None: the budgets are not known yet, and what is planned may turn
            out not to be wanted.
        lead: how many seconds before the charge the act may begin; None: margin and clock skew.
        kubelet: the version of the pod's kubelet, if it is known.

    Raises:
        InvalidPod: the pod cannot be read.
        ValueError: ``now`` has no zone.
    """
    pod = snapshot.pod
    if snapshot.gone or is_deleting(pod):
        return NOTHING
    phase = status_of(pod).phase
    if phase == "Failed":
        return _rescue(snapshot, policy, now, task) if policy.rescue else NOTHING
    if phase != "Pending" or main_ran(pod, snapshot.memory):
        return NOTHING
    if lead is None:
        lead = policy.margin + policy.clock_skew
    bare = policy.backend == "flyte-2" and not names_cause_in_back_off(kubelet)
    decision = _waiting(snapshot, policy, now, task, lead, bare)
    as_of = freshness.reach(now)
    if as_of >= now or not decision.due(now):
        return decision
    if (now - as_of).total_seconds() <= VIEW_HOLDS:
        earlier = _waiting(snapshot, policy, as_of, task, lead, bare)
        if earlier.kind is decision.kind and earlier.due(as_of):
            return decision
    return attrs.evolve(decision, stale=True)


def _waiting(
    snapshot: PodSnapshot, policy: GuardPolicy, now: datetime, task: TaskRecord | None, lead: float, bare: bool
) -> Decision:
    """Decide about a pod whose main container has not run yet."""
    pod = snapshot.pod
    charge, when = stock_charge(pod, policy, now, bare=bare)
    if charge.at is None:
        return NOTHING
    if when is _When.BY_NOW:
        return Decision(charge=charge, late=True)
    verdict = triage(pod, events=snapshot.events, memory=snapshot.memory, policy=policy.own, now=now)
    if verdict.phase is Phase.SUCCESS or verdict.kind is None:
        return NOTHING
    wrongly = verdict.kind is ErrorKind.SYSTEM and charge.kind is ErrorKind.USER
    if verdict.category is None or verdict.category is Category.UNKNOWN:
        return Decision(charge=charge, verdict=verdict, refusal=_UNKNOWN if wrongly else None)
    at = now if when is _When.ANY_MOMENT else later(charge.at, -lead)
    if wrongly:
        kind, budget = ActKind.END_AS_SYSTEM, budgets.system_pays
    elif charge.kind is ErrorKind.SYSTEM and policy.backend == "flyte-2":
        kind, budget = ActKind.END_AS_USER, budgets.user_pays_past_cap
    elif policy.fail_fast and charge.kind is ErrorKind.USER and _cannot_start(pod, verdict):
        kind, budget = ActKind.END_AS_USER, budgets.user_pays
        at = later(on_node_since(pod) or now, policy.fail_fast_after)
        if at >= charge.at:
            return NOTHING
    else:
        return NOTHING
    return _decided(pod, kind, at, charge, verdict, policy, now, task, budget)


def _decided(
    pod: wire.Pod,
    kind: ActKind,
    at: datetime,
    charge: Charge,
    verdict: Verdict,
    policy: GuardPolicy,
    now: datetime,
    task: TaskRecord | None,
    budget: Callable[[TaskRecord, GuardPolicy], budgets.Payment],
) -> Decision:
    """Return the act, if the budgets allow it and the backend would read the right kind out of it."""
    payment = budget(task, policy) if task is not None else budgets.NOT_KNOWN
    if not payment.pays:
        return Decision(charge=charge, verdict=verdict, refusal=payment.refusal)
    decision = Decision(kind=kind, at=at, charge=charge, verdict=verdict, why=payment.why, sure=task is not None)
    if decision.due(now) and _charged_as(pod, REASONS[kind], "", policy, now).kind is not kind.kind:
        return Decision(charge=charge, verdict=verdict, refusal=_NOT_CHARGED_SO)
    return decision


class _When(StrEnum):
    """When the stock backend charges a waiting pod."""

    LATER = "later"
    ANY_MOMENT = "any-moment"
    """With the next back-off of a pod whose grace period is over."""
    BY_NOW = "by-now"


def stock_charge(pod: wire.Pod, policy: GuardPolicy, now: datetime, *, bare: bool = False) -> tuple[Charge, _When]:
    """Return what the stock backend will charge for a waiting pod, and when that is.

    While a container shows ErrImagePull nothing is charged, but the next back-off may begin at any moment: then the
    charge is due when the grace period ends, or shortly if it has ended.

    Args:
        pod: the pod.
        policy: the guard's settings.
        now: the moment.
        bare: whether the pod's kubelet is, or may be, one that leaves the cause out of the message of a back-off: then
            Flyte 2 does not find the rate limit in it, and charges the user.
    """
    backing_off = in_back_off(pod, bare=bare)
    charge = forecast(backing_off or pod, backend=policy.backend, now=now, policy=policy.stock)
    if charge.at is None or charge.at > now:
        return charge, _When.LATER
    if backing_off is None or forecast(pod, backend=policy.backend, now=now, policy=policy.stock).at == now:
        return charge, _When.BY_NOW
    return attrs.evolve(charge, at=later(now, _NEXT_BACK_OFF)), _When.ANY_MOMENT


def _cannot_start(pod: wire.Pod, verdict: Verdict) -> bool:
    """Whether the image can never be pulled, so that waiting for the end of the grace period is of no use."""
    return verdict.kind is ErrorKind.USER and verdict.category in _FAIL_FAST and pull_failed(pod, verdict.container)


def charged_after(pod: wire.Pod, act: Act, policy: GuardPolicy, now: datetime) -> Verdict:
    """Return what the stock backend reads out of the pod once an act's reason and message stand in its status."""
    return _charged_as(pod, act.reason, act.message, policy, now)


def _charged_as(pod: wire.Pod, reason: str, message: str, policy: GuardPolicy, now: datetime) -> Verdict:
    status = wire.evolve(status_of(pod), phase="Failed", reason=reason, message=message)
    return triage(wire.evolve(pod, status=status), policy=policy.stock, now=now)


def _rescue(snapshot: PodSnapshot, policy: GuardPolicy, now: datetime, task: TaskRecord | None) -> Decision:
    """Decide about a pod that has ended."""
    pod = snapshot.pod
    reason = status_of(pod).reason or ""
    of_platform = reason in _OF_PLATFORM or reason.startswith("OutOf")
    if reason and not of_platform:
        return NOTHING
    stock = triage(pod, policy=policy.stock, now=now)
    if not stock.failing or stock.kind is (ErrorKind.SYSTEM if of_platform else ErrorKind.USER):
        return NOTHING
    verdict = triage(pod, events=snapshot.events, memory=snapshot.memory, policy=policy.own, now=now)
    charge = Charge(policy.backend, now, stock.kind, stock.code, stock.message, rule=stock.rule)
    known = verdict.failing and verdict.category is not None and verdict.category is not Category.UNKNOWN
    if of_platform and known and verdict.kind is ErrorKind.SYSTEM:
        decision = _decided(pod, ActKind.RESCUE_AS_SYSTEM, now, charge, verdict, policy, now, task, budgets.system_pays)
        if decision.kind is None or task is not None:
            return decision
        return attrs.evolve(decision, sure=budgets.surely_left(_attempt(pod), policy))
    if not of_platform and verdict.category is Category.APP_ERROR and not was_killed(pod):
        decision = _decided(pod, ActKind.RESCUE_AS_USER, now, charge, verdict, policy, now, task, budgets.user_pays)
        return attrs.evolve(decision, sure=decision.kind is not None and not policy.limits.ignore_retry_cause)
    return NOTHING


def _attempt(pod: wire.Pod) -> int | None:
    metadata, owner = pod.metadata, controller(pod)
    if metadata is None or owner is None:
        return None
    return attempt_of_name(metadata.name or "", owner.name or "")
