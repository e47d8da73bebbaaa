"""Who leads: the order of requests, and the law that no two replicas believe to lead at one moment."""

from __future__ import annotations

import math
import random
from typing import Final

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytekitplugins_podtriage.guard.election import (
    Conflict,
    CreateLease,
    Election,
    Failed,
    LeaseRecord,
    LeaseRequest,
    LeaseResponse,
    NoLease,
    ReadLease,
    UpdateLease,
)

DURATION: Final = 15.0


def record(version: str, holder: str = "", duration: float = DURATION) -> LeaseRecord:
    return LeaseRecord(resource_version=version, holder=holder, duration=duration)


def led_by_a(version: str = "1", sent: float = 0.0) -> Election:
    """Return the election of the replica "a", which has taken a released lease."""
    election = Election("a", DURATION)
    election.begin_round()
    assert not election.answered(ReadLease(), record("0"), sent, sent)
    request = election.request(sent)
    assert request == UpdateLease(record("0"), takes_over=True)
    assert election.answered(request, record(version, "a"), sent, sent + 3)
    return election


# The order of requests


def test_a_released_lease_is_taken_at_once() -> None:
    election = led_by_a()
    assert election.held_for(0, 3)
    assert election.holder == "a"


def test_the_lease_counts_from_the_moment_before_the_renewal_was_sent() -> None:
    election = led_by_a(sent=100.0)
    assert election.held_for(5, 108.4)
    assert not election.held_for(5, 108.6), "13.5 s of 15 s, from the moment before it was sent"
    assert not election.held_for(0, 113.5)


def test_another_ones_lease_is_taken_only_after_it_has_not_changed_for_its_duration() -> None:
    election = Election("b", DURATION)
    election.begin_round()
    election.answered(ReadLease(), record("1", "a"), 0.0, 2.0)
    assert election.request(16.9) is None
    election.begin_round()
    assert election.request(17.0) == ReadLease(), "it is read before it is taken"
    election.answered(ReadLease(), record("2", "a"), 17.0, 17.1)
    assert election.request(30.0) is None, "it was renewed: the duration counts anew"
    election.begin_round()
    election.answered(ReadLease(), record("2", "a"), 32.0, 32.2)
    assert election.request(32.2) == UpdateLease(record("2", "a"), takes_over=True)


def test_the_longer_duration_counts() -> None:
    election = Election("b", DURATION)
    election.begin_round()
    election.answered(ReadLease(), record("1", "a", duration=60.0), 0.0, 0.0)
    assert election.request(59.9) is None
    assert isinstance(election.request(60.0), UpdateLease)
    election.begin_round()
    election.answered(ReadLease(), record("2", "a", duration=0.0), 60.0, 60.0)
    assert election.request(74.9) is None, "a lease without a duration has this replica's own"


@pytest.mark.parametrize("response", [Conflict(), record("5", "b")])
def test_the_lease_is_lost_at_once(response: LeaseResponse) -> None:
    election = led_by_a()
    request: LeaseRequest = UpdateLease(record("1", "a")) if isinstance(response, Conflict) else ReadLease()
    election.answered(request, response, 4.0, 4.1)
    assert not election.held_for(0, 4.1)


def test_a_conflict_with_an_own_renewal_that_was_not_answered_is_over_after_the_next_one() -> None:
    election = led_by_a()
    assert election.answered(UpdateLease(record("1", "a")), Failed(), 4.0, 6.0)
    assert election.held_for(0, 6.0), "what was held before is held on"
    election.begin_round()
    assert election.request(6.0) == ReadLease()
    election.answered(ReadLease(), record("2", "a"), 6.0, 6.1)
    request = election.request(6.1)
    assert request == UpdateLease(record("2", "a"))
    assert election.answered(request, record("3", "a"), 6.1, 6.2)
    assert election.held_for(13, 6.2)


def test_who_creates_the_lease_waits_until_a_former_holder_has_given_up() -> None:
    election = Election("a", DURATION)
    election.begin_round()
    assert not election.answered(ReadLease(), NoLease(), 0.0, 1.0)
    request = election.request(1.0)
    assert request == CreateLease()
    assert election.answered(request, record("1", "a"), 1.0, 1.1)
    assert not election.held_for(0, 1.1)
    for second in range(3, 17, 2):
        renewal = election.request(second)
        assert renewal is not None
        election.answered(renewal, record(str(second), "a"), second, second)
        assert election.held_for(0, second) == (second >= 16)
    assert not election.held_for(0, 15.9)
    assert election.held_for(0, 16.0)


def test_who_resigns_holds_it_no_longer_whether_or_not_that_is_answered() -> None:
    election = led_by_a()
    assert election.resign(3.0) == UpdateLease(record("1", "a"))
    assert not election.held_for(0, 3.0)
    assert election.resign(3.0) is None


