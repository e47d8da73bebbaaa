"""An outage is logged once for each cause, not once for each poll of each task; and once when it is over."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from flytekitplugins_podtriage.telemetry.log_fields import LogFields
from flytekitplugins_podtriage.telemetry.repeated_warnings import QUIET, RepeatedWarnings
from tests.connector.faulty_cluster import Clock


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class Log:
    """A logger with the filter, and a clock."""

    def __init__(self) -> None:
        self.clock, self._lines = Clock(), Lines()
        self.logger = logging.Logger("outages")  # noqa: LOG001  # below no other logger
        self.repeated = RepeatedWarnings(self.logger, clock=self.clock)
        self.logger.addFilter(self.repeated)
        self.logger.addHandler(self._lines)

    def lines(self) -> list[str]:
        """Return what was logged since the last call."""
        lines, self._lines.lines = self._lines.lines, []
        return lines

    def store_fails(self, attempt: int, why: str = "Connection refused") -> None:
        self.logger.warning("podtriage: attempt %s is over, but %s", f"s3://b/f{attempt}/n0/data/0", why)

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    yield made
    made._lines.close()


def test_an_outage_that_meets_a_thousand_attempts_again_and_again_is_logged_once(log: Log) -> None:
    for poll in range(10_000):
        log.store_fails(poll % 1000)
        log.wait(0.01)
    assert log.lines() == ["podtriage: attempt s3://b/f0/n0/data/0 is over, but Connection refused"]


def test_when_it_is_over_that_is_logged_once_with_how_long_and_how_often(log: Log) -> None:
    for attempt in range(100):
        log.store_fails(attempt)
        log.wait(1)
    log.lines()
    log.repeated.expire()
    assert log.lines() == []
    log.wait(QUIET)
    log.repeated.expire()
    log.repeated.expire()
    (over,) = log.lines()
    assert over.startswith("podtriage: over after 99 s, and 99 more like it: attempt s3://b/f0/")


def test_after_that_it_is_logged_again(log: Log) -> None:
    log.store_fails(1)
    log.wait(QUIET)
    log.store_fails(2)
    assert len(log.lines()) == 2


def test_an_outage_that_comes_and_goes_within_a_minute_is_one(log: Log) -> None:
    for attempt in range(20):
        log.store_fails(attempt)
        log.wait(QUIET - 1)
        log.repeated.expire()
    assert len(log.lines()) == 1


def test_causes_are_told_apart(log: Log) -> None:
    for attempt in range(5):
        log.store_fails(attempt)
        log.store_fails(attempt, "Access Denied")
        log.logger.error("podtriage: pod %s is not deleted yet", f"ns/p{attempt}")
    assert len(log.lines()) == 3


def test_exceptions_of_one_kind_are_one_cause_and_of_another_kind_another(log: Log) -> None:
    errors = [ValueError("setting 'x' is unknown"), ValueError("setting 'y' is unknown"), KeyError("x")]
    for error in errors:
        try:
            raise error
        except Exception:  # the log shall have its traceback
            log.logger.exception("podtriage: no response about pod %s/%s", "ns", "p0")
    assert len(log.lines()) == 2


def test_what_is_no_warning_is_never_dropped(log: Log) -> None:
    for _ in range(3):
        log.logger.info("podtriage: information")
        log.logger.warning(LogFields("attempt charged", {}))
    assert len(log.lines()) == 6


def test_the_number_of_causes_is_bounded(log: Log) -> None:
    for number in range(1000):
        log.store_fails(0, "because of " + "abcdefghij"[number % 10] * (1 + number // 10))
        log.wait(0.01)
    assert len(log.lines()) == 1000
    assert len(log.repeated._causes) <= 200
