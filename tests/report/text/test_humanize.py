"""Times and durations for people."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from flytekitplugins_podtriage.report.text.humanize import format_clock, format_duration, format_relative

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.6, "1s"),
        (59.4, "59s"),
        (59.6, "1m"),
        (61, "1m 1s"),
        (3600, "1h"),
        (3661, "1h 1m"),
        (3601, "1h"),
        (90_000, "1d 1h"),
        (-5, "5s"),
    ],
)
def test_a_length_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert format_duration(timedelta(seconds=seconds)) == text


def test_moments_are_told_from_now() -> None:
    assert format_relative(NOON + timedelta(seconds=0.9), NOON) == "now"
    assert format_relative(NOON + timedelta(seconds=19), NOON) == "in 19s"
    assert format_relative(NOON - timedelta(seconds=125), NOON) == "2m 5s ago"


def test_a_clock_shows_the_date_only_where_it_is_another() -> None:
    assert format_clock(NOON, NOON) == "12:00:00"
    assert format_clock(NOON - timedelta(days=1), NOON) == "2025-12-31 12:00:00"
    assert format_clock(NOON.astimezone(timezone(timedelta(hours=9)))) == "12:00:00"
