"""The metrics: their names, and labels of which there are few whatever happens."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flytekitplugins_podtriage.connector import factory
from flytekitplugins_podtriage.connector.metrics import METRICS, OPERATIONS, Hold, Metrics
from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.telemetry.metric import code_label


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def families(registry: CollectorRegistry) -> dict[str, Any]:
    """Return the metrics as Prometheus reads them, by the names that queries use."""
    text = generate_latest(registry).decode()
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for family in text_string_to_metric_families(text)
        if not family.name.endswith("_created")
    }


def fill(metrics: Metrics) -> None:
    """Use every metric once."""
    metrics.verdict("dns", "SYSTEM")
    metrics.charge("USER", "SYSTEM", "reserve", "dns")
    metrics.success()
    metrics.settle_failure()
    metrics.hold_ended("dns", 3.0)
    metrics.api_request("get", "pods", 200)
    for operation in OPERATIONS:
        metrics.answer_took(operation, 0.01)
    metrics.export_holds(lambda: {"dns": Hold(pods=2, oldest=7.0)})


def test_the_table_is_what_is_exported(registry: CollectorRegistry) -> None:
    fill(Metrics(registry, lambda: 1.5))
    exported = families(registry)
    assert set(exported) == {metric.name for metric in METRICS}
    for metric in METRICS:
        family = exported[metric.name]
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        assert (family.type, labels, family.documentation) == (metric.type, set(metric.labels), metric.help)


def test_names_follow_the_conventions_of_prometheus() -> None:
    for metric in METRICS:
        assert metric.name.startswith("podtriage_")
        assert metric.name.endswith("_total") == (metric.type == "counter")
        assert metric.type != "histogram" or metric.name.endswith("_seconds")
        assert metric.help.endswith(".")


def test_there_are_few_series_whatever_pods_users_rules_and_servers_do(registry: CollectorRegistry) -> None:
    metrics = Metrics(registry, lambda: 0.0)
    chance = random.Random(7)
    for _ in range(3000):
        category = chance.choice([*Category, f"of_a_user_{chance.randrange(10_000)}"])
        charged, kind = chance.choice(list(ErrorKind)), chance.choice(list(ErrorKind))
        metrics.verdict(category, kind)
        metrics.charge(charged, kind, chance.choice(["own", "reserve", "no_outputs", "container"]), category)
        metrics.hold_ended(category, chance.random() * 1e4)
        metrics.api_request(chance.choice(["get", "list"]), "pods", chance.randrange(-10, 1000))
    metrics.export_holds(lambda: {f"of_a_user_{number}": Hold(pods=1, oldest=1.0) for number in range(500)})
    exported = families(registry)
    labels = {
        (name, value) for family in exported.values() for one in family.samples for name, value in one.labels.items()
    }
    categories = {value for name, value in labels if name == "category"}
    assert len(categories) <= len(Category) + 21 and "other" in categories
    assert {value for name, value in labels if name == "code"} <= {"1xx", "2xx", "3xx", "4xx", "5xx", "none"} | set(
        "401 403 404 409 410 422 429".split()
    )
    names = {name for name, _ in labels}
    assert names == {label for metric in METRICS for label in metric.labels} | {"le"}
    assert not names & {"pod", "namespace", "execution", "node", "image", "rule", "registry", "task"}
    held = exported["podtriage_held_pods"].samples
    assert sum(sample.value for sample in held) == 500 and len(held) <= 21


@pytest.mark.parametrize(
    ("status", "label"),
    [(200, "2xx"), (201, "2xx"), (400, "4xx"), (403, "403"), (429, "429"), (500, "5xx"), (None, "none"), (0, "none")],
)
def test_statuses_are_counted_by_class_but_for_those_that_mean_something_of_their_own(
    status: int | None, label: str
) -> None:
    assert code_label(status) == label


def test_what_alerts_count_begins_at_zero_since_an_absent_series_has_no_increase(registry: CollectorRegistry) -> None:
    Metrics(registry)
    charges = families(registry)["podtriage_charges_total"].samples
    counted = {tuple(sample.labels[name] for name in ("charged", "kind", "reason", "category")) for sample in charges}
    for category in Category:
        assert ("USER", "SYSTEM", "reserve", category) in counted
        assert ("USER", "SYSTEM", "no_outputs", category) in counted
    assert registry.get_sample_value("podtriage_settle_failures_total") == 0
    assert registry.get_sample_value("podtriage_attempts_total", {"outcome": "failed"}) == 0


def test_the_age_of_the_view_is_absent_until_there_is_one(registry: CollectorRegistry) -> None:
    ages: list[float | None] = [None, 0.0, 42.0]
    Metrics(registry, lambda: ages[0])
    assert registry.get_sample_value("podtriage_view_age_seconds") is None
    for age in (0.0, 42.0):
        ages[0] = age
        assert registry.get_sample_value("podtriage_view_age_seconds") == age


def test_a_category_of_which_no_pod_is_held_any_more_goes_to_zero(registry: CollectorRegistry) -> None:
    metrics, holds = Metrics(registry), {"dns": Hold(pods=2, oldest=7.0)}
    metrics.export_holds(lambda: holds)
    assert registry.get_sample_value("podtriage_held_pods", {"category": "dns"}) == 2
    assert registry.get_sample_value("podtriage_oldest_hold_seconds", {"category": "dns"}) == 7.0
    holds.clear()
    assert registry.get_sample_value("podtriage_held_pods", {"category": "dns"}) == 0
    assert registry.get_sample_value("podtriage_oldest_hold_seconds", {"category": "dns"}) == 0


def test_without_prometheus_client_there_are_no_metrics_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert factory._metrics(lambda: None) is None
