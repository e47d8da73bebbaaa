"""When pods are due, in order, once each, and earlier where many are."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from flytekitplugins_podtriage.guard.agenda import Agenda, DuePod, Key
from tests.builders import NOW


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def key(name: str) -> Key:
    return ("ns", name)


def none_early(charges: Sequence[datetime], rate: float, now: datetime) -> int:
    return 0


def due(agenda: Agenda, seconds: float) -> list[str]:
    return [each.key[1] for each in agenda.due(none_early, 1.0, at(seconds))]


def test_pods_come_in_the_order_of_their_moments_and_once() -> None:
    agenda = Agenda()
    for name, moment in (("c", 30), ("a", 10), ("b", 20)):
        agenda.plan(key(name), at(moment))
    assert agenda.next_at() == at(10)
    assert due(agenda, 9.9) == []
    assert due(agenda, 25) == ["a", "b"]
    assert due(agenda, 25) == []
    assert agenda.next_at() == at(30)


def test_a_new_moment_replaces_the_earlier_one() -> None:
    agenda = Agenda()
    agenda.plan(key("a"), at(10), at(15))
    agenda.plan(key("a"), at(20), at(25))
    assert (len(agenda), agenda.charges) == (1, 1)
    assert due(agenda, 15) == []
    assert due(agenda, 20) == ["a"]
    assert (len(agenda), agenda.charges, agenda.next_at()) == (0, 0, None)


def test_a_pod_that_is_dropped_is_not_due() -> None:
    agenda = Agenda()
    agenda.plan(key("a"), at(10), at(15))
    agenda.drop(key("a"))
    agenda.drop(key("b"))
    assert due(agenda, 20) == []
    assert agenda.charges == 0


def test_the_first_ones_to_be_charged_come_early_where_many_are_due() -> None:
    agenda = Agenda()
    asked: list[tuple[list[datetime], float]] = []

    def two(charges: Sequence[datetime], rate: float, now: datetime) -> int:
        asked.append((list(charges), rate))
        return 2

    agenda.plan(key("b"), at(50), at(62))
    agenda.plan(key("c"), at(50), at(61))
    agenda.plan(key("a"), at(50), at(63))
    agenda.plan(key("later"), at(50))
    early = agenda.due(two, 3.0, at(0))
    assert asked == [([at(61), at(62), at(63)], 3.0)]
    assert early == [DuePod(key("c"), at(61)), DuePod(key("b"), at(62))]
    assert due(agenda, 50) == ["a", "later"]


def test_whatever_is_planned_and_dropped_the_charges_stay_in_order() -> None:
    chance = random.Random(7)
    agenda, planned = Agenda(), dict[Key, datetime]()
    for _ in range(5_000):
        name = key(str(chance.randrange(60)))
        if chance.random() < 0.3:
            agenda.drop(name)
            planned.pop(name, None)
        else:
            charge = at(chance.randrange(40))
            agenda.plan(name, charge, charge)
            planned[name] = charge
    assert agenda._charges == sorted(planned.values())
    assert [planned[each] for each in agenda._charged] == agenda._charges
    assert len(agenda._heap) <= 64 + 5 * len(planned), "moments that were replaced are forgotten"
