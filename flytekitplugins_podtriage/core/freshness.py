"""How fresh a view of a cluster is: the moment up to which everything that happened is known to be in it.

*Time counts only as far as the view reaches.* A verdict may rest on something that was observed (a container that
exited, a deletion, a refusal), or on time that passed without news (a pull that still fails after three minutes). The
first kind holds whatever the clock says. The second kind holds only if there was no news, and that is known up to
``as_of`` at most: while an API server is away the pull may have succeeded long ago.

So no rule says of itself whether it rests on time. Whoever decides passes a :class:`Freshness`, and the core compares:
an ending that a verdict gives at ``now``, but not yet at ``as_of``, rests on time that nobody has observed, and has to
be confirmed by reading the pod first.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from flytekitplugins_podtriage.core.durations import ZERO_TIME


@attrs.frozen(kw_only=True)
class Freshness:
    """Up to which moment a view is known to be complete, by the cluster's clock."""

    as_of: datetime | None
    """The view has everything that happened up to this moment: it was read from the API server then, or later. None:
    that is known of no moment; what the view shows did happen, but there may be news. Of an object that is gone:
    it still existed at this moment."""
    heard_at: datetime | None = None
    """When the source of the view last reported anything. It may have missed something since, so that nothing is
    decided on it: it is for messages."""

    def __attrs_post_init__(self) -> None:
        for name, moment in (("as_of", self.as_of), ("heard_at", self.heard_at)):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{name} is a naive datetime; allowed: one with a zone")

    @classmethod
    def current(cls, now: datetime) -> Freshness:
        """Return the freshness of a view that is complete now: of a simulation, or of a pod that was just read."""
        return cls(as_of=now)

    def reach(self, now: datetime) -> datetime:
        """Return the moment as of which a decision that is due now is to be made: never a later one than now.

        Where no moment is known it lies before everything, so that only what was observed can end an attempt.
        """
        if self.as_of is None:
            return ZERO_TIME
        return min(self.as_of, now)

    def age(self, now: datetime) -> float | None:
        """Return how old the view is, in seconds; None if it was never heard of."""
        moments = [moment for moment in (self.as_of, self.heard_at) if moment is not None]
        return max(0.0, (now - max(moments)).total_seconds()) if moments else None

    def describe(self, now: datetime) -> str:
        """Return how old the view is, for a message: ``the last view of it is 47 s old``."""
        age = self.age(now)
        return "there is no view of it yet" if age is None else f"the last view of it is {age:.0f} s old"
