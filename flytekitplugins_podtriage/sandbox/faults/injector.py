"""Decides which of a plan's faults occur, and counts how often they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flytekitplugins_podtriage.sandbox.faults.fault_types import Fault
from flytekitplugins_podtriage.sandbox.faults.occurrences import Occurrences
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from flytekitplugins_podtriage.sandbox.faults.registry_errors import hits, targets
from flytekitplugins_podtriage.sandbox.pod_state import Container, PodRecord

ON_ADMISSION: Final = ("unschedulable", "gated", "rejected")
"""The pod faults that keep a pod off a node."""


class Injector:
    """The faults of a plan by target, and how often each may still occur.

    Times (``after``) are seconds since the start of the run.
    """

    def __init__(self, plan: Plan, occurrences: Occurrences | None = None) -> None:
        self.occurrences = occurrences if occurrences is not None else Occurrences()
        self._faults: dict[str, list[tuple[int, Fault]]] = {}
        for index, fault in enumerate(plan.faults):
            self._faults.setdefault(fault.target, []).append((index, fault))
        self._every = [fault.every for fault in plan.faults]
        self._times = [fault.times for fault in plan.faults]
        self._left = list(self._times)
        self._left_of_pod: dict[tuple[int, int], int] = {}
        """For faults of every attempt: by the fault's index and the pod's sequence number."""

    def pull(self, record: PodRecord, container: Container, after: float, key: str) -> tuple[float, Fault | None]:
        """Return the delay of a pull in seconds, and its fault.

        Args:
            record: the pod.
            container: whose image is pulled.
            after: the time.
            key: identifies this pull.
        """
        slow = 0.0
        for index, fault in self._active("pull", record, container.name, after):
            if fault.what == "absent" or not targets(fault, container.image) or not hits(fault, key):
                continue
            self._occurs(index, fault, record)
            if fault.lasts is None:
                return slow, fault
            slow += fault.lasts
        return slow, None

    def absent(self, record: PodRecord, container: Container, after: float) -> bool:
        """Whether the image of a container that is never pulled is missing."""
        for index, fault in self._active("pull", record, container.name, after):
            if fault.what == "absent" and targets(fault, container.image):
                self._occurs(index, fault, record)
                return True
        return False

    def sandbox(self, record: PodRecord, after: float) -> Fault | None:
        """Return the fault that prevents creating a pod's sandbox."""
        return self._first("sandbox", record, None, after)

    def volume(self, record: PodRecord, after: float, *, claim: bool) -> Fault | None:
        """Return the fault of a pod's volumes: a missing claim, or else a missing source."""
        for _, fault in self._active("volume", record, None, after):
            if fault.what.startswith("claim") is claim:
                self.occurs(fault)
                return fault
        return None

    def start(self, record: PodRecord, container: Container, after: float) -> Fault | None:
        """Return the fault that prevents creating or starting a container."""
        return self._first("start", record, container.name, after)

    def admission(self, record: PodRecord, kinds: tuple[str, ...], after: float) -> Fault | None:
        """Return the fault, one of these kinds, that keeps a pod off a node."""
        return self._first("pod", record, None, after, kinds)

    def replay(self, record: PodRecord) -> Fault | None:
        """Return the fault that names the recording that a pod replays."""
        return self._first("replay", record, None, 0.0)

    def of_pod(self, record: PodRecord) -> Iterator[Fault]:
        """Yield the faults that a pod is going to have once it is on a node."""
        for index, fault in self._faults.get("pod", ()):
            if fault.what.startswith(ON_ADMISSION):
                continue
            if self._left_for(index, record) != 0 and fault.applies_to(record.task, record.attempt, None):
                self._use(index, record)
                yield fault

    def of_body(self, record: PodRecord, container: Container) -> list[Fault]:
        """Return the faults of a container's process; faults without a container name are the primary one's."""
        faults = []
        for index, fault in self._faults.get("body", ()):
            named = fault.container == container.name or (not fault.container and container.primary)
            if named and self._left[index] != 0 and fault.applies_to(record.task, record.attempt, None):
                self._use(index, record)
                faults.append(fault)
        return faults

    def of_nodes(self) -> list[Fault]:
        """Return the faults of nodes."""
        return [fault for _, fault in self._faults.get("node", ())]

    @property
    def sets_pace(self) -> bool:
        """Whether the plan sets the pace of kubelets."""
        return "kubelet" in self._faults

    def of_kubelet(self, record: PodRecord, kind: str, after: float) -> Fault | None:
        """Return the fault, of this kind, of a pod's kubelet."""
        for _, fault in self._active("kubelet", record, None, after):
            if fault.what.startswith(kind):
                self.occurs(fault)
                return fault
        return None

    def until(self, record: PodRecord, fault: Fault) -> int | None:
        """Return when a fault ends, in milliseconds since the start of the run; None: never."""
        if fault.until is None:
            return None
        return round(fault.until * 1000) + (record.created_at if fault.every else 0)

    def occurs(self, fault: Fault) -> None:
        """Note that a fault occurs; that pod, node and body faults do is known to those that inject them only."""
        self.occurrences.faults.add(fault)

    def _occurs(self, index: int, fault: Fault, record: PodRecord) -> None:
        self._use(index, record)
        self.occurs(fault)

    def _first(
        self, target: str, record: PodRecord, container: str | None, after: float, kinds: tuple[str, ...] = ("",)
    ) -> Fault | None:
        """Return the first active fault, and count that it occurs."""
        for index, fault in self._active(target, record, container, after):
            if fault.what.startswith(kinds):
                self._occurs(index, fault, record)
                return fault
        return None

    def _active(
        self, target: str, record: PodRecord, container: str | None, after: float
    ) -> Iterator[tuple[int, Fault]]:
        for index, fault in self._faults.get(target, ()):
            if (
                self._left_for(index, record) != 0
                and fault.active(after - record.created_at / 1000 if fault.every else after)
                and fault.applies_to(record.task, record.attempt, container)
            ):
                yield index, fault

    def _left_for(self, index: int, record: PodRecord) -> int | None:
        if self._every[index]:
            return self._left_of_pod.get((index, record.order), self._times[index])
        return self._left[index]

    def _use(self, index: int, record: PodRecord) -> None:
        left = self._left_for(index, record)
        if left is None:
            return
        if self._every[index]:
            self._left_of_pod[index, record.order] = left - 1
        else:
            self._left[index] = left - 1
