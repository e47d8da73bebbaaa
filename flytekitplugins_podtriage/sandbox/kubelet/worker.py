"""What all parts of the kubelet build on: acting on a pod later, recording its events, ending its containers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.clock import Clock
from flytekitplugins_podtriage.sandbox.faults.injector import Choice
from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd, Container, Record

Body = Callable[[Mapping[str, Any], "int | None"], BodyEnd]


class Worker(ABC):
    """The base of the kubelet: set-up, processes, timing and teardown need no more of it than this."""

    def __init__(self, clock: Clock, choice: Choice, body: Body | None) -> None:
        self.clock, self.choice, self.body = clock, choice, body

    @abstractmethod
    def exited(self, record: Record, container: Container) -> None:
        """React to the end of a container's process."""

    def after(self, delay: int, record: Record, action: Callable[[Record], None]) -> None:
        """Act on a pod after a delay in milliseconds, unless it is gone by then."""
        self.clock.at(delay, record.order, partial(_unless_gone, record, action))

    def say(self, record: Record, reason: str, message: str, path: str | None = None, *, warning: bool = False) -> None:
        """Record an event of a pod."""
        if record.events.say(self.clock.second(), reason, message, path=path, warning=warning):
            record.version += 1

    def end_after(
        self, delay: int, record: Record, container: Container, code: int, end: BodyEnd | None = None
    ) -> None:
        """End a container's process after a delay in milliseconds, unless it has ended by then."""
        run, how = container.run, end or BodyEnd(code)

        def due(record: Record) -> None:
            if container.running is not None and container.run == run:
                self.ended(container, how)
                self.exited(record, container)

        self.after(delay, record, due)

    def ended(self, container: Container, end: BodyEnd) -> None:
        """Store that a container has ended."""
        state = container.running.running if container.running is not None else None
        container.running, container.ended_at = None, self.clock.now
        container.ended = wire.State(
            terminated=wire.Terminated(
                exit_code=end.exit_code,
                reason=end.reason or ("Completed" if end.exit_code == 0 else "Error"),
                message=end.message,
                started_at=state.started_at if state is not None else None,
                finished_at=self.clock.second(),
            )
        )


def _unless_gone(record: Record, action: Callable[[Record], None]) -> None:
    if not record.gone:
        action(record)
