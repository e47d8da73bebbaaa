"""What the loop is given: the decisions that it carries out, and who is informed of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import attrs

from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from flytekitplugins_podtriage.core.guard.values import Plan, Report


class State(Protocol):
    """What is kept of a pod; only the decisions know more of it."""

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost if it were forgotten."""
        ...


@attrs.frozen(kw_only=True)
class Decisions:
    """The decisions that the loop carries out: those of ``core/guard``."""

    step: Callable[..., tuple[Any, Sequence[Plan]]]
    """``reducer.step(state, event, policy, now, lead=...)``."""
    new: State
    """``reducer.NEW``."""
    count_due: Callable[[Sequence[datetime], GuardPolicy, float, datetime], int]
    """``margin.count_due``."""


class Observer(Protocol):
    """Who is informed of what the guard does: metrics, the audit log."""

    def report(self, report: Report, now: datetime) -> None:
        """Take note of what became of a pod."""
        ...

    def decided(self, seconds: float) -> None:
        """Take note of a decision that was made so many seconds after the change that it is about had arrived."""
        ...
