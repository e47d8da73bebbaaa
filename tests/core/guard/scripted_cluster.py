"""A cluster with one pod, whose kubelet does what was recorded, and the guard's loop around it, in virtual time.

The watch, reads and writes take as long as the story is told to make them, so that the guard sees old states, and writes to
a pod that has changed meanwhile.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.decode import read_events
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.guard.pod_state import PodState
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.reducer import NEW, step
from flytekitplugins_podtriage.core.guard.values import (
    Act,
    Admission,
    Confirmed,
    Due,
    Facts,
    Gone,
    GuardEvent,
    Observed,
    Plan,
    Propose,
    Read,
    Report,
    Step,
    TaskRecord,
    WakeAt,
    Write,
    WriteFailed,
    Written,
)
from flytekitplugins_podtriage.core.memory import Memory, remember
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from tests.core.guard import pods
from tests.recordings import moment

MOST_EVENTS: Final = 5000


@attrs.frozen
class Change:
    """One change of the cluster, as it was recorded."""

    at: datetime
    pod: OwnedPod | None
    events: tuple[wire.Event, ...]


def changes(row: Mapping[str, Any], backend: str) -> list[Change]:
    """Return the changes of a recorded story, with the labels and the owner that the backend gives a pod."""
    start, pod = moment(row["t0"]), None
    events: dict[str, wire.Event] = {}
    made = []
    for number, each in enumerate(row["steps"]):
        if "event" in each:
            events[each["event"]["metadata"]["name"]] = read_events([each["event"]])[0]
        elif "pod" in each:
            pod = None if each.get("type") == "DELETED" else _owned(each["pod"], backend, number)
        else:
            continue
        if pod is not None or each.get("type") == "DELETED":
            made.append(Change(start + timedelta(seconds=each["t"]), pod, tuple(events.values())))
    return made


def _owned(document: Mapping[str, Any], backend: str, number: int) -> OwnedPod:
    metadata = {**document["metadata"], "ownerReferences": [pods.owner(backend)]}
    if backend == "flyte-2":
        metadata["labels"] = {"flyte.org/managed": "true", "attempt": "1"}
        metadata.pop("finalizers", None)
    return msgspec.convert({**document, "metadata": metadata}, OwnedPod)


@attrs.frozen
class Done:
    """A write that was done."""

    at: datetime
    step: Step
    act: Act
    pod: OwnedPod | None
    """The pod as it was before."""


class ScriptedCluster:
    """Plays a story to its end, the guard's part included."""

    def __init__(
        self,
        story: Iterable[Change],
        policy: GuardPolicy,
        task: Callable[[OwnedPod], TaskRecord],
        *,
        seed: int = 0,
        slowest: float = 1.0,
        node_ready: bool = True,
        kubelet: str = "",
        until: datetime | None = None,
    ) -> None:
        self.policy = policy
        self.task = task
        self.random = random.Random(seed)
        self.slowest = slowest
        self.node_ready = node_ready
        self.kubelet = kubelet
        self.state: PodState = NEW
        self.pod: OwnedPod | None = None
        self.events: tuple[wire.Event, ...] = ()
        self.ours = False
        """Whether the guard has patched the pod: the recorded kubelet does not go on."""
        self.memory: Memory | None = None
        self.observed: PodSnapshot | None = None
        self.woken = 0
        self.done: list[Done] = []
        self.refused: list[Step] = []
        self.reports: list[Report] = []
        self.proposed: list[Act] = []
        self._queue: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._number = 0
        self._watch_at: datetime | None = None
        for change in story:
            self._at(change.at, lambda now, change=change: self._change(now, change))  # type: ignore[misc]
            self.until = change.at
        if until is not None:
            self.until = until

    def play(self) -> ScriptedCluster:
        for _ in range(MOST_EVENTS):
            if not self._queue or self._queue[0][0] > self.until:
                return self
            at, _, what = heapq.heappop(self._queue)
            what(at)
        raise AssertionError(f"still busy after {MOST_EVENTS} events: {self.state}")

    def _at(self, at: datetime, what: Callable[[datetime], None]) -> None:
        self._number += 1
        heapq.heappush(self._queue, (at, self._number, what))

    def _soon(self, now: datetime, what: Callable[[datetime], None]) -> None:
        self._at(now + timedelta(seconds=self.random.uniform(0, self.slowest)), what)

    # The cluster

    def _change(self, now: datetime, change: Change) -> None:
        if self.ours:
            return
        if change.pod is None:
            self.pod = None
        else:
            version = str(int(self._number_of(self.pod)) + 1)
            metadata = msgspec.structs.replace(change.pod.metadata, resource_version=version)  # type: ignore[type-var]
            self.pod = msgspec.structs.replace(change.pod, metadata=metadata)
        self.events = change.events
        self._report_change(now)

    def _number_of(self, pod: OwnedPod | None) -> str:
        return (pod.metadata.resource_version or "0") if pod is not None and pod.metadata is not None else "0"

    def _report_change(self, now: datetime) -> None:
        """The watch reports changes in their order, each a little later."""
        at = now + timedelta(seconds=self.random.uniform(0, self.slowest))
        if self._watch_at is not None:
            at = max(at, self._watch_at)
        self._watch_at = at
        pod, events = self.pod, self.events
        self._at(at, lambda now: self._observe(now, pod, events))

    def _observe(self, now: datetime, pod: OwnedPod | None, events: tuple[wire.Event, ...]) -> None:
        if pod is None:
            self.give(now, Gone())
            return
        self.memory = remember(self.memory, pod, events, now=now)
        self.observed = PodSnapshot(pod, events, self.memory, at=now)
        self.give(now, Observed(self.observed))

    # The loop

    def give(self, now: datetime, event: GuardEvent) -> None:
        self.state, plans = step(self.state, event, self.policy, now)
        for plan in plans:
            self._carry_out(now, plan)

    def _carry_out(self, now: datetime, plan: Plan) -> None:
        if isinstance(plan, WakeAt):
            self.woken += 1
            number = self.woken
            self._at(max(plan.at, now), lambda now: self._wake(now, number))
        elif isinstance(plan, Read):
            self._soon(now, self._read)
        elif isinstance(plan, Propose):
            self.proposed.append(plan.act)
            self._soon(now, lambda now: self.give(now, Admission()))
        elif isinstance(plan, Write):
            self._soon(now, lambda now: self._write(now, plan))
        else:
            self.reports.append(plan)

    def _wake(self, now: datetime, number: int) -> None:
        if number == self.woken and self.observed is not None:
            self.give(now, Due(self.observed))

    def _read(self, now: datetime) -> None:
        """The answer shows the cluster as it was in between."""
        pod, events = self.pod, self.events
        snapshot = None
        if pod is not None:
            snapshot = PodSnapshot(pod, events, remember(self.memory, pod, events, now=now), at=now)
        facts = Facts(
            snapshot=snapshot,
            freshness=Freshness(as_of=now),
            task=self.task(pod) if pod is not None else None,
            node_ready=self.node_ready,
            kubelet=self.kubelet,
        )
        self._soon(now, lambda now: self.give(now, Confirmed(facts)))

    def _write(self, now: datetime, plan: Write) -> None:
        pod = self.pod
        event = self._written(now, plan)
        if isinstance(event, WriteFailed):
            self.refused.append(plan.step)
        else:
            self.done.append(Done(now, plan.step, plan.act, pod))
        self._soon(now, lambda now: self.give(now, event))

    def _written(self, now: datetime, plan: Write) -> Written | WriteFailed:
        if plan.step is Step.EVENT:
            return Written(plan.step)
        if self.pod is None:
            return Written(plan.step) if plan.step is Step.DELETE else WriteFailed(plan.step, "gone", conflict=True)
        if plan.step is Step.DELETE:
            self.pod = None
            self._report_change(now)
            return Written(plan.step)
        if plan.resource_version != self._number_of(self.pod):
            return WriteFailed(plan.step, "changed", conflict=True)
        version = str(int(plan.resource_version) + 1)
        if plan.step is Step.STATUS:
            self.ours = True
            self.pod = pods.with_status(self.pod, plan.act.reason, plan.act.message, version)
        else:
            metadata = msgspec.structs.replace(
                self.pod.metadata,  # type: ignore[type-var]
                resource_version=version,
                finalizers=[pods.FINALIZER],
            )
            self.pod = msgspec.structs.replace(self.pod, metadata=metadata)
        self._report_change(now)
        return Written(plan.step, version)
