"""The chart's dashboard, alerts and monitor: all name what the guard exports."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from flytekitplugins_podtriage.core.guard.values import ActKind, Outcome
from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.guard.metrics import METRICS, RESULTS
from flytekitplugins_podtriage.telemetry.metric import CODES, NO_RESPONSE
from tests.charts.guard.rendering import GUARD_CHART
from tests.charts.rendering import Chart, of_kind

ALERTS: list[dict[str, Any]] = yaml.safe_load((GUARD_CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
DASHBOARD: dict[str, Any] = json.loads((GUARD_CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
BY_NAME = {metric.name: metric for metric in METRICS}
QUERIES = [alert["expr"] for alert in ALERTS] + [target["expr"] for panel in PANELS for target in panel["targets"]]
TARGET_LABELS = {"namespace", "pod"}
VALUES = {
    "charged": {"USER", "SYSTEM"},
    "kind": {"USER", "SYSTEM"},
    "act": set(map(str, ActKind)),
    "outcome": set(map(str, Outcome)),
    "result": set(RESULTS),
    "code": {"1xx", "2xx", "3xx", "4xx", "5xx", NO_RESPONSE, *map(str, CODES)},
    "category": set(map(str, Category)),
    "cap": {"cap-.*"},
}


def used(query: str) -> set[str]:
    """Return the metrics that a query reads."""
    return {
        name if name in BY_NAME else re.sub(r"_(bucket|sum|count)$", "", name)
        for name in re.findall(r"\bpodtriage_[a-z_]+", query)
    }


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_reads_metrics_that_exist_with_labels_and_values_that_they_have(query: str) -> None:
    names = used(query)
    assert names and names <= set(BY_NAME), query
    allowed = {label for name in names for label in BY_NAME[name].labels} | TARGET_LABELS
    if any(BY_NAME[name].type == "histogram" for name in names):
        allowed |= {"le"}
    grouped = {label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", query) for label in labels.split(",")}
    matched = re.findall(r"(\w+)=~?\"([^\"]*)\"", query)
    assert grouped | {label for label, _ in matched} <= allowed, query
    for label, value in matched:
        assert label == "namespace" or set(value.split("|")) <= VALUES[label], query


@pytest.mark.parametrize("query", QUERIES)
def test_counters_are_read_by_their_increase_and_histograms_by_their_buckets(query: str) -> None:
    for name in used(query):
        kind = BY_NAME[name].type
        assert kind != "counter" or re.search(rf"(rate|increase)\({name}", query), query
        assert kind != "histogram" or re.search(rf"rate\({name}_bucket", query), query


def test_every_metric_has_a_panel() -> None:
    assert {name for panel in PANELS for target in panel["targets"] for name in used(target["expr"])} == set(BY_NAME)


def test_the_alerts_cover_what_hurts() -> None:
    assert {name.removeprefix("podtriage_guard_") for alert in ALERTS for name in used(alert["expr"])} == {
        "view_age_seconds",
        "leader",
        "outcomes_total",
        "refusals_total",
        "rescues_total",
        "api_requests_total",
        "decision_lag_seconds",
    }


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_is_wrong_and_names_only_labels_that_it_has(alert: dict[str, Any]) -> None:
    assert set(alert) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"PodtriageGuard[A-Za-z]+", alert["alert"])
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"]["summary"].endswith(".") and "{{" not in alert["annotations"]["summary"]
    grouped = re.findall(r"\bby \(([^)]*)\)", alert["expr"])
    named = set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["description"]))
    for labels in grouped:
        assert named <= {label.strip() for label in labels.split(",")}


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    assert DASHBOARD["schemaVersion"] >= 39 and DASHBOARD["uid"] == "podtriage-guard" and DASHBOARD["title"]
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(identifiers) == len(set(identifiers)) and "id" not in DASHBOARD
    source, namespace = DASHBOARD["templating"]["list"]
    assert used(namespace["query"]["query"]) <= set(BY_NAME)
    chosen = {"type": "prometheus", "uid": f"${{{source['name']}}}"}
    for panel in PANELS:
        assert panel["type"] in ("timeseries", "stat") and panel["title"] and panel["description"].endswith(".")
        assert panel["datasource"] == chosen
        assert all(target["datasource"] == chosen and "$namespace" in target["expr"] for target in panel["targets"])


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


def test_none_of_it_is_made_unless_it_is_asked_for(chart: Chart) -> None:
    made = chart.render()
    assert not {one["kind"] for one in made} & {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
    assert not [one for one in made if one["metadata"]["name"].endswith("-dashboard")]


def test_monitor_rules_and_dashboard_are_those_of_the_files(chart: Chart) -> None:
    observed = {part: {"enabled": True} for part in ("serviceMonitor", "prometheusRule", "dashboard")}
    made = chart.render({"metrics": observed})
    monitor, service = of_kind(made, "ServiceMonitor"), of_kind(made, "Service")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    (group,) = of_kind(made, "PrometheusRule")["spec"]["groups"]
    assert group["rules"] == ALERTS
    (one,) = (each for each in made if each["metadata"]["name"].endswith("-dashboard"))
    assert json.loads(one["data"]["podtriage-guard.json"]) == DASHBOARD
