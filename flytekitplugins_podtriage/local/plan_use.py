"""Warnings about faults that never occurred, for local runs that nobody listens to (``pyflyte run``)."""

from __future__ import annotations

import atexit
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flytekitplugins_podtriage.sandbox.faults.occurrences import Occurrences
    from flytekitplugins_podtriage.sandbox.faults.plan import Plan

_by_plan: dict[str, tuple[Plan, Occurrences]] = {}


def occurrences_of(text: str, plan: Plan) -> Occurrences:
    """Return what has occurred of a plan in this process; where it ends, faults that have not are named on stderr.

    A workflow's tasks run one by one, and no task knows which of them is the last.
    """
    from flytekitplugins_podtriage.sandbox.faults.occurrences import Occurrences

    if not _by_plan:
        atexit.register(warn)
    return _by_plan.setdefault(text, (plan, Occurrences()))[1]


def warn() -> None:
    """Name the faults that have not occurred on stderr, and forget them."""
    while _by_plan:
        plan, occurrences = _by_plan.pop(next(iter(_by_plan)))
        for missing in occurrences.missing(plan):
            print(f"podtriage: warning: {missing}", file=sys.stderr)  # noqa: T201  # there is no command to do it
