"""What an explanation is made of: frozen values that every renderer reads."""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

import attrs

from flytekitplugins_podtriage.core.model import Charge, ErrorKind, Verdict
from flytekitplugins_podtriage.report.text.humanize import from_now, length

NEVER = timedelta(days=3650)
"""What is further off is not going to happen: a time far in the future is a clock's mistake, or stands for none."""


class Tone(str, enum.Enum):
    """What a mark in a pod's story is about; renderers choose colour and sign by it."""

    PROGRESS = "progress"
    PULLING = "pulling"
    TROUBLE = "trouble"
    RUNNING = "running"
    WELL = "well"
    ENDED = "ended"


@attrs.frozen
class Mark:
    """One thing that happened to the pod."""

    at: datetime
    label: str
    """In a word or two: ``scheduled``, ``429``, ``exit 1``."""
    tone: Tone
    text: str = ""
    """What was said, in full, fit to be shown."""
    container: str | None = None
    count: int = 1
    """How often it had happened by then, where the record keeps only the first and the last time."""


@attrs.frozen
class Bill:
    """Who pays on one backend, if nothing changes."""

    label: str
    """The backend's name for a person."""
    charge: Charge
    budget: str
    """The budget and what is left of it: ``user, 0 left``, ``system, 1 of 3``, ``nobody``."""
    then: str
    """What follows."""
    ends: bool = False
    """Whether the task ends with it."""
    wrong: bool = False
    """Whether the user is charged for the platform's failure, or the platform for the user's."""


@attrs.frozen
class Explanation:
    """A pod at one moment: what happened, who pays, and what to do."""

    name: str
    namespace: str
    task: str | None
    """Name of the Flyte task, if the pod tells."""
    execution: str | None
    node: str | None
    """Id of the Flyte node, if the pod tells."""
    attempt: int
    """Number of the attempt, from 1."""
    attempts: int
    """How many the user's budget allows in all."""
    now: datetime
    """The moment of the explanation."""
    state: str
    """The pod's state in a word or two: ``ImagePullBackOff``, ``Failed: Evicted``."""
    since: datetime | None
    """Since when it is in that state (for a pod that waits: since it is on its node)."""
    verdict: Verdict
    """Podtriage's own."""
    over: bool
    """Whether the pod has ended: what is charged for it is charged at its end."""
    cause: str
    """What happened, in a sentence."""
    story: tuple[Mark, ...]
    """What happened to the pod, in order."""
    next_try: datetime | None
    """The earliest moment at which the kubelet pulls again; some seconds may be added by its sync."""
    bills: tuple[Bill, ...]
    """Who pays, backend by backend; empty where nothing is wrong."""
    notes: tuple[str, ...] = ()
    """What the answer assumes, and what is worth knowing."""

    @property
    def failing(self) -> bool:
        """Whether the pod's attempt is over and lost."""
        return self.verdict.failing

    @property
    def well(self) -> bool:
        """Whether nothing is wrong with the pod."""
        return self.verdict.kind is None and not self.failing

    @property
    def calm(self) -> bool:
        """Whether nothing is wrong, and no backend is going to charge for it all the same."""
        return self.well and not any(bill.charge.kind is not None for bill in self.bills)

    def when(self, bill: Bill) -> str:
        """Say when a backend charges, for a person."""
        at = bill.charge.at
        if at is None or bill.charge.kind is None:
            return "never"
        return "at its end" if self.over and at >= self.now else from_now(at, self.now)

    @property
    def standing(self) -> str:
        """The pod's state and its age, for a person: ``ImagePullBackOff for 2m 41s``, ``Failed 3s ago``."""
        if self.since is None or self.since > self.now:
            return self.state
        span = length(self.now - self.since)
        return f"{self.state} {span} ago" if self.over else f"{self.state} for {span}"

    @property
    def unknown(self) -> bool:
        """Whether nobody knows whose fault it is: the kind is then only a default."""
        return self.verdict.category is not None and self.verdict.category.value == "unknown"


def fault(kind: ErrorKind | None, unknown: bool = False) -> str:
    """Name whose fault it is, for a person.

    >>> fault(ErrorKind.SYSTEM), fault(ErrorKind.USER), fault(ErrorKind.SYSTEM, unknown=True), fault(None)
    ('SYSTEM', 'USER', 'unknown', '-')
    """
    if kind is None:
        return "-"
    return "unknown" if unknown else kind.value
