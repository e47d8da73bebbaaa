"""The run of a task on one backend: its attempts, who paid for each, and how it ended."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from flytekitplugins_podtriage.core.accounting import Counters, Failure, Limits
from flytekitplugins_podtriage.core.model import ErrorKind, Verdict


@attrs.frozen(slots=True, kw_only=True)
class AttemptRecord:
    """One attempt."""

    number: int
    """From 1."""
    pod: str
    began: datetime
    """By the cluster's clock, as all times here."""
    ended: datetime
    verdict: Verdict
    """Podtriage's own verdict on the pod in its last state, whatever the backend decided."""
    failure: Failure | None
    """The failure as the backend accounted for it; None: the attempt succeeded."""
    charged: ErrorKind | None = None
    """The budget that paid, or that was empty; None: neither."""
    retried: bool = False
    """Whether another attempt follows."""
    counters: Counters = attrs.field(factory=Counters)
    """The backend's, after this attempt."""
    why: str = ""
    """Why that budget, in a sentence, where podtriage decided."""
    recovered_from: Verdict | None = None
    """Podtriage's verdict on the last failure that did not end the attempt: a pull that was tried again."""
    states: tuple[str, ...] = ()
    """The states of the pod, in order and without repetitions: ``Pending/ErrImagePull``."""
    waited: timedelta = timedelta()
    """How much of its time it spent in trouble that did not end it: from a failed pull until the container started."""

    @property
    def duration(self) -> timedelta:
        """How long it took, in the cluster's time."""
        return self.ended - self.began


@attrs.frozen(slots=True, kw_only=True)
class TaskRun:
    """All attempts of a task on one backend."""

    task: str
    backend: str
    limits: Limits
    attempts: tuple[AttemptRecord, ...] = attrs.field(repr=False)
    """There may be thousands; asyncio shows a task's result whenever one ends (signal.getsignal, Python 3.11)."""
    succeeded: bool
    final: Failure | None = None
    """The error that the user is left with, if it failed."""
    note: str = ""
    """Why it was not followed any further, if it was not."""
    mapped: bool = False
    """Whether it is of one element of a mapped task."""
    depth: int = 0
    """In how many bodies of other tasks (dynamic ones) the task was called."""

    @property
    def paid(self) -> dict[ErrorKind, int]:
        """How many attempts each budget paid for, or was empty for."""
        return {kind: sum(one.charged is kind for one in self.attempts) for kind in ErrorKind}

    @property
    def time_lost(self) -> timedelta:
        """The time spent in attempts that failed."""
        return sum((one.duration for one in self.attempts if one.failure is not None), timedelta())

    @property
    def delay(self) -> timedelta:
        """The time lost, and the time that a successful attempt waited because of trouble."""
        return self.time_lost + sum((one.waited for one in self.attempts if one.failure is None), timedelta())
