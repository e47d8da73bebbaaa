"""Who pays, backend by backend: the core's forecasts, put through each backend's own accounting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits, Outcome, flyte_1_16, flyte_2
from flytekitplugins_podtriage.core.demystify import INTERRUPTED
from flytekitplugins_podtriage.core.forecast import forecast
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.decision import decide
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.values import ActKind, TaskRecord
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Category, Charge, ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.spending import Action, Budgets, spend
from flytekitplugins_podtriage.core.triage import triage

BACKEND_LABELS = {"flyte-1.16": "Flyte 1.16", "flyte-2": "Flyte 2", "podtriage": "with podtriage"}
"""The backends that are compared, in the order in which they are shown."""

GUARD_LABEL = "with the guard"
"""Stock Flyte 1.16 with podtriage's guard; shown where it would act."""

_FORECAST_LIMIT = timedelta(days=3650)
"""A charge further off never happens: such a timestamp is a mistake or stands for "none"."""
_NOBODY = "nobody"
_HELD = "the pod is held; waiting costs no retry"


@attrs.frozen
class BackendCharge:
    """Who pays on one backend if nothing changes."""

    backend: str
    """The backend's name for a person."""
    charge: Charge
    charged_to: str
    """Whose retries, and what is left of them: ``user retries, 0 left``, ``system retries, 1 of 3``, ``nobody``."""
    consequence: str
    task_ends: bool = False
    wrong: bool = False
    """Whether user retries pay for a SYSTEM failure, or system retries for a USER failure."""

    @property
    def is_charged(self) -> bool:
        """Whether anybody is charged."""
        return self.charge.kind is not None


@attrs.frozen
class AttemptState:
    """A task attempt at one moment: its pod, and what is known of its retries."""

    pod: wire.Pod
    events: Sequence[wire.Event]
    memory: Memory | None
    verdict: Verdict
    """Podtriage's own."""
    now: datetime
    limits: Limits
    attempts_before: int
    """How many attempts failed before this one."""

    def counters(self, kind: ErrorKind | None) -> Counters:
        """Return the backend's counters, assuming that the earlier attempts failed as this one is going to."""
        return Counters(self.attempts_before, self.attempts_before if kind is ErrorKind.SYSTEM else 0)


def charges_by_backend(state: AttemptState, policies: Mapping[str, Policy]) -> tuple[BackendCharge, ...]:
    """Return who pays on each backend if nothing changes."""
    charges = []
    for backend, label in BACKEND_LABELS.items():
        policy = policies[backend]
        charge = forecast(
            state.pod, backend=backend, now=state.now, events=state.events, memory=state.memory, policy=policy
        )
        if charge.at is not None and charge.at - state.now > _FORECAST_LIMIT:
            note = "not within ten years: a timestamp of the pod is far in the future"
            charge = attrs.evolve(charge, at=None, kind=None, note=note)
        if backend == "podtriage":
            charges.append(_podtriage_charge(label, charge, state, policy))
        else:
            charges.append(_stock_charge(label, charge, state))
    guarded = _guard_charge(state, policies)
    return (*charges, guarded) if guarded is not None else tuple(charges)


def _guard_charge(state: AttemptState, policies: Mapping[str, Policy]) -> BackendCharge | None:
    """Return when podtriage's guard ends the attempt on Flyte 1.16; None if it leaves that to stock Flyte."""
    counters = state.counters(ErrorKind.SYSTEM)
    settings = GuardPolicy(stock=policies["flyte-1.16"], own=policies["podtriage"], limits=state.limits)
    task = TaskRecord(execution="", uid="", attempt=state.attempts_before, counters=counters, limits=state.limits)
    snapshot = PodSnapshot(state.pod, tuple(state.events), state.memory)
    decision = decide(snapshot, Freshness.current(state.now), settings, state.now, task=task)
    if decision.kind is not ActKind.END_AS_SYSTEM or decision.at is None:
        return None
    if decision.at - state.now > _FORECAST_LIMIT:
        return None
    charge = Charge("guard", max(decision.at, state.now), decision.kind.kind, INTERRUPTED, rule=state.verdict.rule)
    charged_to = _system_retries(counters, state.limits)
    return BackendCharge(GUARD_LABEL, charge, charged_to, "a new attempt, with this explanation")


