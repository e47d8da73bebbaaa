"""The guard's metrics: their names, what is counted when, and labels of which there are few whatever happens."""

from __future__ import annotations

import random
from typing import Any

import attrs
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flytekitplugins_podtriage.connector.metrics import METRICS as CONNECTOR_METRICS
from flytekitplugins_podtriage.core.guard.values import ActKind, Outcome
from flytekitplugins_podtriage.core.model import Category, ErrorKind
from flytekitplugins_podtriage.guard.metrics import METRICS, GuardMetrics, GuardState
from tests.guard.reported_acts import ACT, CHARGE, VERDICT, act


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


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"podtriage_guard_{name}", labels)


def test_the_table_is_what_is_exported(registry: CollectorRegistry) -> None:
    metrics = GuardMetrics(registry, lambda: GuardState(view_age=1.5))
    metrics.verdict("dns", "SYSTEM")
    metrics.outcome(Outcome.REFUSED, "cap-namespace", ACT)
    metrics.outcome(Outcome.LEFT, "node-not-ready", None)
    metrics.api_request("get", "pods", 200)
    exported = families(registry)
    assert set(exported) == {metric.name for metric in METRICS}
    for metric in METRICS:
        family = exported[metric.name]
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        assert (family.type, labels, family.documentation) == (metric.type, set(metric.labels), metric.help)


def test_names_follow_the_conventions_of_prometheus_and_are_not_the_connectors() -> None:
    for metric in METRICS:
        assert metric.name.startswith("podtriage_guard_")
        assert metric.name.endswith("_total") == (metric.type == "counter")
        assert metric.type != "histogram" or metric.name.endswith("_seconds")
        assert metric.help.endswith(".")
    assert not {metric.name for metric in METRICS} & {metric.name for metric in CONNECTOR_METRICS}


def test_an_act_is_counted_with_the_charge_that_it_averts_and_the_margin_that_was_left(
    registry: CollectorRegistry,
) -> None:
    GuardMetrics(registry).outcome(Outcome.ACTED, "", ACT, margin_left=4.2)
    labels = {"act": "end-as-system", "category": "registry_rate_limited"}
    assert value(registry, "acts_total", **labels) == 1
    assert value(registry, "would_acts_total", **labels) == 0
    assert value(registry, "charges_averted_total", charged="USER", category="registry_rate_limited") == 1
    assert value(registry, "outcomes_total", outcome="acted") == 1
    assert value(registry, "margin_left_seconds_sum") == 4.2


def test_an_act_that_would_have_been_averts_nothing(registry: CollectorRegistry) -> None:
    GuardMetrics(registry).outcome(Outcome.WOULD_ACT, "observe", ACT, margin_left=4.2)
    labels = {"act": "end-as-system", "category": "registry_rate_limited"}
    assert value(registry, "would_acts_total", **labels) == 1
    assert value(registry, "acts_total", **labels) == 0
    assert value(registry, "charges_averted_total", charged="USER", category="registry_rate_limited") == 0
    assert value(registry, "margin_left_seconds_count") == 0


@pytest.mark.parametrize(
    ("kind", "stock", "averted"),
    [
        (ActKind.END_AS_SYSTEM, ErrorKind.USER, "USER"),
        (ActKind.RESCUE_AS_USER, ErrorKind.SYSTEM, "SYSTEM"),
        (ActKind.END_AS_USER, ErrorKind.USER, None),  # fail-fast: the same budget, only earlier
        (ActKind.END_AS_SYSTEM, None, None),
    ],
)
def test_a_charge_is_averted_if_another_budget_pays_than_stock_flytes(
    registry: CollectorRegistry, kind: ActKind, stock: ErrorKind | None, averted: str | None
) -> None:
    charge = None if stock is None else attrs.evolve(CHARGE, kind=stock)
    GuardMetrics(registry).outcome(Outcome.ACTED, "", act(kind=kind, charge=charge))
    for charged in ("USER", "SYSTEM"):
        counted = value(registry, "charges_averted_total", charged=charged, category="registry_rate_limited")
        assert counted == (charged == averted)


