"""Acts begin as late as possible, and early enough for each to be made in time."""

from __future__ import annotations

import itertools
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.guard.margin import count_due, latest_starts, lead
from flytekitplugins_podtriage.core.guard.policy import GuardPolicy
from tests.builders import NOW
from tests.core.guard.pods import after

POLICY = GuardPolicy(margin=5, clock_skew=2)


@pytest.mark.parametrize(
    ("charges", "rate", "starts"),
    [
        pytest.param([], 10, [], id="none"),
        pytest.param([100], 10, [93], id="one begins its margin before its charge"),
        pytest.param([100, 100, 100], 2, [92, 92.5, 93], id="of three at a time the first begins two acts earlier"),
        pytest.param([100, 200], 2, [93, 193], id="those that are far apart do not matter to each other"),
        pytest.param([100, 100.1, 300], 2, [92.6, 93.1, 293], id="only as much earlier as is needed"),
        pytest.param([100, 100], 0, [93, 93], id="where no rate was measured each is taken alone"),
    ],
)
def test_latest_starts(charges: list[float], rate: float, starts: list[float]) -> None:
    assert latest_starts([after(each) for each in charges], POLICY, rate) == [after(each) for each in starts]


CHARGES = st.lists(st.integers(0, 10_000).map(lambda n: n / 10), max_size=40).map(sorted)


@given(CHARGES, st.sampled_from([0.5, 1.0, 2.0, 4.0, 64.0]))
def test_who_begins_then_is_never_late_and_nobody_could_begin_later(charges: list[float], rate: float) -> None:
    moments = [after(each) for each in charges]
    starts = latest_starts(moments, POLICY, rate)
    took, margin = timedelta(seconds=1 / rate), timedelta(seconds=7)

    assert all(start <= charge - margin for start, charge in zip(starts, moments, strict=True))
    assert all(after_ - before >= took for before, after_ in itertools.pairwise(starts))
    for index, start in enumerate(starts):
        following = starts[index + 1 :]
        assert start == moments[index] - margin or start == following[0] - took


@given(CHARGES, st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0, 64.0]), st.integers(0, 10_000).map(lambda n: n / 10))
def test_the_number_that_must_have_begun_agrees(charges: list[float], rate: float, now: float) -> None:
    moments = [after(each) for each in charges]

    due = sum(start <= after(now) for start in latest_starts(moments, POLICY, rate))

    assert count_due(moments, POLICY, rate, after(now)) == due


def test_five_thousand_pods_that_turn_at_once() -> None:
    charges = [after(180 + n / 1000) for n in range(5000)]
    began = time.perf_counter()
    starts = latest_starts(charges, POLICY, 50)
    took = time.perf_counter() - began

    assert lead(charges[0], starts[0]) == pytest.approx(7 + 4999 / 50 - 4.999)
    assert lead(charges[-1], starts[-1]) == 7
    assert count_due(charges, POLICY, 50, NOW) == 0
    assert count_due(charges, POLICY, 50, starts[0]) == 1
    assert took < 0.5  # 5 ms, with room for a busy machine
