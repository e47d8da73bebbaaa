"""The API server's clock: counted by the monotonic one, set by the ``Date`` of responses, blind to the host's wall."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.kube.client.server_clock import ServerClock

START = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
SECONDS = st.floats(0, 5, allow_nan=False)


def date(at: datetime) -> str:
    return format_datetime(at.replace(microsecond=0), usegmt=True)


class Host:
    """The clocks of a host, and of a server that may differ from it."""

    def __init__(self, wall: float = 0.0) -> None:
        self.time = 0.0
        self.asleep = 0.0
        self.wall = wall
        self.clock = ServerClock(lambda: 500.0 + self.time - self.asleep, lambda: self.server.timestamp() + self.wall)

    @property
    def server(self) -> datetime:
        return START + timedelta(seconds=self.time)

    @property
    def ahead(self) -> float:
        """By how much the estimate is ahead of the server, in seconds."""
        return (self.clock.now() - self.server).total_seconds()

    def request(self, before: float = 0.01, after: float = 0.01) -> None:
        """Take so long until the server writes the date of its response, and until that arrives."""
        sent = self.clock.monotonic()
        self.time += before
        header = date(self.server)
        self.time += after
        self.clock.observe(header, sent, self.clock.monotonic())


@pytest.mark.parametrize("jump", [-3600.0, 3600.0, 86400.0])
def test_a_jump_of_the_host_s_clock_changes_nothing(jump: float) -> None:
    for asked in (False, True):
        host = Host()
        if asked:
            host.request()
        before = host.ahead
        host.wall = jump
        host.time += 60
        assert host.ahead == pytest.approx(before, abs=1e-3)


@pytest.mark.parametrize("wrong", [-3600.0, 3600.0])
def test_a_wrong_clock_of_the_host_counts_until_the_first_response(wrong: float) -> None:
    host = Host(wrong)
    assert host.ahead == pytest.approx(wrong)
    host.request()
    assert -1.1 <= host.ahead <= 0


def test_a_host_that_slept_is_late_until_the_next_response() -> None:
    host = Host()
    host.request()
    host.time += 3600
    host.asleep += 3600
    assert -3601.1 <= host.ahead <= -3600
    host.request()
    assert -1.1 <= host.ahead <= 0


def test_a_server_whose_clock_was_set_is_followed() -> None:
    host = Host()
    host.request()
    for step in (-1800.0, 7200.0):
        host.asleep = -step  # as seen from here
        host.request()
        assert -1.1 <= host.ahead <= 0


@given(st.lists(st.tuples(SECONDS, SECONDS, st.floats(0, 900)), min_size=1, max_size=12))
def test_it_is_never_ahead_of_the_server_and_never_more_behind_than_the_best_response(
    requests: list[tuple[float, float, float]],
) -> None:
    host = Host(3600.0)
    bounds = []
    for before, after, pause in requests:
        host.request(before, after)
        bounds.append(1.0 + before + after)
        assert -min(bounds) - 1e-3 <= host.ahead <= 1e-3
        host.time += pause


def test_more_responses_narrow_it_down() -> None:
    host = Host()
    for number in range(40):
        host.time = number * 1.37
        host.request()
    assert -0.1 <= host.ahead <= 0


@pytest.mark.parametrize("header", [None, "", "yesterday", "Sun, 99 Mar 2026 12:00:00 GMT", "1", "\x00"])
def test_a_response_without_a_date_tells_nothing(header: str | None) -> None:
    host = Host()
    host.request()
    before = host.ahead
    host.clock.observe(header, 1.0, 2.0)
    assert host.ahead == before


def test_a_date_without_a_zone_is_in_gmt() -> None:
    host = Host(3600.0)
    host.clock.observe("Sun, 01 Mar 2026 12:00:00 -0000", 500.0, 500.0)
    assert host.clock.now() == START
    assert host.clock.at(510.0) == START + timedelta(seconds=10)