@pytest.mark.parametrize(
    ("outcome", "counter", "label"),
    [(Outcome.REFUSED, "refusals_total", "cap"), (Outcome.LEFT, "left_total", "why")],
)
def test_why_nothing_was_done_is_counted_by_its_word(
    registry: CollectorRegistry, outcome: Outcome, counter: str, label: str
) -> None:
    GuardMetrics(registry).outcome(outcome, "cap-namespace", None)
    assert value(registry, counter, **{label: "cap-namespace"}) == 1
    assert value(registry, "outcomes_total", outcome=outcome) == 1


def test_an_act_past_its_moment_has_no_margin_left_rather_than_a_negative_one(registry: CollectorRegistry) -> None:
    GuardMetrics(registry).outcome(Outcome.ACTED, "", ACT, margin_left=-3.0)
    assert value(registry, "margin_left_seconds_sum") == 0
    assert value(registry, "margin_left_seconds_bucket", le="0.0") == 1


def test_rescues_are_counted_by_whether_they_came_in_time(registry: CollectorRegistry) -> None:
    metrics = GuardMetrics(registry)
    metrics.rescue(won=True)
    metrics.rescue(won=True)
    metrics.rescue(won=False)
    assert (value(registry, "rescues_total", result="won"), value(registry, "rescues_total", result="lost")) == (2, 1)


def test_what_alerts_count_begins_at_zero_since_an_absent_series_has_no_increase(registry: CollectorRegistry) -> None:
    GuardMetrics(registry)
    for outcome in Outcome:
        assert value(registry, "outcomes_total", outcome=outcome) == 0
    assert value(registry, "acts_total", act="rescue-as-user", category="oom") == 0
    assert value(registry, "charges_averted_total", charged="USER", category="evicted") == 0
    assert value(registry, "rescues_total", result="lost") == 0


def test_gauges_are_what_the_guard_says_when_it_is_asked(registry: CollectorRegistry) -> None:
    states = [GuardState()]
    GuardMetrics(registry, lambda: states[0])
    assert value(registry, "view_age_seconds") is None
    assert (value(registry, "leader"), value(registry, "enforcing"), value(registry, "scheduled_acts")) == (0, 0, 0)
    states[0] = GuardState(view_age=0.0, leader=True, enforcing=True, scheduled=12)
    assert value(registry, "view_age_seconds") == 0
    assert (value(registry, "leader"), value(registry, "enforcing"), value(registry, "scheduled_acts")) == (1, 1, 12)


def test_there_are_few_series_whatever_pods_users_rules_and_servers_do(registry: CollectorRegistry) -> None:
    metrics = GuardMetrics(registry, lambda: GuardState(view_age=1.0))
    chance = random.Random(7)
    for number in range(3000):
        category = Category(chance.choice([*Category, f"of_a_user_{chance.randrange(10_000)}"]))
        changed = act(kind=chance.choice(list(ActKind)), verdict=attrs.evolve(VERDICT, category=category))
        metrics.verdict(category, chance.choice(list(ErrorKind)))
        metrics.outcome(chance.choice(list(Outcome)), f"why-{number}", changed, margin_left=chance.random() * 100)
        metrics.api_request(chance.choice(["get", "patch"]), "pods", chance.randrange(-10, 1000))
    exported = families(registry)
    labels = {
        (name, text) for family in exported.values() for one in family.samples for name, text in one.labels.items()
    }
    limits = {"category": len(Category) + 21, "cap": 24, "why": 61, "code": 13, "act": 4, "outcome": len(Outcome)}
    for name, most in limits.items():
        values = {text for label, text in labels if label == name}
        assert len(values) <= most, name
    assert not {name for name, _ in labels} & {"pod", "namespace", "execution", "node", "image", "rule", "registry"}