def test_who_may_not_act_yet_does_not_release_what_it_created() -> None:
    election = Election("a", DURATION)
    election.begin_round()
    election.answered(ReadLease(), NoLease(), 0.0, 0.0)
    election.answered(CreateLease(), record("1", "a"), 0.0, 0.0)
    assert election.resign(1.0) is None, "another replica would take it at once, before a former holder has given up"


# The law


@attrs.define
class Flight:
    """A request on its way: to the server, and back."""

    replica: Replica
    request: LeaseRequest
    sent: float
    arrives: float
    """When the server carries it out; infinity: never."""
    returns: float
    """When the response is there; infinity: never."""
    release: bool = False
    response: LeaseResponse = attrs.field(factory=Failed)
    carried_out: bool = False


@attrs.define
class Replica:
    """A replica: it waits for a response for some seconds, then goes on without it."""

    election: Election
    waits_for: Flight | None = None
    next_round: float = 0.0


class Server:
    """The API server's part: one lease, optimistic concurrency."""

    def __init__(self) -> None:
        self.lease: LeaseRecord | None = None
        self._version = 0

    def carry_out(self, request: LeaseRequest, identity: str, *, release: bool) -> LeaseResponse:
        """Carry out a request of a replica, now."""
        if isinstance(request, ReadLease):
            return self.lease or NoLease()
        if isinstance(request, CreateLease):
            return Conflict() if self.lease is not None else self._write(identity)
        if self.lease is None:
            return NoLease()
        if self.lease.resource_version != request.record.resource_version:
            return Conflict()
        return self._write("" if release else identity)

    def _write(self, holder: str) -> LeaseRecord:
        self._version += 1
        self.lease = record(str(self._version), holder)
        return self.lease


DELAYS: Final = (0.0, 0.01, 0.5, 3.0, 7.0, 16.0, 40.0, float("inf"))
TIMEOUT: Final = 5.0


def play(seed: int) -> tuple[int, int]:
    """Play three replicas for some minutes; return at how many moments one led, and how often the leader changed.

    Requests hang, are lost, and are carried out or answered late; replicas end, and somebody deletes the lease.
    """
    chance = random.Random(seed)  # thousands of choices: drawn from Hypothesis one by one they take seconds
    server = Server()
    replicas = [Replica(Election(name, DURATION)) for name in "abc"]
    flights: list[Flight] = []
    now, led, changes, leader = 0.0, 0, 0, ""
    hanging, deleting = chance.choice((0.02, 0.2, 0.7)), chance.choice((0.0, 0.01, 0.1))
    while now < 400.0:
        for flight in flights:
            if not flight.carried_out and flight.arrives <= now:
                flight.carried_out = True
                identity = flight.replica.election.identity
                flight.response = server.carry_out(flight.request, identity, release=flight.release)
        for replica in replicas:
            advance(replica, flights, now, chance, hanging)
        leaders = [replica.election.identity for replica in replicas if replica.election.held_for(0, now)]
        assert len(leaders) < 2, f"{leaders} lead at {now}"
        led += len(leaders)
        if leaders and leaders != [leader]:
            changes, leader = changes + 1, leaders[0]
        if chance.random() < deleting:
            server.lease = None
        if chance.random() < 0.01:
            replica = chance.choice(replicas)
            request = replica.election.resign(now)
            if request is not None:
                flights.append(Flight(replica, request, now, now + chance.choice(DELAYS), math.inf, release=True))
            replicas[replicas.index(replica)] = Replica(Election(f"{now}", DURATION), next_round=now + 3.0)
        now += chance.choice((0.01, 0.4, 1.0, 2.0))
    return led, changes


def advance(replica: Replica, flights: list[Flight], now: float, chance: random.Random, hanging: float) -> None:
    """Hand a replica the response that it waits for, or have it begin a round."""
    waits = replica.waits_for
    if waits is None and now >= replica.next_round:
        replica.election.begin_round()
    elif waits is not None and now >= min(waits.returns, waits.sent + TIMEOUT):
        answered = waits.carried_out and waits.returns <= now and waits.returns <= waits.sent + TIMEOUT
        response = waits.response if answered else Failed()
        replica.waits_for = None
        if replica.election.answered(waits.request, response, waits.sent, now):
            replica.next_round = now + 2.0
            return
    else:
        return
    request = replica.election.request(now)
    if request is None:
        replica.next_round = now + 2.0
        return
    there, back = (chance.choice(DELAYS) if chance.random() < hanging else 0.01 for _ in range(2))
    replica.waits_for = Flight(replica, request, now, now + there, now + there + back)
    flights.append(replica.waits_for)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_no_two_replicas_believe_to_lead_at_one_moment(seed: int) -> None:
    play(seed)


def test_somebody_leads_nearly_all_the_time_and_others_take_over() -> None:
    """The law above is not kept by nobody ever leading."""
    games = [play(seed) for seed in range(20)]
    assert sum(led for led, _ in games) > 2_000
    assert sum(changes for _, changes in games) > 40
