"""The chart's dashboard, alerts and monitor, and the page about them: all name what the connector exports."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from flytekitplugins_podtriage.connector import metrics
from flytekitplugins_podtriage.connector.attempt_log import FIELDS
from flytekitplugins_podtriage.connector.metrics import METRICS
from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.telemetry.metric import CODES, NO_RESPONSE
from tests.charts.rendering import CHART, Chart, container, of_kind
from tests.paths import ROOT

ALERTS: list[dict[str, Any]] = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))
DASHBOARD: dict[str, Any] = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
PAGE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
BY_NAME = {metric.name: metric for metric in METRICS}
QUERIES = [alert["expr"] for alert in ALERTS] + [target["expr"] for panel in PANELS for target in panel["targets"]]
TARGET_LABELS = {"namespace", "pod"}
"""What Prometheus adds to every series of a replica."""
VALUES = {
    "charged": {"USER", "SYSTEM"},
    "kind": {"USER", "SYSTEM"},
    "reason": set(metrics.REASONS),
    "outcome": set(metrics.OUTCOMES),
    "operation": set(metrics.OPERATIONS),
    "code": {"1xx", "2xx", "3xx", "4xx", "5xx", NO_RESPONSE, *map(str, CODES)},
    "category": set(map(str, Category)),
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
    shown = {name for panel in PANELS for target in panel["targets"] for name in used(target["expr"])}
    assert shown == set(BY_NAME)


def test_the_alerts_cover_what_hurts() -> None:
    assert {name for alert in ALERTS for name in used(alert["expr"])} == {
        "podtriage_view_age_seconds",
        "podtriage_charges_total",
        "podtriage_oldest_hold_seconds",
        "podtriage_api_requests_total",
        "podtriage_settle_failures_total",
        "podtriage_request_duration_seconds",
    }


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_is_wrong_and_names_only_labels_that_it_has(alert: dict[str, Any]) -> None:
    assert set(alert) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Podtriage[A-Za-z]+", alert["alert"])
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert set(alert["annotations"]) == {"summary", "description"}
    assert alert["annotations"]["summary"].endswith(".") and "{{" not in alert["annotations"]["summary"]
    (grouped,) = re.findall(r"\bby \(([^)]*)\)", alert["expr"])
    named = set(re.findall(r"\$labels\.(\w+)", alert["annotations"]["description"]))
    assert named <= {label.strip() for label in grouped.split(",")}
    assert f"`{alert['alert']}`" in PAGE


def test_the_dashboard_is_one_that_grafana_imports() -> None:
    assert DASHBOARD["schemaVersion"] >= 39 and DASHBOARD["uid"] == "podtriage-connector" and DASHBOARD["title"]
    assert "id" not in DASHBOARD, "Grafana numbers what it imports"
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(identifiers) == len(set(identifiers))
    source, namespace = DASHBOARD["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    assert used(namespace["query"]["query"]) <= set(BY_NAME)
    chosen = {"type": "prometheus", "uid": f"${{{source['name']}}}"}
    assert namespace["datasource"] == chosen
    for panel in PANELS:
        assert panel["type"] in ("timeseries", "stat") and panel["title"] and panel["description"].endswith(".")
        assert panel["datasource"] == chosen
        assert all(target["datasource"] == chosen and "$namespace" in target["expr"] for target in panel["targets"])
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))


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
    assert len([one for one in made if one["kind"] == "ConfigMap"]) == 1


def test_the_monitor_finds_the_service_by_its_labels_and_the_port_by_its_name(chart: Chart) -> None:
    made = chart.render({"metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}})
    monitor, service = of_kind(made, "ServiceMonitor"), of_kind(made, "Service")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["namespaceSelector"]["matchNames"] == [service["metadata"]["namespace"]]
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_the_rules_are_those_of_the_file(chart: Chart) -> None:
    made = chart.render({"metrics": {"prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}}}})
    rule = of_kind(made, "PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    (group,) = rule["spec"]["groups"]
    assert group["rules"] == ALERTS


def test_the_dashboard_is_that_of_the_file_under_the_label_that_grafana_looks_for(chart: Chart) -> None:
    annotations = {"grafana_folder": "Flyte"}
    made = chart.render({"metrics": {"dashboard": {"enabled": True, "annotations": annotations}}})
    (one,) = (each for each in made if each["metadata"]["name"].endswith("-dashboard"))
    assert one["kind"] == "ConfigMap" and one["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert one["metadata"]["annotations"] == annotations
    (content,) = one["data"].values()
    assert json.loads(content) == DASHBOARD


def test_a_long_name_leaves_room_for_the_dashboards(chart: Chart) -> None:
    made = chart.render({"fullnameOverride": "n" * 63, "metrics": {"dashboard": {"enabled": True}}})
    names = [one["metadata"]["name"] for one in made if one["kind"] == "ConfigMap"]
    assert len(set(names)) == 2 and max(map(len, names)) <= 63


def test_what_flytekit_logs_is_not_broken_at_80_columns(chart: Chart) -> None:
    environment = {each["name"]: each.get("value") for each in container(chart.render())["env"]}
    assert environment["FLYTE_SDK_RICH_TRACEBACKS"] == "0"  # flytekit/loggers.py, is_rich_logging_enabled


def test_the_page_has_every_metric_as_the_code_has_it() -> None:
    rows = re.findall(r"^\| `(podtriage_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    labels = [", ".join(f"`{label}`" for label in metric.labels) or "-" for metric in METRICS]
    assert rows == [
        (metric.name, metric.type, labels_of, metric.help.removesuffix("."))
        for metric, labels_of in zip(METRICS, labels, strict=True)
    ]


def test_the_page_has_every_value_of_the_labels_that_have_few() -> None:
    for label in ("charged", "reason", "outcome", "operation", "code"):
        row = re.findall(rf"^\| `{label}` \| (.*) \|$", PAGE.split("| label | values |")[1], re.MULTILINE)[0]
        values = VALUES[label] - {"1xx", "3xx"} if label == "code" else VALUES[label]
        assert values <= set(re.findall(r"`(\w+)`", row)), label


def test_the_page_has_every_field_of_the_log_lines() -> None:
    table = PAGE.split("| field | |")[1].split("\n\n")[0]
    fields = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert fields == set(FIELDS)


def test_the_sample_of_a_charge_is_one_that_the_log_has() -> None:
    (sample,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    line = json.loads(sample)
    assert tuple(line) == ("asctime", "name", "levelname", "message", *FIELDS)
    assert line["category"] in set(map(str, Category))
