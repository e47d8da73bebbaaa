"""The chart's values: each is documented, does something, and is refused when it is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.charts.rendering import CHART, IMAGE, NAMESPACE, Chart, leaves, merged, nested

VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

# What each value may be set to, and what then stands in the manifests and not before.
USES: dict[str, tuple[Any, str]] = {
    "image.repository": ("registry.example/other", "registry.example/other:v1"),
    "image.tag": (f"v2@sha256:{'0' * 64}", "podtriage-connector:v2@sha256:0000"),
    "image.pullPolicy": ("Always", '"Always"'),
    "imagePullSecrets": ([{"name": "registry"}], '{"name": "registry"}'),
    "replicas": (3, '"replicas": 3'),
    "port": (8001, '"containerPort": 8001'),
    "config": ({"podtriage": {"user-patience": "5m"}, "storage": {"type": "s3"}}, "user-patience: 5m"),
    "namespaces": (["flytesnacks-development"], '"namespace": "flytesnacks-development"'),
    "env": ([{"name": "FLYTE_AWS_ENDPOINT", "value": "http://minio:9000"}], "http://minio:9000"),
    "envFrom": ([{"secretRef": {"name": "bucket"}}], '{"secretRef": {"name": "bucket"}}'),
    "extraVolumes": ([{"name": "rules", "configMap": {"name": "rules"}}], '"configMap": {"name": "rules"}'),
    "extraVolumeMounts": ([{"name": "rules", "mountPath": "/rules"}], '"mountPath": "/rules"'),
    "serviceAccount.create": (False, '"serviceAccountName": "default"'),
    "serviceAccount.name": ("connector", '"serviceAccountName": "connector"'),
    "serviceAccount.annotations": ({"eks.amazonaws.com/role-arn": "arn"}, '"eks.amazonaws.com/role-arn": "arn"'),
    "rbac.create": (False, ""),
    "resources.requests": ({"cpu": "2"}, '"cpu": "2"'),
    "resources.limits": ({"cpu": "3"}, '"cpu": "3"'),
    "podSecurityContext": ({"runAsUser": 1234}, '"runAsUser": 1234'),
    "securityContext": ({"privileged": False}, '"privileged": false'),
    "metrics.port": (9191, '"containerPort": 9191'),
    "metrics.serviceMonitor.enabled": (True, '"kind": "ServiceMonitor"'),
    "metrics.serviceMonitor.interval": ("45s", '"interval": "45s"'),
    "metrics.serviceMonitor.labels": ({"release": "one"}, '"release": "one"'),
    "metrics.prometheusRule.enabled": (True, '"kind": "PrometheusRule"'),
    "metrics.prometheusRule.labels": ({"release": "two"}, '"release": "two"'),
    "metrics.dashboard.enabled": (True, '"podtriage-connector.json": '),
    "metrics.dashboard.label": ("dashboards", '"dashboards": "1"'),
    "metrics.dashboard.labelValue": ("yes", '"grafana_dashboard": "yes"'),
    "metrics.dashboard.annotations": ({"grafana_folder": "Flyte"}, '"annotations": {"grafana_folder": "Flyte"}'),
    "networkPolicy.enabled": (True, '"kind": "NetworkPolicy"'),
    "networkPolicy.from": ([{"podSelector": {"matchLabels": {"app": "propeller"}}}], '{"app": "propeller"}'),
    "podAnnotations": ({"a": "annotation"}, '"a": "annotation"'),
    "podLabels": ({"a": "label"}, '"a": "label"'),
    "priorityClassName": ("high", '"priorityClassName": "high"'),
    "nodeSelector": ({"pool": "flyte"}, '"nodeSelector": {"pool": "flyte"}'),
    "tolerations": ([{"key": "flyte"}], '"tolerations": [{"key": "flyte"}]'),
    "affinity": ({"nodeAffinity": {}}, '"affinity": {"nodeAffinity": {}}'),
    "nameOverride": ("other", '"app.kubernetes.io/name": "other"'),
    "fullnameOverride": ("other", '"name": "other"'),
}
FROM: list[Any] = [{"podSelector": {}, "namespaceSelector": {}}]


def test_the_schema_knows_exactly_the_values_of_the_file() -> None:
    # `global` is helm's own: it is handed to every chart.
    assert set(leaves(SCHEMA)) - {"global"} == set(USES)
    for path in USES:
        value = VALUES
        for name in path.split("."):
            assert name in value, f"{path} is not in values.yaml"
            value = value[name]


@pytest.mark.parametrize("path", USES)
def test_every_value_does_something(chart: Chart, path: str) -> None:
    value, sign = USES[path]
    # Who may come in is of use only where others may not, and a part's values only where the part is made.
    base: dict[str, Any] = {"networkPolicy": {"enabled": path == "networkPolicy.from", "from": FROM}}
    for part in ("serviceMonitor", "prometheusRule", "dashboard"):
        if path.startswith(f"metrics.{part}.") and not path.endswith(".enabled"):
            base["metrics"] = {part: {"enabled": True}}
    before = json.dumps(chart.render(merged(IMAGE, base)))
    after = json.dumps(chart.render(merged(IMAGE, base, nested(path, value))))
    assert before != after
    assert sign in after and (sign not in before or not sign)


WRONG = {
    "no image": ({}, "image/repository"),
    "no tag": ({"image": {"repository": "r"}}, "image/tag"),
    "a tag that is a number": ({"image": {"repository": "r", "tag": 1.1}}, "image/tag"),
    "a digest in the repository": ({"image": {"repository": "r@sha256:0", "tag": "v1"}}, "image/repository"),
    "no replica": ({"replicas": 0}, "replicas"),
    "a port that only root may open": ({"port": 80}, "port"),
    "a port as text": ({"port": "8000"}, "port"),
    "a namespace in capitals": ({"namespaces": ["Flyte"]}, "namespaces/0"),
    "a namespace twice": ({"namespaces": ["a", "a"]}, "namespaces"),
    "one namespace as text": ({"namespaces": "a"}, "namespaces"),
    "namespaces in the wrong place": ({"config": {"podtriage": {"namespaces": ["a"]}}}, "config/podtriage/namespaces"),
    "a configuration that is text": ({"config": "podtriage: {}"}, "config"),
    "the place of the configuration": ({"env": [{"name": "FLYTECTL_CONFIG", "value": "/x"}]}, "env/0/name"),
    "an environment that is a table": ({"env": {"A": "b"}}, "env"),
    "a number in the environment": ({"env": [{"name": "A", "value": 1}]}, "env/0/value"),
    "a network policy that lets nobody in": ({"networkPolicy": {"enabled": True}}, "networkPolicy/from"),
    "a network policy that lets everybody in": (
        {"networkPolicy": {"enabled": True, "from": [{}]}},
        "networkPolicy/from/0",
    ),
    "a value that there is not": ({"replicaCount": 2}, "replicaCount"),
    "a misspelt value": ({"serviceAccount": {"annotation": {}}}, "annotation"),
    "an interval that is a number": ({"metrics": {"serviceMonitor": {"interval": 30}}}, "interval"),
    "a label that is a number": ({"metrics": {"prometheusRule": {"labels": {"a": 1}}}}, "labels/a"),
    "a pull policy that there is not": ({"image": {"pullPolicy": "Sometimes"}}, "image/pullPolicy"),
}


@pytest.mark.parametrize(("values", "named"), WRONG.values(), ids=WRONG)
def test_wrong_values_are_refused_by_name(chart: Chart, values: dict[str, Any], named: str) -> None:
    image = {} if "repository" in str(values) or not values else IMAGE
    message = chart.refusal(merged(image, values))
    assert "podtriage-connector" in message and named in message


def test_nothing_is_wrong_with_the_chart_in_helms_eyes(chart: Chart) -> None:
    observed = {part: {"enabled": True} for part in ("serviceMonitor", "prometheusRule", "dashboard")}
    full = {"namespaces": ["a", "b"], "networkPolicy": {"enabled": True, "from": FROM}, "metrics": observed}
    for values in (IMAGE, merged(IMAGE, full)):
        done = chart.run("lint", str(CHART), "--strict", "--namespace", NAMESPACE, values=values)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "[WARNING]" not in done.stdout and "[ERROR]" not in done.stdout


def test_every_value_is_documented() -> None:
    for paragraph in (CHART / "values.yaml").read_text(encoding="utf-8").split("\n\n"):
        assert "#" in paragraph, paragraph
