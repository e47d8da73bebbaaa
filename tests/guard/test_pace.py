"""The rate of acts, as measured."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.guard.pace import Pace


def test_the_first_estimate_is_cautious() -> None:
    assert Pace(8).rate == pytest.approx(0.75 * 8 / 0.1 / 5)


def test_without_a_queue_the_time_of_requests_counts() -> None:
    pace = Pace(8)
    for number in range(200):
        pace.note(number, number + 0.02, waiting=False)
    assert pace.rate == pytest.approx(0.75 * 8 / 0.02 / 5, rel=0.01)


def test_with_a_queue_what_is_completed_counts() -> None:
    pace = Pace(8)
    for number in range(200):
        pace.note(number / 40, number / 40 + 0.02, waiting=True)
    assert pace.rate == pytest.approx(0.75 * 40 / 5, rel=0.01)


def test_the_time_without_a_queue_is_no_measure_of_what_can_be_completed() -> None:
    pace = Pace(8)
    for number in range(200):
        pace.note(100.0 * number, 100.0 * number + 0.02, waiting=True)
        pace.note(100.0 * number, 100.0 * number + 0.02, waiting=False)
    assert pace.rate == pytest.approx(0.75 * 8 / 0.02 / 5, rel=0.01)
