"""When pods are due: the moments that were planned for them, and those that have to come earlier.

An act that is planned for a moment may have to begin earlier where many are due at about the same time: each takes a
while, and the last one must not be late either. How many of the first ones must begin by now is decided in
``core/guard/margin``, from when each is charged and the rate at which acts can be made.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import datetime

import attrs

Key = tuple[str, str]
"""Namespace and name of a pod."""
CountDue = Callable[[Sequence[datetime], float, datetime], int]
"""Returns how many of the acts, whose charges are given in ascending order, must begin by now at a rate."""


@attrs.frozen
class DuePod:
    """A pod whose moment has come."""

    key: Key
    charge_at: datetime | None = None
    """When it is charged, if its act has to begin earlier than was planned, since many are due."""


@attrs.frozen
class _Wake:
    at: datetime
    charge_at: datetime | None
    """None: nothing is charged then, and it cannot come earlier."""


class Agenda:
    """The moments planned for pods, at most one each."""

    def __init__(self) -> None:
        self._wakes: dict[Key, _Wake] = {}
        self._heap: list[tuple[datetime, Key]] = []
        self._charges: list[datetime] = []
        self._charged: list[Key] = []
        """The pods of ``_charges``, in the same order."""

    def __len__(self) -> int:
        """Return for how many pods a moment is planned."""
        return len(self._wakes)

    @property
    def charges(self) -> int:
        """How many pods are to be acted on before they are charged."""
        return len(self._charges)

    def plan(self, key: Key, at: datetime, charge_at: datetime | None = None) -> None:
        """Plan a moment for a pod, in place of an earlier one.

        Args:
            key: the pod.
            at: the moment.
            charge_at: when the pod is charged, if its act may begin earlier where many are due; otherwise None.
        """
        self.drop(key)
        self._wakes[key] = _Wake(at, charge_at)
        heapq.heappush(self._heap, (at, key))
        if charge_at is not None:
            index = bisect_left(self._charges, charge_at)
            self._charges.insert(index, charge_at)
            self._charged.insert(index, key)

    def drop(self, key: Key) -> None:
        """Forget what was planned for a pod."""
        wake = self._wakes.pop(key, None)
        if wake is None:
            return
        if wake.charge_at is not None:
            index = self._charged.index(key, bisect_left(self._charges, wake.charge_at))
            del self._charges[index], self._charged[index]
        if len(self._heap) > 64 + 4 * len(self._wakes):  # most of it was dropped or planned anew
            self._heap = [(planned.at, each) for each, planned in self._wakes.items()]
            heapq.heapify(self._heap)

    def next_at(self) -> datetime | None:
        """Return the earliest moment that is planned."""
        heap = self._heap
        while heap and not self._is_planned(heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, count_due: CountDue, rate: float, now: datetime) -> list[DuePod]:
        """Remove and return the pods whose moment has come, and those that must not wait for it."""
        due: list[DuePod] = []
        heap = self._heap
        while heap and heap[0][0] <= now:
            planned = heapq.heappop(heap)
            if self._is_planned(planned):
                due.append(DuePod(planned[1]))
                self.drop(planned[1])
        if self._charges:
            early = count_due(self._charges, rate, now)
            for key, charge_at in zip(self._charged[:early], self._charges[:early], strict=True):
                due.append(DuePod(key, charge_at))
                self.drop(key)
        return due

    def _is_planned(self, planned: tuple[datetime, Key]) -> bool:
        wake = self._wakes.get(planned[1])
        return wake is not None and wake.at == planned[0]
