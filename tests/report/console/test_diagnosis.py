"""A verdict, a diagnosis and an audit as a person reads them."""

from __future__ import annotations

import io
from datetime import datetime, timezone
from typing import Any

import pytest
from rich.console import Console

from flytekitplugins_podtriage import Policy, diagnose, triage
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.report.audit import Audit, Entry, Tally
from flytekitplugins_podtriage.report.console.audit import AuditView
from flytekitplugins_podtriage.report.console.diagnosis import render_diagnosis, render_verdict
from flytekitplugins_podtriage.report.html.audit import page
from flytekitplugins_podtriage.report.text.sanitize import masked

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
PREEMPTED: dict[str, Any] = {
    "kind": "Pod",
    "status": {
        "phase": "Failed",
        "containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 137, "reason": "Error"}}}],
        "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}],
    },
}


def text_of(view: Any, width: int = 120, **options: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=width, markup=False, highlight=False, **options).print(view)
    return out.getvalue()


def audited(*entries: Entry) -> Audit:
    tally = Tally()
    for entry in entries:
        tally.add(entry)
    return tally.result("somewhere")


WRONGED = Entry(ErrorKind.USER, ErrorKind.SYSTEM, "registry_rate_limited", "train", "docker.io", "e n0", "429")
UNKNOWN = Entry(ErrorKind.USER, None, "unknown", "train")
RIGHT = Entry(ErrorKind.USER, ErrorKind.USER, "oom", "train")


def test_a_stock_verdict_tells_who_is_charged_and_not_whose_doing_it_was() -> None:
    stock = text_of(render_verdict(triage(PREEMPTED, policy=Policy.for_backend("flyte-1.16"), now=NOON)))
    assert "USER  (charged to user retries)" in stock
    assert "fault" not in stock.partition("backend:")[0]
    ours = text_of(render_verdict(triage(PREEMPTED, now=NOON)))
    assert "SYSTEM  preempted  (the platform's fault)" in ours


def test_only_the_names_of_facts_are_dim() -> None:
    shown = text_of(render_diagnosis(diagnose("429 Too Many Requests")), force_terminal=True, color_system="standard")
    assert "\x1b[2mfix: \x1b[0m\x1b[32m" in shown
    assert "\x1b[2;32m" not in shown


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_column_of_an_audit_is_left_out(width: int) -> None:
    lines = text_of(AuditView(audited(WRONGED, UNKNOWN, RIGHT)), width).splitlines()
    assert max(map(len, lines)) <= width
    for head in ("user", "system", "wrongly", "unknown"):
        assert any(head in line for line in lines)
    (row,) = [line.split() for line in lines if line.split()[:1] == ["unknown"]]
    assert row == ["unknown", "1", "1", ".", ".", ".", "1"]


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


def test_what_holds_no_secret_is_the_same_object() -> None:
    verdict = triage(PREEMPTED, now=NOON)
    assert masked(verdict) is verdict
    found = diagnose("429 Too Many Requests")
    assert masked(found) is found
