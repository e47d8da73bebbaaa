"""What all parts of the kubelet build on: acting on a pod later, emitting its events, ending its containers."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.clock import Clock
from flytekitplugins_podtriage.sandbox.faults.injector import Injector
from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd, Container, PodRecord

Body = Callable[[Mapping[str, Any], "int | None"], BodyEnd]


class Worker(ABC):
    """The base of the kubelet, and all that pod set-up, processes, timing and teardown need of it."""

    def __init__(self, clock: Clock, injector: Injector, body: Body | None) -> None:
        self.clock, self.injector, self.body = clock, injector, body

    @abstractmethod
    def exited(self, record: PodRecord, container: Container) -> None:
        """React to the end of a container's process."""

    def after(self, delay: int, record: PodRecord, action: Callable[[PodRecord], None]) -> None:
        """Act on a pod after a delay in milliseconds, unless it is gone by then."""
        self.clock.at(delay, record.order, partial(_unless_gone, record, action))

    def emit(self, record: PodRecord, reason: str, message: str, path: str | None = None) -> None:
        """Emit an event of type Normal about a pod or one of its containers."""
        if record.events.emit(self.clock.second, reason, message, path, False):
            record.version += 1

    def warn(self, record: PodRecord, reason: str, message: str, path: str | None = None) -> None:
        """Emit an event of type Warning about a pod or one of its containers."""
        if record.events.emit(self.clock.second, reason, message, path, True):
            record.version += 1

    def end_after(self, delay: int, record: PodRecord, container: Container, end: BodyEnd) -> None:
        """End a container's process after a delay in milliseconds, unless it has ended by then."""
        run = container.run

        def due(record: PodRecord) -> None:
            if container.running is not None and container.run == run:
                self.set_ended(container, end)
                self.exited(record, container)

        self.after(delay, record, due)

    def set_ended(self, container: Container, end: BodyEnd) -> None:
        """Store how a container has ended."""
        state = container.running.running if container.running is not None else None
        container.running, container.ended_at = None, self.clock.now
        container.ended = wire.State(
            terminated=wire.Terminated(
                exit_code=end.exit_code,
                reason=end.reason or ("Completed" if end.exit_code == 0 else "Error"),
                message=end.message,
                started_at=state.started_at if state is not None else None,
                finished_at=self.clock.second,
            )
        )


def _unless_gone(record: PodRecord, action: Callable[[PodRecord], None]) -> None:
    if not record.gone:
        action(record)


def random_id(seed: str) -> str:
    """Return an id such as runtimes assign, different for each try but the same in every run."""
    return "".join(f"{zlib.crc32(f'{seed}/{part}'.encode()):08x}" for part in range(8))
