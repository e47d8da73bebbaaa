"""The simulated cluster: pods and Events as kubelets write them, in virtual time, with faults as planned."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import attrs
import msgspec

from flytekitplugins_podtriage.core.memory import remember
from flytekitplugins_podtriage.core.pod_cluster import PodExists, PodRejected, PodSnapshot
from flytekitplugins_podtriage.sandbox import disruptions
from flytekitplugins_podtriage.sandbox.admission import check
from flytekitplugins_podtriage.sandbox.clock import START, Clock
from flytekitplugins_podtriage.sandbox.faults.grammar import Fault
from flytekitplugins_podtriage.sandbox.faults.injector import Choice
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from flytekitplugins_podtriage.sandbox.faults.replay import load, play
from flytekitplugins_podtriage.sandbox.kubelet import pod_status, teardown, timing
from flytekitplugins_podtriage.sandbox.kubelet.sync import FIRST, Kubelet
from flytekitplugins_podtriage.sandbox.kubelet.worker import Body
from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd, Ending, Record

__all__ = ["KUBELETS", "Body", "BodyEnd", "PodExists", "PodRejected", "SandboxCluster"]

KUBELETS: Final = ("1.34", "1.31")
"""The kubelets that there are: the second does not say in back-off why a pull has failed."""
_SCHEDULE: Final = 10
_ADMIT: Final = 10
_UNSCHEDULABLE: Final = (
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
    "1 No preemption victims found for incoming pod."
)


@attrs.define(slots=True, eq=False)
class _Waiter:
    """Somebody who waits for news of a pod."""

    record: Record | None
    seen: int
    until: int

    def due(self, now: int) -> bool:
        """Whether there is nothing left to wait for."""
        return now >= self.until or (self.record is not None and self.record.version != self.seen)


def _nothing() -> None:
    """Run no body."""


class SandboxCluster:
    """A :class:`~flytekitplugins_podtriage.core.pod_cluster.PodCluster` inside the process.

    Nothing in it waits: :meth:`change` moves the clock. Where several tasks of one event loop wait, the clock moves to
    the next event of any of their pods only once all of them wait, so that each acts at its own time. It belongs to
    one event loop. A pod with finalizers stays, when it is deleted, until :meth:`release` takes them off.

    Args:
        plan: what goes wrong.
        body: called once for each primary container as it starts, with the pod's manifest and the attempt (from 0;
            None if the pod does not tell); it returns how the body ends, and does not raise. None: every body ends with
            0, or as planned.
        kubelet: whose words are used, one of :data:`KUBELETS`.
        start: the time at which the run begins.

    Raises:
        ReplayError: a recording that the plan names cannot be read.
    """

    def __init__(
        self, plan: Plan | None = None, *, body: Body | None = None, kubelet: str = "1.34", start: datetime = START
    ) -> None:
        if kubelet not in KUBELETS:
            raise ValueError(f"unknown kubelet {kubelet!r}; allowed: {', '.join(KUBELETS)}")
        self._clock = Clock(start)
        plan = plan or Plan()
        self._choice = Choice(plan)
        self._stories = {
            (fault.text, fault.name): load(fault.text, fault.name) for fault in plan.faults if fault.target == "replay"
        }
        self._kubelet = Kubelet(self._clock, self._choice, kubelet, body)
        self._by_type = kubelet != "1.31"
        self._pods: dict[tuple[str, str], Record] = {}
        self._created = 0
        self._nodes = 1
        self._waiters: list[_Waiter] = []
        for fault in self._choice.of_nodes():
            self._clock.at(disruptions.moment(fault), 0, partial(self._strike_node, fault))

    def close(self) -> None:
        """End the run: what was still to happen does not, and bodies and their contexts are no longer held on to."""
        self._clock.clear()

    def now(self) -> datetime:
        """Return the cluster's time."""
        return self._clock.time()

    async def create(self, namespace: str, pod: Mapping[str, Any]) -> str:
        """Create a pod from its manifest; return its uid, which is the same in every run.

        Raises:
            PodRejected: the manifest is not that of a pod.
            PodExists: there is a pod of that name.
        """
        name = check(pod)
        known = self._pods.get((namespace, name))
        if known is not None and not known.gone:
            raise PodExists(f'create pods "{name}" in namespace {namespace!r}: it already exists')
        self._created += 1
        record = Record(namespace, name, pod, self._created, self._clock.second())
        record.created_at = self._clock.now
        record.events.by_type = self._by_type
        if self._kubelet.paced:
            record.send = partial(timing.send, self._kubelet)
        self._pods[namespace, name] = record
        recorded = self._choice.replay(record)
        if recorded is not None:
            record.replayed = True
            body, attempt = self._kubelet.body, record.attempt
            story = self._stories[recorded.text, recorded.name]
            play(story, self._clock, record, partial(body, pod, attempt) if body is not None else _nothing)
            return record.uid
        for fault in self._choice.of_pod(record):
            strike = partial(disruptions.befall, self._kubelet, fault)
            self._kubelet.after(disruptions.moment(fault), record, strike)
        self._kubelet.after(_SCHEDULE, record, self._schedule)
        return record.uid

    async def delete(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        """Ask for a pod's deletion, with a grace in seconds (None: the pod's own)."""
        record = self._pods.get((namespace, name))
        if record is None or record.gone or (uid is not None and uid != record.uid):
            return
        teardown.delete(self._kubelet, record, record.grace if grace is None else max(0, grace))

    def release(self, namespace: str, name: str) -> None:
        """Take the finalizers off a pod; if it was only waiting for that, it is gone."""
        record = self._pods.get((namespace, name))
        if record is not None and not record.gone:
            teardown.release(record)

    async def get(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return a pod as it is now; None if there is none of that name."""
        record = self._pods.get((namespace, name))
        return None if record is None or record.gone else self._snapshot(record)

    async def logs(self, namespace: str, name: str, container: str, lines: int) -> str:
        """Return nothing: what a body's process writes goes where this process's output goes."""
        return ""

    def list_cached(self) -> Sequence[PodSnapshot]:
        """Return all the pods that are there."""
        return [self._snapshot(record) for record in self._pods.values() if not record.gone]

    async def list(self, namespace: str, labels: Mapping[str, str]) -> list[PodSnapshot]:
        """Return the pods of a namespace that carry all these labels, in the order of their names."""
        return [
            self._snapshot(record)
            for (where, _), record in sorted(self._pods.items())
            if where == namespace and not record.gone and labels.items() <= record.labels.items()
        ]

    def watch_error(self) -> None:
        """Return None: nothing is hidden here."""
        return

    def synced(self) -> bool:
        """Return True: nothing is hidden here."""
        return True

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return what is known of a pod; None if there never was one."""
        record = self._pods.get((namespace, name))
        return None if record is None else self._snapshot(record)

    async def wait_for_change(self, namespace: str, name: str, until: datetime) -> PodSnapshot | None:
        """Move the clock until something new is seen of a pod, or to a moment; return what is known then.

        An event that only says again what was said before is nothing new.
        """
        record = self._pods.get((namespace, name))
        if record is not None and record.greeted and not self._waiters:
            self._alone(record, self._clock.until(until))
            record.delivered = record.version
            return self._snapshot(record)
        waiter = _Waiter(record, record.delivered if record else 0, self._clock.until(until))
        self._waiters.append(waiter)
        try:
            if record is not None and not record.greeted:
                record.greeted = True
                await asyncio.sleep(0)  # others may have pods to create at this moment
            while not waiter.due(self._clock.now):
                if len(self._waiters) > 1 and any(other.due(self._clock.now) for other in self._waiters):
                    await asyncio.sleep(0)  # it is their turn
                    continue
                self._step()
        finally:
            self._waiters.remove(waiter)
        if record is None:
            return None
        record.delivered = record.version
        return self._snapshot(record)

    def upcoming(self) -> datetime | None:
        """Return when something happens next, be it seen or not; None: nothing does any more."""
        upcoming = self._clock.next
        return None if upcoming is None else self._clock.start + timedelta(milliseconds=upcoming)

    def _alone(self, record: Record, until: int) -> None:
        """Move the clock where nobody else waits: nothing here lets another task run."""
        clock, seen = self._clock, record.delivered
        while record.version == seen and clock.now < until:
            clock.advance(until)

    def _step(self) -> None:
        """Move on to the next event, but not beyond what anybody waits for."""
        self._clock.advance(min(waiter.until for waiter in self._waiters))

    def _snapshot(self, record: Record) -> PodSnapshot:
        events = record.events.told()
        if record.unseen:
            for pod, at in record.unseen:
                record.memory = remember(record.memory, pod, now=at)
            record.unseen.clear()
        return PodSnapshot(record.pod, events, record.memory, record.gone, self._clock.time(), record.version)

    def _schedule(self, record: Record) -> None:
        """Find a node for a pod, unless the plan says that there is none."""
        kubelet, now = self._kubelet, self._clock.second()
        fault = self._first(("unschedulable", "gated"), record)
        if fault is None:
            fault = self._choice.volume(record, self._clock.now / 1000, claim=True)
        gated = record.gated or (fault is not None and fault.what == "gated")
        if fault is not None or gated:
            if gated:
                said = "Scheduling is blocked due to non-empty scheduling gates"
                record.condition("PodScheduled", "False", now, "SchedulingGated", said)
            else:
                said = _UNSCHEDULABLE
                if fault is not None and fault.target == "volume":
                    said = f'0/1 nodes are available: persistentvolumeclaim "{fault.name}" not found. not found'
                record.condition("PodScheduled", "False", now, "Unschedulable", said)
                kubelet.say(record, "FailedScheduling", said, warning=True)
            pod_status.api_conditions(record, self._clock.second())
            until = None if fault is None else self._choice.until(record, fault)
            if until is not None:
                kubelet.after(until - self._clock.now, record, self._schedule)
            return
        node = f"sandbox-{self._nodes}"
        record.spec = msgspec.structs.replace(record.spec, node_name=node)
        record.condition("PodScheduled", "True", now)
        about = f"{record.namespace}/{record.name}"
        kubelet.say(record, "Scheduled", f"Successfully assigned {about} to {node}")
        pod_status.api_conditions(record, self._clock.second())
        kubelet.after(_ADMIT, record, self._admit)

    def _admit(self, record: Record) -> None:
        """Have the kubelet take a pod on, unless the plan says that it will not."""
        if record.cut_off or record.ending is not None:
            return
        record.start_time = self._clock.second()
        fault = self._first(("rejected",), record)
        if fault is not None:
            reason, said = disruptions.rejection(fault)
            self._kubelet.say(record, reason, said, warning=True)
            pod_status.rejected(record, self._clock.second(), reason, f"Pod was rejected: {said}")
            record.over = True
            return
        pod_status.publish(record, self._clock.second(), "Pending")
        self._kubelet.after(FIRST, record, self._kubelet.work)
        if record.deadline is not None:
            ending = Ending("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
            self._kubelet.after(
                record.deadline * 1000, record, lambda late: teardown.end(self._kubelet, late, ending, late.grace)
            )

    def _first(self, words: tuple[str, ...], record: Record) -> Fault | None:
        return self._choice.admission(record, words, self._clock.now / 1000)

    def _strike_node(self, fault: Fault) -> None:
        """Have a node fault strike; pods to come are put on another node."""
        records = list(self._pods.values())
        if fault.what != "unreachable":
            self._nodes += 1
        disruptions.strike_node(self._kubelet, fault, records)
