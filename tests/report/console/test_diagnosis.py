"""Verdicts and diagnoses on a console."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from flytekitplugins_podtriage import Policy, diagnose, triage
from flytekitplugins_podtriage.report.console.diagnosis import render_diagnosis, render_verdict
from tests.report.rendering import shown

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


PREEMPTED: dict[str, Any] = {
    "kind": "Pod",
    "status": {
        "phase": "Failed",
        "containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 137, "reason": "Error"}}}],
        "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}],
    },
}


def test_a_stock_verdict_tells_who_is_charged_and_not_whose_doing_it_was() -> None:
    stock = shown(render_verdict(triage(PREEMPTED, policy=Policy.for_backend("flyte-1.16"), now=NOON)))
    assert "USER  (charged to user retries)" in stock
    assert "fault" not in stock.partition("backend:")[0]
    ours = shown(render_verdict(triage(PREEMPTED, now=NOON)))
    assert "SYSTEM  preempted  (the platform's fault)" in ours


def test_only_the_names_of_facts_are_dim() -> None:
    text = shown(render_diagnosis(diagnose("429 Too Many Requests")), force_terminal=True, color_system="standard")
    assert "\x1b[2mfix: \x1b[0m\x1b[32m" in text
    assert "\x1b[2;32m" not in text
