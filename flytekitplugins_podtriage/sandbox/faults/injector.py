"""Which of a plan's faults strike, and how often they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flytekitplugins_podtriage.sandbox.faults.grammar import Fault
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from flytekitplugins_podtriage.sandbox.faults.registry_errors import meant, unlucky
from flytekitplugins_podtriage.sandbox.pod_state import Container, Record

ON_ADMISSION: Final = ("unschedulable", "gated", "rejected")
"""Words of the faults that keep a pod from a node."""


class Choice:
    """The faults of a plan, by what they are about, with those used up left out."""

    def __init__(self, plan: Plan) -> None:
        self._faults: dict[str, list[tuple[int, Fault]]] = {}
        for place, fault in enumerate(plan.faults):
            self._faults.setdefault(fault.target, []).append((place, fault))
        self._every = [fault.every for fault in plan.faults]
        self._times = [fault.times for fault in plan.faults]
        self._left = list(self._times)
        self._left_of: dict[tuple[int, int], int] = {}
        """Of what is said of every attempt: by its place and the pod's order."""

    def pull(self, record: Record, container: Container, after: float, key: str) -> tuple[float, Fault | None]:
        """Return for how long a pull is slowed down, in seconds, and the fault that it meets.

        Args:
            record: the pod.
            container: whose image is pulled.
            after: the time since the beginning of the run, in seconds.
            key: what tells this pull from all others.
        """
        slow = 0.0
        for place, fault in self._fitting("pull", record, container.name, after):
            if fault.what == "absent" or not meant(fault, container.image) or not unlucky(fault, key):
                continue
            self._use(place, record)
            if fault.lasts is None:
                return slow, fault
            slow += fault.lasts
        return slow, None

    def absent(self, record: Record, container: Container, after: float) -> bool:
        """Whether the image of a container that is never pulled is not there."""
        for place, fault in self._fitting("pull", record, container.name, after):
            if fault.what == "absent" and meant(fault, container.image):
                self._use(place, record)
                return True
        return False

    def sandbox(self, record: Record, after: float) -> Fault | None:
        """Return what keeps a pod's sandbox from being created now, if anything does."""
        for place, fault in self._fitting("sandbox", record, None, after):
            self._use(place, record)
            return fault
        return None

    def volume(self, record: Record, after: float, *, claim: bool) -> Fault | None:
        """Return what is missing of a pod's volumes now: the claim, or (otherwise) what a volume is filled from."""
        for _, fault in self._fitting("volume", record, None, after):
            if fault.what.startswith("claim") is claim:
                return fault
        return None

    def until(self, record: Record, fault: Fault) -> int | None:
        """Return when a fault ends, in milliseconds since the beginning of the run; None: never."""
        if fault.until is None:
            return None
        return round(fault.until * 1000) + (record.created_at if fault.every else 0)

    def start(self, record: Record, container: Container, after: float) -> Fault | None:
        """Return what keeps a container from being created or started now, if anything does."""
        for place, fault in self._fitting("start", record, container.name, after):
            self._use(place, record)
            return fault
        return None

    def admission(self, record: Record, words: tuple[str, ...], after: float) -> Fault | None:
        """Return what keeps a pod from a node now, if anything of these words does."""
        for place, fault in self._fitting("pod", record, None, after):
            if not fault.what.startswith(words):
                continue
            self._use(place, record)
            return fault
        return None

    def replay(self, record: Record) -> Fault | None:
        """Return the recording that a pod is to go through, if it is to go through one."""
        for place, fault in self._fitting("replay", record, None, 0.0):
            self._use(place, record)
            return fault
        return None

    def of_pod(self, record: Record) -> Iterator[Fault]:
        """Yield what will befall a pod in its life, once it is on a node."""
        for place, fault in self._faults.get("pod", ()):
            if fault.what.startswith(ON_ADMISSION):
                continue
            if self._left_for(place, record) != 0 and fault.concerns(record.task, record.attempt, None):
                self._use(place, record)
                yield fault

    def of_body(self, record: Record, container: Container) -> list[Fault]:
        """Return what is planned for the process of a container; without a name the task's own is meant."""
        found = []
        for place, fault in self._faults.get("body", ()):
            named = fault.container == container.name or (not fault.container and container.primary)
            if named and self._left[place] != 0 and fault.concerns(record.task, record.attempt, None):
                self._use(place, record)
                found.append(fault)
        return found

    def of_nodes(self) -> list[Fault]:
        """Return what befalls nodes."""
        return [fault for _, fault in self._faults.get("node", ())]

    @property
    def paces(self) -> bool:
        """Whether anything is said of how fast kubelets go."""
        return "kubelet" in self._faults

    def of_kubelet(self, record: Record, word: str, after: float) -> Fault | None:
        """Return what is said of the kubelet of a pod with this word now, if anything is."""
        for _, fault in self._fitting("kubelet", record, None, after):
            if fault.what.startswith(word):
                return fault
        return None

    def _fitting(self, target: str, record: Record, container: str | None, after: float) -> Iterator[tuple[int, Fault]]:
        for place, fault in self._faults.get(target, ()):
            if (
                self._left_for(place, record) != 0
                and fault.active(after - record.created_at / 1000 if fault.every else after)
                and fault.concerns(record.task, record.attempt, container)
            ):
                yield place, fault

    def _left_for(self, place: int, record: Record) -> int | None:
        if self._every[place]:
            return self._left_of.get((place, record.order), self._times[place])
        return self._left[place]

    def _use(self, place: int, record: Record) -> None:
        left = self._left_for(place, record)
        if left is None:
            return
        if self._every[place]:
            self._left_of[place, record.order] = left - 1
        else:
            self._left[place] = left - 1
