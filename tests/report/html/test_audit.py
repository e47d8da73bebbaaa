"""Audits as pages."""

from __future__ import annotations

from flytekitplugins_podtriage.report.html.audit import page
from tests.report.audited import RIGHT, UNKNOWN, WRONGED, audited


def test_the_colours_of_the_bar_are_told() -> None:
    made = page(audited(WRONGED, UNKNOWN, RIGHT))
    key = made.partition('<p class="key')[2].partition("</p>")[0]
    for words in ("1 wrongly charged to user retries", "1 correctly charged", "1 unknown cause"):
        assert words in key
    assert "charged to system" not in key


def test_an_audit_of_nothing_has_a_page() -> None:
    made = page(audited())
    assert "0 of 0 failed attempts were wrongly charged" in made
    assert "<svg" not in made
