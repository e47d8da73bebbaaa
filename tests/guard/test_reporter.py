"""What the guard reports: each outcome is counted once, and acts leave a line."""

from __future__ import annotations

import io
import json
import logging
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from flytekitplugins_podtriage.core.guard.values import Outcome, Report
from flytekitplugins_podtriage.guard.audit_log import AuditLog
from flytekitplugins_podtriage.guard.metrics import GuardMetrics
from flytekitplugins_podtriage.guard.reporter import GuardReporter
from tests.guard.reported_acts import ACT, NOW, act


class Reported:
    """A reporter, and what it wrote and counted."""

    def __init__(self) -> None:
        self.file, self.registry = io.BytesIO(), CollectorRegistry()
        self.reporter = GuardReporter(GuardMetrics(self.registry), AuditLog(self.file), "prod-eu")

    def count(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"podtriage_guard_{name}", labels)

    @property
    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.file.getvalue().splitlines()]


@pytest.fixture
def reported() -> Reported:
    return Reported()


def test_an_act_is_counted_and_leaves_one_line(reported: Reported) -> None:
    reported.reporter.report(Report(Outcome.ACTED, "", "ended", ACT), NOW + timedelta(seconds=2))
    (line,) = reported.lines
    assert (line["outcome"], line["cluster"], line["detail"]) == ("acted", "prod-eu", "ended")
    assert reported.count("outcomes_total", outcome="acted") == 1
    assert reported.count("margin_left_seconds_sum") == 3.0


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_counted_with_an_act_and_without(reported: Reported, outcome: Outcome) -> None:
    reported.reporter.report(Report(outcome, "why", "in a sentence", ACT), NOW)
    reported.reporter.report(Report(outcome, "why"), NOW)
    reported.reporter.report(Report(outcome, "why", "", act(charge=None)), NOW)
    assert reported.count("outcomes_total", outcome=outcome) == 3
    assert len(reported.lines) == 2


def test_what_was_left_without_an_act_is_logged_only_if_something_was_missed(
    reported: Reported, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        reported.reporter.report(Report(Outcome.LEFT, "node-not-ready"), NOW)
        reported.reporter.report(Report(Outcome.RECOVERED, "pulled"), NOW)
        assert not caplog.records
        reported.reporter.report(Report(Outcome.LATE, "api-away", "token ghp_" + "a" * 36), NOW)
    assert len(caplog.records) == 1 and "ghp_" not in caplog.text


def test_the_verdict_of_each_planned_pod_is_counted_and_the_lag_of_each_decision(reported: Reported) -> None:
    reported.reporter.report(Report(Outcome.WOULD_ACT, "observe", "", ACT), NOW)
    reported.reporter.report(Report(Outcome.ACTED, "", "", ACT), NOW)
    reported.reporter.decided(0.002)
    assert reported.count("verdicts_total", category="registry_rate_limited", kind="SYSTEM") == 2
    assert reported.count("decision_lag_seconds_count") == 1
