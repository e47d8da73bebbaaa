"""Which of a plan's faults strike, and how often they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flytekitplugins_podtriage.sandbox.faults import Fault
from flytekitplugins_podtriage.sandbox.plan import Plan
from flytekitplugins_podtriage.sandbox.pods import Container, Record
from flytekitplugins_podtriage.sandbox.registry import meant, unlucky

ON_ADMISSION: Final = ("unschedulable", "gated", "rejected")
"""Words of the faults that keep a pod from a node."""


class Choice:
    """The faults of a plan, by what they are about, with those used up left out."""

    def __init__(self, plan: Plan) -> None:
        self._faults: dict[str, list[tuple[int, Fault]]] = {}
        for place, fault in enumerate(plan.faults):
            self._faults.setdefault(fault.target, []).append((place, fault))
        self._left = [fault.times for fault in plan.faults]

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
            self._use(place)
            if fault.lasts is None:
                return slow, fault
            slow += fault.lasts
        return slow, None

    def absent(self, record: Record, container: Container, after: float) -> bool:
        """Whether the image of a container that is never pulled is not there."""
        for place, fault in self._fitting("pull", record, container.name, after):
            if fault.what == "absent" and meant(fault, container.image):
                self._use(place)
                return True
        return False

    def start(self, record: Record, container: Container, after: float) -> Fault | None:
        """Return what keeps a container from being created or started now, if anything does."""
        for place, fault in self._fitting("start", record, container.name, after):
            self._use(place)
            return fault
        return None

    def admission(self, record: Record, words: tuple[str, ...], after: float) -> Fault | None:
        """Return what keeps a pod from a node now, if anything of these words does."""
        for place, fault in self._fitting("pod", record, None, after):
            if not fault.what.startswith(words):
                continue
            self._use(place)
            return fault
        return None

    def of_pod(self, record: Record) -> Iterator[Fault]:
        """Yield what will befall a pod in its life, once it is on a node."""
        for place, fault in self._faults.get("pod", ()):
            if fault.what.startswith(ON_ADMISSION):
                continue
            if self._left[place] != 0 and fault.concerns(record.task, record.attempt, None):
                self._use(place)
                yield fault

    def of_body(self, record: Record, container: Container) -> list[Fault]:
        """Return what is planned for the process of a container; without a name the task's own is meant."""
        found = []
        for place, fault in self._faults.get("body", ()):
            named = fault.container == container.name or (not fault.container and container.primary)
            if named and self._left[place] != 0 and fault.concerns(record.task, record.attempt, None):
                self._use(place)
                found.append(fault)
        return found

    def of_nodes(self) -> list[Fault]:
        """Return what befalls nodes."""
        return [fault for _, fault in self._faults.get("node", ())]

    def _fitting(self, target: str, record: Record, container: str | None, after: float) -> Iterator[tuple[int, Fault]]:
        for place, fault in self._faults.get(target, ()):
            if (
                self._left[place] != 0
                and fault.active(after)
                and fault.concerns(record.task, record.attempt, container)
            ):
                yield place, fault

    def _use(self, place: int) -> None:
        left = self._left[place]
        if left is not None:
            self._left[place] = left - 1
