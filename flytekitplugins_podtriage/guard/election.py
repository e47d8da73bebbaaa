"""Who leads, decided from one coordination.k8s.io/v1 Lease: what to request next, and until when the lease is held.

Pure: requests out, responses and moments of a monotonic clock in, so that every order of lost, late and repeated
responses can be tested. :mod:`~flytekitplugins_podtriage.guard.lease` sends the requests.

The rules are client-go's (tools/leaderelection/leaderelection.go): an update carries the resource version that was
read; a candidate takes over only after the lease has not changed for its duration *as observed by its own clock*; times
in the lease are for people, and never compared with anything. Beyond client-go's, which calls itself no fence:

* The lease counts as held from the moment *before* the last renewal that succeeded was sent, so that it ends here
  before anybody else may take over. Nobody has to notice that: :meth:`Election.held_for` compares with the clock.
* A conflict ends it at once; it is held again when the next renewal has succeeded.
* A lease that does not exist may have been deleted while another replica held it. Whoever creates it holds it only
  after as long as the other one may still believe to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Union

import attrs

DRIFT: Final = 0.1
"""By which share of its duration a lease ends earlier here than for others: the clocks of two nodes may run unequally
fast."""


@attrs.frozen(kw_only=True)
class LeaseRecord:
    """A Lease as it was read or written."""

    resource_version: str
    holder: str = ""
    """``spec.holderIdentity``; empty: it was released."""
    duration: float = 0.0
    """``spec.leaseDurationSeconds``."""
    transitions: int = 0
    """``spec.leaseTransitions``: how often the holder has changed."""
    acquired: str | None = None
    """``spec.acquireTime``, as it was written."""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    """All of it, which an update has to repeat."""


@attrs.frozen
class ReadLease:
    """Request the lease."""


@attrs.frozen
class CreateLease:
    """Create the lease."""


@attrs.frozen
class UpdateLease:
    """Replace the lease, on its resource version."""

    record: LeaseRecord
    """What is replaced."""
    takes_over: bool = False
    """Whether the holder changes."""


@attrs.frozen
class NoLease:
    """The response to a read or an update: there is none."""


@attrs.frozen
class Conflict:
    """The response to a create or an update: the lease exists, or has changed."""


@attrs.frozen
class Failed:
    """Any other response, or none: the request may have been carried out, now or later."""


LeaseRequest = Union[ReadLease, CreateLease, UpdateLease]  # noqa: UP007  # evaluated on Python 3.10 too
LeaseResponse = Union[LeaseRecord, NoLease, Conflict, Failed]  # noqa: UP007  # the same


class Election:
    """One replica's view of the lease. For one thread, but for :meth:`held_for`, which any thread may call.

    Args:
        identity: of this replica; no other one, past or present, may have it.
        duration: of the lease, in seconds: after that long without a renewal others take over.
    """

    def __init__(self, identity: str, duration: float) -> None:
        self.identity = identity
        self.duration = duration
        self._record: LeaseRecord | None = None
        self._observed_at = -math.inf
        """When the record was first observed with this resource version."""
        self._read = False
        """Whether what is known of the lease may be acted upon: it was read in this round, or is this replica's own."""
        self._absent = False
        self._free_from = -math.inf
        """From when on a holder of a lease that was deleted no longer believes to hold it."""
        self._creating = False
        """Whether a create was not answered: it may be carried out later, when another lease was deleted meanwhile."""
        self._held: tuple[float, float] | None = None
        """From when until when this replica holds the lease."""

    @property
    def holder(self) -> str:
        """Who held the lease when it was last read; empty: nobody, or it is not known."""
        return self._record.holder if self._record is not None else ""

    @property
    def transitions(self) -> int:
        """How often the holder had changed by then."""
        return self._record.transitions if self._record is not None else 0

    def held_for(self, seconds: float, now: float) -> bool:
        """Whether this replica holds the lease, and will for so many seconds more whatever happens."""
        held = self._held
        return held is not None and held[0] <= now and now + seconds < held[1]

    def begin_round(self) -> None:
        """Begin to acquire or renew: who does not hold the lease has to read it anew."""
        if self._held is None:
            self._read = False

    def request(self, now: float) -> LeaseRequest | None:
        """Return what to request next in this round; None: nothing, another replica holds the lease."""
        if not self._read:
            return ReadLease()
        record = self._record
        if record is None:
            return CreateLease() if self._absent else ReadLease()
        if record.holder in ("", self.identity):
            return UpdateLease(record, takes_over=not record.holder)
        if now - self._observed_at < max(record.duration, self.duration):
            return None
        return UpdateLease(record, takes_over=True)

    def answered(self, request: LeaseRequest, response: LeaseResponse, sent: float, received: float) -> bool:
        """Take a response into account; return whether the round is over.

        Args:
            request: what was requested.
            response: what came of it.
            sent: a moment before the request was sent.
            received: when the response had arrived.
        """
        if isinstance(response, Failed):
            self._read = False
            self._creating = self._creating or isinstance(request, CreateLease)
            return True
        if isinstance(response, Conflict):
            self._read, self._held = False, None
            return isinstance(request, CreateLease)
        if isinstance(response, NoLease):
            # What is held stays held: whoever creates the lease anew, this replica too, waits for longer.
            self._record, self._read, self._absent = None, True, True
            self._free_from = received + self.duration
            return False
        self._absent, self._read = False, True
        if self._record is None or self._record.resource_version != response.resource_version:
            self._observed_at = received
        self._record = response
        if response.holder != self.identity:
            self._held = None
            return False
        if isinstance(request, ReadLease):
            if self._creating:
                self._creating, self._free_from = False, received + self.duration
            return False
        self._held = (self._free_from, sent + self.duration * (1.0 - DRIFT))
        return True

    def resign(self, now: float) -> UpdateLease | None:
        """Hold the lease no longer, from now on; return the request that releases it, if it was held."""
        held, self._held, self._read = self._held, None, False
        if held is None or held[0] > now or self._record is None or self._record.holder != self.identity:
            return None
        return UpdateLease(self._record)
