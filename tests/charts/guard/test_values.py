"""The values of the guard's chart: each is documented, does something, and is refused when it is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.charts.guard.rendering import GUARD_CHART
from tests.charts.rendering import IMAGE, NAMESPACE, Chart, leaves, merged, nested

VALUES = yaml.safe_load((GUARD_CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((GUARD_CHART / "values.schema.json").read_text(encoding="utf-8"))

# What each value may be set to, and what then stands in the manifests and not before.
USES: dict[str, tuple[Any, str]] = {
    "image.repository": ("registry.example/other", "registry.example/other:"),
    "image.tag": (f"v2@sha256:{'0' * 64}", ":v2@sha256:0000"),
    "image.pullPolicy": ("Always", '"Always"'),
    "imagePullSecrets": ([{"name": "registry"}], '{"name": "registry"}'),
    "replicas": (3, '"replicas": 3'),
    "config": ({"margin": "9s"}, "margin: 9s"),
    "namespaces": (["flytesnacks-development"], '"namespace": "flytesnacks-development"'),
    "propeller.namespace": ("flyte-system", "flyte-system/"),
    "propeller.configMap": ("flyte-binary-config", "/flyte-binary-config"),
    "propeller.deployment": ("flyte-binary", "/flyte-binary\\n"),
    "port": (9191, '"containerPort": 9191'),
    "env": ([{"name": "A", "value": "b"}], '{"name": "A", "value": "b"}'),
    "extraVolumes": ([{"name": "rules", "configMap": {"name": "rules"}}], '"configMap": {"name": "rules"}'),
    "extraVolumeMounts": ([{"name": "rules", "mountPath": "/rules"}], '"mountPath": "/rules"'),
    "serviceAccount.create": (False, '"serviceAccountName": "default"'),
    "serviceAccount.name": ("guard", '"serviceAccountName": "guard"'),
    "serviceAccount.annotations": ({"a": "annotation"}, '"a": "annotation"'),
    "rbac.create": (False, ""),
    "resources.requests": ({"cpu": "2"}, '"cpu": "2"'),
    "resources.limits": ({"cpu": "3"}, '"cpu": "3"'),
    "podSecurityContext": ({"runAsUser": 1234}, '"runAsUser": 1234'),
    "securityContext": ({"privileged": False}, '"privileged": false'),
    "metrics.serviceMonitor.enabled": (True, '"kind": "ServiceMonitor"'),
    "metrics.serviceMonitor.interval": ("45s", '"interval": "45s"'),
    "metrics.serviceMonitor.labels": ({"release": "one"}, '"release": "one"'),
    "metrics.prometheusRule.enabled": (True, '"kind": "PrometheusRule"'),
    "metrics.prometheusRule.labels": ({"release": "two"}, '"release": "two"'),
    "metrics.dashboard.enabled": (True, '"podtriage-guard.json": '),
    "metrics.dashboard.label": ("dashboards", '"dashboards": '),
    "metrics.dashboard.labelValue": ("yes", ': "yes"'),
    "metrics.dashboard.annotations": ({"grafana_folder": "Flyte"}, '"annotations": {"grafana_folder": "Flyte"}'),
    "networkPolicy.enabled": (False, ""),
    "networkPolicy.from": ([{"podSelector": {"matchLabels": {"app": "prometheus"}}}], '{"app": "prometheus"}'),
    "networkPolicy.apiServer": (["10.0.0.1/32"], '"cidr": "10.0.0.1/32"'),
    "networkPolicy.apiServerPorts": ([8443], '"port": 8443'),
    "podAnnotations": ({"a": "annotation"}, '"a": "annotation"'),
    "podLabels": ({"a": "label"}, '"a": "label"'),
    "priorityClassName": ("high", '"priorityClassName": "high"'),
    "nodeSelector": ({"pool": "flyte"}, '"nodeSelector": {"pool": "flyte"}'),
    "tolerations": ([{"key": "flyte"}], '"tolerations": [{"key": "flyte"}]'),
    "affinity": ({"nodeAffinity": {}}, '"affinity": {"nodeAffinity": {}}'),
    "nameOverride": ("other", '"app.kubernetes.io/name": "other"'),
    "fullnameOverride": ("other", '"name": "other"'),
}


def test_the_schema_knows_exactly_the_values_of_the_file() -> None:
    # `global` is helm's own: it is handed to every chart.
    assert set(leaves(SCHEMA)) - {"global"} == set(USES)
    for path in USES:
        value = VALUES
        for name in path.split("."):
            assert name in value, f"{path} is not in values.yaml"
            value = value[name]


OBSERVED: dict[str, Any] = {
    "metrics": {part: {"enabled": True} for part in ("serviceMonitor", "prometheusRule", "dashboard")}
}
ALONE = {"rbac.create", "serviceAccount.create", "networkPolicy.enabled", "nameOverride", "fullnameOverride"}
"""What would hide other values: each is set by itself, and all the others at once, since helm takes a while."""


@pytest.fixture(scope="module")
def together(chart: Chart) -> tuple[str, str]:
    """Return the manifests without any value, and with all that go together."""
    values = (nested(path, value) for path, (value, _) in USES.items() if path not in ALONE)
    return json.dumps(chart.render()), json.dumps(chart.render(merged(IMAGE, *values)))


@pytest.mark.parametrize("path", sorted(set(USES) - ALONE))
def test_every_value_does_something(together: tuple[str, str], path: str) -> None:
    before, after = together
    assert USES[path][1] in after and USES[path][1] not in before


@pytest.mark.parametrize("path", sorted(ALONE))
def test_every_value_that_hides_others_does_something(chart: Chart, path: str) -> None:
    value, sign = USES[path]
    before, after = json.dumps(chart.render()), json.dumps(chart.render(nested(path, value)))
    assert before != after
    assert sign in after and (sign not in before or not sign)


WRONG = {
    "no image": ({}, "image/repository"),
    "an unknown backend": ({"config": {"backend": "flyte-3"}}, "config/backend"),
    "an unknown mode": ({"config": {"mode": "act"}}, "config/mode"),
    "a mode that YAML takes for a boolean": ({"config": {"mode": True}}, "config/mode"),
    "an unknown mode of a namespace": ({"config": {"namespace-modes": {"a": "on"}}}, "config/namespace-modes/a"),
    "a namespace in capitals": ({"config": {"namespace-modes": {"A": "observe"}}}, "propertyName 'A'"),
    "namespaces in the wrong place": ({"config": {"namespaces": ["a"]}}, "config/namespaces"),
    "a lease of one's own, for which there is no right": ({"config": {"lease-name": "x"}}, "config/lease-name"),
    "a port in the wrong place": ({"config": {"port": 9090}}, "config/port"),
    "no replica": ({"replicas": 0}, "replicas"),
    "a port that only root may open": ({"port": 80}, "port"),
    "one namespace as text": ({"namespaces": "a"}, "namespaces"),
    "an address without a mask": ({"networkPolicy": {"apiServer": ["10.0.0.1"]}}, "networkPolicy/apiServer/0"),
    "no port of the API server": ({"networkPolicy": {"apiServerPorts": []}}, "networkPolicy/apiServerPorts"),
    "the replica's name": ({"env": [{"name": "POD_NAME", "value": "x"}]}, "env/0/name"),
    "a value that there is not": ({"mode": "enforce"}, "mode"),
}


@pytest.mark.parametrize(("values", "named"), WRONG.values(), ids=WRONG)
def test_wrong_values_are_refused_by_name(chart: Chart, values: dict[str, Any], named: str) -> None:
    message = chart.refusal(merged(IMAGE if values else {}, values))
    assert "podtriage-guard" in message and named in message


def test_nothing_is_wrong_with_the_chart_in_helms_eyes(chart: Chart) -> None:
    full = merged(OBSERVED, {"namespaces": ["a", "b"], "config": {"mode": "enforce"}})
    for values in (IMAGE, merged(IMAGE, full), merged(IMAGE, {"config": {"backend": "flyte-2"}})):
        done = chart.run("lint", str(GUARD_CHART), "--strict", "--namespace", NAMESPACE, values=values)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "[WARNING]" not in done.stdout and "[ERROR]" not in done.stdout


def test_every_value_is_documented() -> None:
    for paragraph in (GUARD_CHART / "values.yaml").read_text(encoding="utf-8").split("\n\n"):
        assert "#" in paragraph or paragraph.startswith(("serviceAccount:", "env:")), paragraph
