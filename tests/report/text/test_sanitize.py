"""Sanitizing and masking."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage import diagnose, triage
from flytekitplugins_podtriage.report.text.sanitize import masked, one_line, sanitize


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


NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


PREEMPTED: dict[str, Any] = {
    "kind": "Pod",
    "status": {
        "phase": "Failed",
        "containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 137, "reason": "Error"}}}],
        "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}],
    },
}


def test_what_holds_no_secret_is_the_same_object() -> None:
    verdict = triage(PREEMPTED, now=NOON)
    assert masked(verdict) is verdict
    diagnosis = diagnose("429 Too Many Requests")
    assert masked(diagnosis) is diagnosis