def _stock_charge(label: str, charge: Charge, state: AttemptState) -> BackendCharge:
    if charge.at is None or charge.kind is None:
        return BackendCharge(label, charge, _NOBODY, charge.note or "nothing is charged")
    counters = state.counters(charge.kind)
    failure = Failure(charge.kind, charge.code or "", charge.message or "", recoverable=not charge.permanent)
    account = flyte_1_16 if charge.backend == "flyte-1.16" else flyte_2
    outcome = account(counters, failure, state.limits)
    return BackendCharge(
        backend=label,
        charge=charge,
        charged_to=_charged_to(charge, counters, outcome, state.limits),
        consequence=_consequence(charge, outcome),
        task_ends=not outcome.retried,
        wrong=_is_wrong(charge.kind, state.verdict),
    )


def _charged_to(charge: Charge, counters: Counters, outcome: Outcome, limits: Limits) -> str:
    if charge.kind is ErrorKind.USER:
        return _user_retries(counters, limits)
    if charge.permanent or (charge.backend == "flyte-2" and outcome.retried):
        return "system retries"
    return _system_retries(counters, limits) if outcome.retried else "system retries, 0 left"


def _user_retries(counters: Counters, limits: Limits) -> str:
    return f"user retries, {Budgets.left(counters, limits).user_left} left"


def _system_retries(counters: Counters, limits: Limits) -> str:
    return f"system retries, {counters.system_failures + 1} of {limits.max_system_failures}"


def _consequence(charge: Charge, outcome: Outcome) -> str:
    if charge.permanent:
        return "the task fails at once: this failure is not retried"
    if not outcome.retried:
        return "the task fails: no retries left"
    if charge.backend == "flyte-2" and charge.kind is ErrorKind.SYSTEM:
        return "retried without limit: each new pod resets the counter"
    return f"retried at once as attempt {outcome.counters.attempts + 1}"


def _podtriage_charge(label: str, charge: Charge, state: AttemptState, policy: Policy) -> BackendCharge:
    """Podtriage holds the pod as long as that helps, and then chooses whose retries pay."""
    if charge.at is None or charge.kind is None:
        is_held = state.verdict.kind is not None and not state.verdict.failing
        return BackendCharge(label, charge, _NOBODY, _HELD if is_held else charge.note or "nothing is charged")
    at = max(charge.at, state.now)
    verdict = triage(state.pod, events=state.events, memory=state.memory, policy=policy, now=at)
    counters = state.counters(charge.kind)
    spending = spend(verdict, Budgets.left(counters, state.limits))
    held = at > state.now
    if spending.action is Action.SYSTEM:
        charged_to = _system_retries(counters, state.limits)
        consequence = "a new attempt" if held else "a new attempt, with this explanation"
    elif spending.action is Action.USER:
        charged_to = _user_retries(counters, state.limits)
        consequence = f"a new attempt: {spending.why}" if verdict.kind is ErrorKind.SYSTEM else "a new attempt"
    elif spending.action is Action.END:
        exhausted = spending.kind is ErrorKind.SYSTEM
        charged_to = "system retries, 0 left" if exhausted else _user_retries(counters, state.limits)
        consequence = f"the task fails: {spending.why}"
    else:
        return BackendCharge(label, charge, _NOBODY, _HELD)
    if held:
        consequence = f"held until then while the kubelet keeps retrying; then {consequence}"
    return BackendCharge(label, charge, charged_to, consequence, task_ends=spending.action is Action.END)


def _is_wrong(charged: ErrorKind, verdict: Verdict) -> bool:
    """Whether the wrong retries pay. A success should cost nobody; an unknown cause leaves it open."""
    if verdict.phase is Phase.SUCCESS:
        return True
    if verdict.kind is None or verdict.category is None or verdict.category is Category.UNKNOWN:
        return False
    return charged is not verdict.kind
