"""When acts must begin so that each is made in time, though many are due at about the same moment.

Acts are made in the order in which their charges are due (earliest deadline first), at a rate that was measured.
Counted back from the last one, each must begin one act's time before the next one must, and its margin before its own
charge: with any later start one of them would be late, whatever the order (Liu and Layland, 1973).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from flytekitplugins_podtriage.core.guard.policy import GuardPolicy


def latest_starts(charges: Sequence[datetime], policy: GuardPolicy, rate: float) -> list[datetime]:
    """Return by when each act must begin; linear in their number.

    Args:
        charges: when each pod is charged otherwise, in ascending order.
        policy: its margin and clock skew come on top.
        rate: how many acts a second can be made, as measured; 0 or less: not known, each is taken alone.

    Returns:
        The moments, in the order of the charges; ascending.
    """
    margin = timedelta(seconds=policy.margin + policy.clock_skew)
    took = timedelta(seconds=1 / rate) if rate > 0 else timedelta(0)
    starts: list[datetime] = []
    following: datetime | None = None
    for charge in reversed(charges):
        start = charge - margin
        if following is not None and following - took < start:
            start = following - took
        starts.append(start)
        following = start
    starts.reverse()
    return starts


def count_due(charges: Sequence[datetime], policy: GuardPolicy, rate: float, now: datetime) -> int:
    """Return how many of the acts, the first ones, must have begun by now; the arguments are as above.

    It agrees with :func:`latest_starts`, and mostly looks at few of the charges: one that is due further off than all
    of them together take cannot make the first one begin earlier.
    """
    margin = policy.margin + policy.clock_skew
    took = 1 / rate if rate > 0 else 0.0
    all_take = len(charges) * took
    due = 0
    for index, charge in enumerate(charges):
        slack = (charge - now).total_seconds() - margin
        if slack > all_take:
            break
        if slack <= 0:
            due = index + 1
        elif took:
            due = max(due, index + 1 - math.ceil(slack / took))
    return due


def lead(charge: datetime, start: datetime) -> float:
    """Return how many seconds before its charge an act that starts then begins: what ``step`` takes."""
    return max(0.0, (charge - start).total_seconds())
