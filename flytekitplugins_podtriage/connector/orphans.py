"""Finding the pods that run though nobody needs them: of aborted attempts, and of executions that are over.

FlytePropeller repeats a DeleteTask for some two minutes only, and its cache polls on where a FlyteWorkflow was removed
without its finalizers (flyteplugins internal/webapi/cache.go). So both are looked for whether or not FlytePropeller
asks about a pod: in the store every :data:`STOPPED_PERIOD`, at the API server once for each execution in
``orphaned-after``. Each pod and each execution has its own moment in the period, so that thousands are not asked about
at the same time.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from flytekitplugins_podtriage.connector.attempt_store import AttemptStore
from flytekitplugins_podtriage.connector.in_turns import in_turns
from flytekitplugins_podtriage.connector.pod_manifest import EXECUTION, annotation
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot

STOPPED_PERIOD: Final = 300.0
"""Seconds between two looks for the mark of an aborted attempt."""
_STORE_CALLS: Final = 8
_API_CALLS: Final = 2
"""How many calls are made at a time. Both have more to do than this: pods are created in the meantime."""
_WITHIN: Final = 20.0
"""Seconds for all calls of one collection; what is left is asked next time."""

ExecutionOver = Callable[[str, str], Awaitable["bool | None"]]
"""Returns, for a namespace and the name of an execution, whether that is over; None if that is not known."""
_Key = TypeVar("_Key", bound=Hashable)
_Execution = tuple[str, str]


class OrphanFinder:
    """Finds the pods that nobody needs; ``clock`` is monotonic, in seconds."""

    def __init__(self, store: AttemptStore, execution_over: ExecutionOver | None, clock: Callable[[], float]) -> None:
        self._store = store
        self._execution_over = execution_over
        self._attempts: _Schedule[PodMeta] = _Schedule(clock)
        self._executions: _Schedule[_Execution] = _Schedule(clock)

    async def find(self, pods: Sequence[tuple[PodMeta, PodSnapshot]], period: float) -> set[PodMeta]:
        """Return the pods that are not needed, of those that are to be asked about now.

        Args:
            pods: all that have not ended.
            period: in which each execution is asked about once, in seconds.
        """
        return await self._of_aborted_attempts(pods) | await self._of_executions_over(pods, period)

    async def _of_aborted_attempts(self, pods: Iterable[tuple[PodMeta, PodSnapshot]]) -> set[PodMeta]:
        stopped: set[PodMeta] = set()

        async def check(meta: PodMeta) -> None:
            if await self._store.is_stopped(meta):
                stopped.add(meta)

        due = self._attempts.due({meta: f"{meta.namespace}/{meta.pod}" for meta, _ in pods}, STOPPED_PERIOD)
        self._attempts.put_off(await in_turns(due, check, at_a_time=_STORE_CALLS, within=_WITHIN))
        return stopped

    async def _of_executions_over(self, pods: Iterable[tuple[PodMeta, PodSnapshot]], period: float) -> set[PodMeta]:
        over: set[PodMeta] = set()
        execution_over, executions = self._execution_over, _by_execution(pods)
        if execution_over is None:
            return over

        async def check(execution: _Execution) -> None:
            # None (an error, a missing permission, no such API) says nothing.
            if await execution_over(*execution) is True:
                over.update(executions[execution])

        due = self._executions.due({execution: "/".join(execution) for execution in executions}, period)
        self._executions.put_off(await in_turns(due, check, at_a_time=_API_CALLS, within=_WITHIN))
        return over


def _by_execution(pods: Iterable[tuple[PodMeta, PodSnapshot]]) -> dict[_Execution, list[PodMeta]]:
    executions: dict[_Execution, list[PodMeta]] = {}
    for meta, snapshot in pods:
        name = annotation(snapshot, EXECUTION)
        if name:
            executions.setdefault((meta.namespace, name), []).append(meta)
    return executions


class _Schedule(Generic[_Key]):
    """Gives each key its own moment in a period; nothing is kept of a key but that it was put off."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self._put_off: list[_Key] = []

    def due(self, names: Mapping[_Key, str], period: float) -> list[_Key]:
        """Return the keys that were put off, then those whose moment has passed since the last call.

        Args:
            names: the keys, each with the text that its moment follows from.
            period: in seconds.
        """
        last, self._last = self._last, self._clock()
        put_off, self._put_off = [key for key in self._put_off if key in names], []
        passed = set(put_off)
        return put_off + [
            key
            for key, name in names.items()
            if key not in passed and _period(name, last, period) != _period(name, self._last, period)
        ]

    def put_off(self, keys: list[_Key]) -> None:
        """Have these keys be due next time."""
        self._put_off = keys


def _period(name: str, moment: float, length: float) -> int:
    """Return the number of the period that a moment is in; the periods of a name begin at a moment of its own."""
    return math.floor(moment / length + zlib.crc32(name.encode()) / 2**32)
