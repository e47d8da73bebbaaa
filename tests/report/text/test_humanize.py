"""Words for a person: times, masks, labels, and the examples of the docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from datetime import datetime, timedelta, timezone

import pytest

from flytekitplugins_podtriage import report
from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.report.text.event_labels import category_label, event_label
from flytekitplugins_podtriage.report.text.humanize import format_clock, format_duration, format_relative
from flytekitplugins_podtriage.report.text.sanitize import one_line, sanitize

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "name", [found.name for found in pkgutil.walk_packages(report.__path__, f"{report.__name__}.")]
)
def test_the_examples_of_the_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


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


@pytest.mark.parametrize(
    "text",
    ["\x1b[31mred\x1b[0m", "a\x07b", "a\rb", "a\x9bb", "\u202egpj.exe", "a\u2028b", "\x1b]0;title\x07", "a\x00b"],
)
def test_nothing_that_steers_a_terminal_is_shown(text: str) -> None:
    answer = sanitize(text)
    assert answer.replace("\n", "").isprintable()


def test_what_is_printable_is_left_alone() -> None:
    text = "na\u00efve \u65e5\u672c \U0001f600\n\ttabs too"
    assert sanitize(text) == text


def test_a_long_line_loses_its_middle() -> None:
    text = one_line("begin " + "x" * 5000 + " end", 100)
    assert len(text) == 100
    assert text.startswith("begin x")
    assert text.endswith("x end")
    assert " ... " in text


def test_a_huge_text_costs_little() -> None:
    assert len(one_line("a b " * 10_000_000, 100)) == 100


@pytest.mark.parametrize(
    ("reason", "message", "label"),
    [
        ("Scheduled", "", "scheduled"),
        ("Failed", 'Failed to pull image "x": y', "pull-failed"),
        ("Failed", "Error: ErrImagePull", None),
        ("Failed", 'Error: configmap "a" not found', "failed"),
        ("BackOff", 'Back-off pulling image "x"', None),
        ("BackOff", "Back-off restarting failed container a", "back-off"),
        ("Created", "Created container a", None),
        ("TaintManagerEviction", "Cancelling deletion of Pod a", None),
        ("TaintManagerEviction", "Marking for deletion Pod a", "tainted"),
        ("SomethingNew", "", "SomethingNew"),
        ("", "", None),
    ],
)
def test_events_have_short_words(reason: str, message: str, label: str | None) -> None:
    assert event_label(reason, message) == label


@pytest.mark.parametrize("category", list(Category))
def test_every_category_has_short_words(category: Category) -> None:
    assert 0 < len(category_label(category)) < 24
