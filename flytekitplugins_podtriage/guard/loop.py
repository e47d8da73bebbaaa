"""The loop around the guard's decisions: changes of pods in, plans carried out.

A state is kept of each pod of which anything is planned, and of no other: a change of a pod that runs is dismissed in
the thread of the watch. What is planned waits in an agenda; reads and writes go through a dispatcher, a few at a time:
deletions that are due, then other writes, then reads, and among them whoever is charged soonest. Everything but the
watch and the requests runs in one event loop, so that the events of a pod come one after the other.

Nothing is kept anywhere else. After a restart the pods are listed, and the decisions recognise what is unfinished; the
acts of the last hour are counted from the Events that they left.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Protocol

import attrs

from flytekitplugins_podtriage.core.guard.policy import GuardPolicy, Mode
from flytekitplugins_podtriage.core.guard.values import (
    NOT_LEADER,
    OPTED_OUT,
    Act,
    Admission,
    Due,
    Gone,
    GuardEvent,
    Observed,
    Outcome,
    Plan,
    Propose,
    Read,
    ReadFailed,
    Report,
    Step,
    WakeAt,
    Write,
    WriteFailed,
)
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodSnapshot
from flytekitplugins_podtriage.guard.admission import Admissions
from flytekitplugins_podtriage.guard.agenda import Agenda, Key
from flytekitplugins_podtriage.guard.changes import Changes
from flytekitplugins_podtriage.guard.decisions import Decisions, Observer
from flytekitplugins_podtriage.guard.dispatcher import Dispatcher
from flytekitplugins_podtriage.guard.facts import FactReader, GuardedCluster
from flytekitplugins_podtriage.guard.pace import Pace
from flytekitplugins_podtriage.guard.writer import Writer

_log = logging.getLogger("flytekitplugins_podtriage")
_FINE: Final = frozenset({"Running", "Succeeded"})
_CHUNK: Final = 100
"""How many changes are decided on before other things get their turn."""
_TICK: Final = 0.25
"""Seconds after which it is checked again how many acts must begin by now."""
_MAX_WARNINGS: Final = 100
"""How many different warnings are logged, and how many requests may wait before would-acts leave no Event."""
_DELETIONS, _WRITES, _READS, _REPORTS = range(4)
"""The order of requests: a pod that was patched must be deleted before its kubelet puts its own status back."""


class WatchedCluster(GuardedCluster, Protocol):
    """A cluster whose pods are watched."""

    def list_cached(self) -> Sequence[PodSnapshot]:
        """Return all pods that exist."""
        ...


@attrs.define
class _Pod:
    """What is kept of a pod."""

    state: Any
    charge_at: float = 0.0
    """When it is charged, in seconds since 1970; 0: at once, or that is not known."""
    lead: float | None = None
    """How many seconds before its charge its act may begin, where many are due; None: the margin."""
    requests: int = 0
    """How many requests for it are under way or wait, an act that waits for admission too."""
    acting: bool = False
    """Whether an act was begun that is not complete."""


class GuardLoop:
    """Guards the pods of one cluster.

    Args:
        decisions: what is to be done.
        facts: reads what they rest on.
        admissions: whether an act may begin.
        writer: carries out their steps.
        policy: the settings; :meth:`set_policy` changes them.
        observer: who is informed.
        concurrency: how many requests are made at a time.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        cluster: WatchedCluster,
        decisions: Decisions,
        facts: FactReader,
        admissions: Admissions,
        writer: Writer,
        policy: GuardPolicy,
        observer: Observer,
        *,
        concurrency: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._decisions = decisions
        self._facts = facts
        self._admissions = admissions
        self._writer = writer
        self._policy = policy
        self._observer = observer
        self._clock = clock
        self._pods: dict[Key, _Pod] = {}
        self._agenda = Agenda()
        self._dispatcher = Dispatcher(concurrency)
        self._pace = Pace(concurrency)
        self._changes = Changes()
        self._pending: deque[Key] = deque()
        self._logged: set[str] = set()
        self._closing = self._closed = False
        self._complete = asyncio.Event()
        """Set when no act is under way any more, and none will begin."""
        self.turned_at: float | None = None
        """When the loop last turned, by ``clock``: it does so several times a second."""

    # From any thread

    def changed(self, key: Key) -> None:
        """Note a change of a pod: it is what ``KubeCluster`` calls. One that runs is dismissed here."""
        if key not in self._pods:
            snapshot = self._cluster.get_cached(*key)
            if snapshot is None or not _concerns(snapshot):
                return
        self._changes.add(key)

    def leads_changed(self, leads: bool) -> None:
        """Note that this replica begins or ends to lead: it is what ``LeaderLease`` calls."""
        self._admissions.forget()

    def set_policy(self, policy: GuardPolicy) -> None:
        """Change the settings: no write begins under the old ones any more, but for deletions that are due."""
        self._policy = policy
        self._changes.call(self._review)

    # What it is like

    @property
    def policy(self) -> GuardPolicy:
        """The settings."""
        return self._policy

    @property
    def planned(self) -> int:
        """On how many pods an act is planned."""
        return self._agenda.charges

    @property
    def kept(self) -> int:
        """Of how many pods a state is kept."""
        return len(self._pods)

    @property
    def enforcing(self) -> bool:
        """Whether acts may be made in some namespace."""
        return Mode.ENFORCE in (self._policy.mode, *self._policy.namespace_modes.values())

    # The loop

    async def run(self) -> None:
        """Guard until :meth:`close`. The cluster has been started, and its pods were listed."""
        self._changes.open()
        self._review()
        while not self._closed:
            self.turned_at = self._clock()
            self._pending.extend(self._changes.take())
            for _ in range(min(_CHUNK, len(self._pending))):
                self._observe(self._pending.popleft())
            self._wake_due()
            if self._pending:
                await asyncio.sleep(0)
                continue
            next_at = self._agenda.next_at()
            left = _TICK if next_at is None else (next_at - self._cluster.now()).total_seconds()
            await self._changes.wait(min(_TICK, max(0.0, left)))

    async def close(self, timeout: float = 10.0) -> None:
        """Begin no act any more, complete those that were begun, and end :meth:`run`.

        Afterwards no write is under way, so that the lease may be released.
        """
        self._closing = True
        self._check_complete()
        if self.turned_at is not None:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._complete.wait(), timeout)
        self._closed = True
        await self._dispatcher.close(timeout)
        self._changes.close()

    def _review(self) -> None:
        """Decide anew about every pod: at the start, and when the settings have changed."""
        for snapshot in self._cluster.list_cached():
            metadata = snapshot.pod.metadata
            if metadata is not None and _concerns(snapshot):
                self._pending.append((metadata.namespace or "", metadata.name or ""))

    def _observe(self, key: Key) -> None:
        snapshot = self._cluster.get_cached(*key)
        if snapshot is None:
            if key in self._pods:
                self._handle(key, Gone())
            return
        status, task = snapshot.pod.status, None
        if self._policy.rescue and status is not None and status.phase == "Failed":
            task = self._facts.cached_record(snapshot.pod, self._policy.limits)
        self._handle(key, Observed(snapshot, task))
        if snapshot.at is not None:
            self._observer.decided(max(0.0, (self._cluster.now() - snapshot.at).total_seconds()))

    def _wake_due(self) -> None:
        policy, now = self._policy, self._cluster.now()

        def count_due(charges: Sequence[datetime], rate: float, at: datetime) -> int:
            return self._decisions.count_due(charges, policy, rate, at)

        for each in self._agenda.due(count_due, self._pace.rate, now):
            if each.charge_at is not None and each.key in self._pods:
                self._pods[each.key].lead = max(self._margin, (each.charge_at - now).total_seconds())
            snapshot = self._cluster.get_cached(*each.key)
            self._handle(each.key, Gone() if snapshot is None else Due(snapshot))

    @property
    def _margin(self) -> float:
        return self._policy.margin + self._policy.clock_skew

    # Events and plans

    def _handle(self, key: Key, event: GuardEvent) -> None:
        """Answer an event of a pod, and carry out what follows from it."""
        pod = self._pods.get(key) or _Pod(self._decisions.new)
        events = deque([event])
        while events:
            try:
                pod.state, plans = self._decisions.step(
                    pod.state, events.popleft(), self._policy, self._cluster.now(), lead=pod.lead
                )
            except Exception as error:  # noqa: BLE001  # a pod that cannot be read, or a bug: the others must go on
                self._warn_once(f"{type(error).__name__}, such pods are left alone: {error}", key)
                self._forget(key)
                return
            if not pod.state.idle:
                self._pods[key] = pod
            for plan in plans:
                answer = self._carry_out(key, pod, plan)
                if answer is not None:
                    events.append(answer)
        if key in self._pods and not pod.requests and (pod.state.idle or self._is_gone(key)):
            self._forget(key)
        if self._closing:
            self._check_complete()

    def _check_complete(self) -> None:
        if not any(pod.acting for pod in self._pods.values()):
            self._complete.set()

    def _is_gone(self, key: Key) -> bool:
        snapshot = self._cluster.get_cached(*key)
        return snapshot is None or snapshot.gone

    def _forget(self, key: Key) -> None:
        self._pods.pop(key, None)
        self._agenda.drop(key)

    def _carry_out(self, key: Key, pod: _Pod, plan: Plan) -> GuardEvent | None:
        """Carry out a plan; return the answer where it is known at once."""
        if isinstance(plan, WakeAt):
            pod.charge_at = plan.charge_at.timestamp()
            ahead = (plan.charge_at - plan.at).total_seconds()
            # What was read already and is to be read once more comes less than the margin ahead, and never earlier.
            early = ahead > 0 and ahead >= (pod.lead or self._margin) - 1e-3
            self._agenda.plan(key, plan.at, plan.charge_at if early else None)
        elif isinstance(plan, Read):
            self._agenda.drop(key)
            self._submit(key, pod, _READS, lambda: self._read(plan))
        elif isinstance(plan, Propose):
            return self._propose(key, pod, plan.act)
        elif isinstance(plan, Write):
            pod.acting = True
            self._submit(key, pod, _DELETIONS if plan.step is Step.DELETE else _WRITES, lambda: self._write(plan))
        else:
            self._report(pod, plan)
        return None

    def _propose(self, key: Key, pod: _Pod, act: Act) -> GuardEvent | None:
        if self._closing:
            return Admission(NOT_LEADER)
        opted_out = self._facts.cached_opt_out(act.namespace)
        if opted_out is not None and not self._admissions.needs_count(act, self._policy):
            return self._admission(act, opted_out=opted_out)

        async def read() -> GuardEvent:
            try:
                opted_out = await self._facts.opted_out(act.namespace)
            except ClusterError:
                return Admission(NOT_LEADER)  # it is proposed again shortly
            await self._admissions.count(self._cluster)
            return self._admission(act, opted_out=opted_out)

        self._submit(key, pod, _WRITES, read)
        return None

    def _admission(self, act: Act, *, opted_out: bool) -> Admission:
        if opted_out:
            return Admission(OPTED_OUT)
        return Admission(self._admissions.refusal(act, self._policy, self._cluster.now()))

    def _report(self, pod: _Pod, report: Report) -> None:
        pod.acting = False
        try:
            self._observer.report(report, self._cluster.now())
        except Exception as error:  # noqa: BLE001  # of a metric or a file: the guard goes on
            self._warn_once(f"{type(error).__name__} while reporting: {error}", ("", ""))
        act = report.act
        if report.outcome is Outcome.WOULD_ACT and act is not None and self._dispatcher.queued < _MAX_WARNINGS:
            self._dispatcher.submit((_REPORTS, 0.0), lambda: self._writer.announce(self._cluster, act))

    # Requests

    def _submit(self, key: Key, pod: _Pod, order: int, request: Callable[[], Awaitable[GuardEvent]]) -> None:
        """Have a request made in its turn, and its answer handled."""
        pod.requests += 1
        self._pods[key] = pod

        async def job() -> None:
            try:
                answer = await request()
            finally:
                pod.requests -= 1
            if self._pods.get(key) is pod:
                self._handle(key, answer)

        self._dispatcher.submit((order, pod.charge_at), job)

    async def _read(self, plan: Read) -> GuardEvent:
        began = self._clock()
        try:
            return await self._facts.read(plan, self._policy.limits)
        except Exception as error:  # noqa: BLE001  # a resource that cannot be read, or a bug
            self._warn_once(f"{type(error).__name__} while reading: {error}", (plan.namespace, plan.name))
            return ReadFailed(f"{type(error).__name__}: {error}")
        finally:
            self._note(began)

    async def _write(self, plan: Write) -> GuardEvent:
        began = self._clock()
        try:
            return await self._writer.write(self._cluster, plan, lambda: self._policy, self._dispatcher.pause)
        except Exception as error:  # noqa: BLE001  # a bug
            self._warn_once(f"{type(error).__name__} while writing: {error}", (plan.act.namespace, plan.act.name))
            return WriteFailed(plan.step, f"{type(error).__name__}: {error}", unanswered=True)
        finally:
            self._note(began)

    def _note(self, began: float) -> None:
        self._pace.note(began, self._clock(), waiting=self._dispatcher.queued > 0)

    def _warn_once(self, message: str, key: Key) -> None:
        """Log something once, however often it happens."""
        if message not in self._logged and len(self._logged) < _MAX_WARNINGS:
            self._logged.add(message)
            _log.warning("podtriage: guard: pod %s/%s: %s", *key, message[:300])


def _concerns(snapshot: PodSnapshot) -> bool:
    """Whether a pod of which nothing is planned may concern the guard: it exists, and does not run."""
    status = snapshot.pod.status
    return not snapshot.gone and (status is None or status.phase not in _FINE)
