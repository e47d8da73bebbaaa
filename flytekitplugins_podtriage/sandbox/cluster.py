"""The simulated cluster: pods and events as kubelets write them, in virtual time, with planned faults."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.memory import remember
from flytekitplugins_podtriage.core.pod_cluster import PodExists, PodRejected, PodSnapshot
from flytekitplugins_podtriage.sandbox import disruptions
from flytekitplugins_podtriage.sandbox.admission import check
from flytekitplugins_podtriage.sandbox.clock import START, Clock
from flytekitplugins_podtriage.sandbox.faults.fault_types import Fault
from flytekitplugins_podtriage.sandbox.faults.injector import Injector
from flytekitplugins_podtriage.sandbox.faults.occurrences import Occurrences
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from flytekitplugins_podtriage.sandbox.faults.replay import load, play
from flytekitplugins_podtriage.sandbox.kubelet import pod_status, teardown, timing
from flytekitplugins_podtriage.sandbox.kubelet.sync import FIRST, Kubelet
from flytekitplugins_podtriage.sandbox.kubelet.worker import Body
from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd, Ending, PodRecord

__all__ = ["KUBELETS", "Body", "BodyEnd", "PodExists", "PodRejected", "SandboxCluster"]

KUBELETS: Final = ("1.34", "1.31")
"""The simulated versions: in back-off, the second does not show why a pull has failed."""
_SCHEDULE: Final = 10
_ADMIT: Final = 10
_UNSCHEDULABLE: Final = (
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
    "1 No preemption victims found for incoming pod."
)


@attrs.define(slots=True, eq=False)
class _Waiter:
    """A caller that waits for a pod to change."""

    record: PodRecord | None
    version: int
    until: int

    def due(self, now: int) -> bool:
        """Whether the wait is over."""
        return now >= self.until or (self.record is not None and self.record.version != self.version)


def _no_body() -> None:
    """Run nothing."""


class SandboxCluster:
    """A :class:`~flytekitplugins_podtriage.core.pod_cluster.PodCluster` inside the process.

    Nothing really waits: :meth:`wait_for_change` moves the clock. If several tasks of one event loop wait, the clock
    moves to the next event of any of their pods only once all of them wait, so that each acts at its own time. A
    cluster belongs to one event loop. A deleted pod with finalizers stays until :meth:`release` removes them.

    Args:
        plan: what goes wrong.
        body: called for each primary container when it starts, with the pod's manifest and the attempt (from 0; None
            if unknown); it returns how the body ends, and does not raise. None: every body exits with 0, or as planned.
        kubelet: the version of the kubelets, one of :data:`KUBELETS`.
        start: when the run starts.
        occurrences: notes which faults occur; several clusters may share it.

    Raises:
        ReplayError: a recording that the plan names cannot be read.
    """

    def __init__(
        self,
        plan: Plan | None = None,
        *,
        body: Body | None = None,
        kubelet: str = "1.34",
        start: datetime = START,
        occurrences: Occurrences | None = None,
    ) -> None:
        if kubelet not in KUBELETS:
            raise ValueError(f"unknown kubelet {kubelet!r}; allowed: {', '.join(KUBELETS)}")
        self._clock = Clock(start)
        plan = plan or Plan()
        self._injector = Injector(plan, occurrences)
        self._recordings = {
            (fault.text, fault.name): load(fault.text, fault.name) for fault in plan.faults if fault.target == "replay"
        }
        self._kubelet = Kubelet(self._clock, self._injector, kubelet, body)
        self._split_by_type = kubelet != "1.31"
        self._pods: dict[tuple[str, str], PodRecord] = {}
        self._created = 0
        self._nodes = 1
        self._waiters: list[_Waiter] = []
        for fault in self._injector.of_nodes():
            self._clock.at(disruptions.starts_at(fault), 0, partial(self._inject_node_fault, fault))

    def close(self) -> None:
        """End the run: drop everything scheduled, and with it the references to bodies and their contexts."""
        self._clock.clear()

    def now(self) -> datetime:
        """Return the cluster's time."""
        return self._clock.time()

    async def create(self, namespace: str, pod: Mapping[str, Any]) -> str:
        """Create a pod from its manifest; return its uid, which is the same in every run.

        Raises:
            PodRejected: the manifest is invalid.
            PodExists: there already is a pod of that name.
        """
        name = check(pod)
        existing = self._pods.get((namespace, name))
        if existing is not None and not existing.gone:
            raise PodExists(f'create pods "{name}" in namespace {namespace!r}: it already exists')
        self._created += 1
        record = PodRecord(namespace, name, pod, self._created, self._clock.second)
        record.created_at = self._clock.now
        record.events.split_by_type = self._split_by_type
        if self._kubelet.paced:
            record.send = partial(timing.send, self._kubelet)
        self._pods[namespace, name] = record
        self._injector.occurrences.created(record)
        replay = self._injector.replay(record)
        if replay is not None:
            record.replayed = True
            body, recording = self._kubelet.body, self._recordings[replay.text, replay.name]
            play(recording, self._clock, record, partial(body, pod, record.attempt) if body is not None else _no_body)
            return record.uid
        for fault in self._injector.of_pod(record):
            action = partial(disruptions.inject, self._kubelet, fault)
            self._kubelet.after(disruptions.starts_at(fault), record, action)
        self._kubelet.after(_SCHEDULE, record, self._schedule)
        return record.uid

    async def delete(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        """Delete a pod, with a grace period in seconds (None: the pod's own)."""
        record = self._pods.get((namespace, name))
        if record is None or record.gone or (uid is not None and uid != record.uid):
            return
        teardown.delete(self._kubelet, record, record.grace if grace is None else max(0, grace))

    def release(self, namespace: str, name: str) -> None:
        """Remove a pod's finalizers; if it was only waiting for that, it is gone."""
        record = self._pods.get((namespace, name))
        if record is not None and not record.gone:
            teardown.release(record)

    async def get(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return a pod's present state; None if there is none of that name."""
        record = self._pods.get((namespace, name))
        return None if record is None or record.gone else self._snapshot(record)

    async def logs(self, namespace: str, name: str, container: str, lines: int) -> str:
        """Return nothing: the output of bodies goes to this process's output."""
        return ""

    def list_cached(self) -> Sequence[PodSnapshot]:
        """Return all pods."""
        return [self._snapshot(record) for record in self._pods.values() if not record.gone]

    async def list(self, namespace: str, labels: Mapping[str, str]) -> list[PodSnapshot]:
        """Return the pods of a namespace that have all these labels, sorted by name."""
        return [
            self._snapshot(record)
            for (namespace_of_pod, _), record in sorted(self._pods.items())
            if namespace_of_pod == namespace and not record.gone and labels.items() <= record.labels.items()
        ]

    def watch_error(self) -> None:
        """Return None: there is no watch that could fail."""
        return

    def freshness(self, snapshot: PodSnapshot) -> Freshness:
        """Return that the view is complete: it is the cluster's own state."""
        return Freshness.current(self._clock.time())

    async def refresh(self, snapshot: PodSnapshot) -> None:
        """Do nothing: the state is always current."""

    def synced(self) -> bool:
        """Return True: the state is always current."""
        return True

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return a pod's state, also after it is gone; None if there never was one."""
        record = self._pods.get((namespace, name))
        return None if record is None else self._snapshot(record)

    async def wait_for_change(self, namespace: str, name: str, until: datetime) -> PodSnapshot | None:
        """Move the clock until a pod changes, or until the given time; return its state then.

        A repeated event, which only increments a count, is not a change.
        """
        record = self._pods.get((namespace, name))
        if record is not None and record.awaited and not self._waiters:
            self._wait_alone(record, self._clock.until(until))
            record.delivered = record.version
            return self._snapshot(record)
        waiter = _Waiter(record, record.delivered if record else 0, self._clock.until(until))
        self._waiters.append(waiter)
        try:
            if record is not None and not record.awaited:
                record.awaited = True
                await asyncio.sleep(0)  # other tasks may create pods at this time
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
        """Return when something happens next, visible or not; None: never."""
        milliseconds = self._clock.next
        return None if milliseconds is None else self._clock.start + timedelta(milliseconds=milliseconds)

    def _wait_alone(self, record: PodRecord, until: int) -> None:
        """Move the clock while no other task waits; none can start to, since nothing here is awaited."""
        clock, version = self._clock, record.delivered
        while record.version == version and clock.now < until:
            clock.advance(until)

    def _step(self) -> None:
        """Move to the next action, but not beyond the end of any wait."""
        self._clock.advance(min(waiter.until for waiter in self._waiters))

    def _snapshot(self, record: PodRecord) -> PodSnapshot:
        events = record.events.list()
        if record.unremembered:
            for pod, at in record.unremembered:
                record.memory = remember(record.memory, pod, now=at)
            record.unremembered.clear()
        return PodSnapshot(record.pod, events, record.memory, record.gone, self._clock.time(), record.version)

    def _schedule(self, record: PodRecord) -> None:
        """Bind a pod to a node, unless the plan prevents it."""
        kubelet, now = self._kubelet, self._clock.second
        fault = self._admission_fault(("unschedulable", "gated"), record)
        if fault is None:
            fault = self._injector.volume(record, self._clock.now / 1000, claim=True)
        gated = record.gated or (fault is not None and fault.what == "gated")
        if fault is not None or gated:
            if gated:
                message = "Scheduling is blocked due to non-empty scheduling gates"
                record.condition("PodScheduled", "False", now, "SchedulingGated", message)
            else:
                message = _UNSCHEDULABLE
                if fault is not None and fault.target == "volume":
                    message = f'0/1 nodes are available: persistentvolumeclaim "{fault.name}" not found. not found'
                record.condition("PodScheduled", "False", now, "Unschedulable", message)
                kubelet.warn(record, "FailedScheduling", message)
            pod_status.publish_conditions(record, self._clock.second)
            until = None if fault is None else self._injector.until(record, fault)
            if until is not None:
                kubelet.after(until - self._clock.now, record, self._schedule)
            return
        node = f"sandbox-{self._nodes}"
        record.spec = wire.evolve(record.spec, node_name=node)
        record.condition("PodScheduled", "True", now)
        kubelet.emit(record, "Scheduled", f"Successfully assigned {record.namespace}/{record.name} to {node}")
        pod_status.publish_conditions(record, self._clock.second)
        kubelet.after(_ADMIT, record, self._admit)

    def _admit(self, record: PodRecord) -> None:
        """Admit a pod to its node, unless the plan prevents it."""
        if record.cut_off or record.ending is not None:
            return
        record.start_time = self._clock.second
        fault = self._admission_fault(("rejected",), record)
        if fault is not None:
            reason, message = disruptions.rejection(fault)
            self._kubelet.warn(record, reason, message)
            pod_status.publish_rejection(record, self._clock.second, reason, f"Pod was rejected: {message}")
            record.over = True
            return
        pod_status.publish(record, self._clock.second, "Pending")
        self._kubelet.after(FIRST, record, self._kubelet.start_pod)
        if record.deadline is not None:
            ending = Ending("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
            self._kubelet.after(
                record.deadline * 1000, record, lambda record: teardown.end(self._kubelet, record, ending, record.grace)
            )

    def _admission_fault(self, kinds: tuple[str, ...], record: PodRecord) -> Fault | None:
        return self._injector.admission(record, kinds, self._clock.now / 1000)

    def _inject_node_fault(self, fault: Fault) -> None:
        """Inject a node fault; later pods get another node."""
        records = list(self._pods.values())
        if fault.what != "unreachable":
            self._nodes += 1
        disruptions.inject_node_fault(self._kubelet, fault, records)
