"""What the guard's chart makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flytekitplugins_podtriage.core.errors import InvalidSettings
from flytekitplugins_podtriage.core.guard.policy import Mode
from flytekitplugins_podtriage.guard.settings_file import GuardSettings, read_settings
from tests.charts.rendering import NAMESPACE, Chart, container, of_kind


def config(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    (document,) = (one["data"]["guard.yaml"] for one in manifests if "guard.yaml" in one.get("data", {}))
    settings = yaml.safe_load(document)
    assert isinstance(settings, dict)
    return settings


def read(chart: Chart, folder: Path, **values: Any) -> GuardSettings:
    """Return the settings that the guard reads from the chart's ConfigMap."""
    file = folder / "guard.yaml"
    file.write_text(yaml.safe_dump(config(chart.render(values))))
    return read_settings(str(file))


def render(chart: Chart, **values: Any) -> list[dict[str, Any]]:
    return chart.render(values)


def test_two_replicas_of_which_one_is_always_there(chart: Chart) -> None:
    made = render(chart)
    deployment = of_kind(made, "Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    budget = of_kind(made, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1 and budget["selector"] == deployment["selector"]


def test_the_guard_reads_its_settings_from_the_mounted_file(chart: Chart) -> None:
    made = render(chart)
    one = container(made)
    program, command, option, path = one["command"]
    mounted = {each["name"]: each["mountPath"] for each in one["volumeMounts"]}
    assert (program, command, option, path) == ("podtriage", "guard", "--config", f"{mounted['config']}/guard.yaml")


def test_without_values_it_observes(chart: Chart, tmp_path: Path) -> None:
    settings = read(chart, tmp_path)
    assert settings.mode is Mode.OBSERVE and not settings.namespace_modes


def test_values_become_settings(chart: Chart, tmp_path: Path) -> None:
    given = {"mode": "enforce", "namespace-modes": {"a": "observe"}, "margin": "7s", "cap-per-minute": 5}
    settings = read(chart, tmp_path, config=given, namespaces=["a", "b"], port=9191)
    assert (settings.mode, settings.margin, settings.cap_per_minute) == (Mode.ENFORCE, 7.0, 5)
    assert (settings.namespaces, settings.port) == (("a", "b"), 9191)


def test_the_names_in_the_settings_are_those_of_the_objects(chart: Chart, tmp_path: Path) -> None:
    made = render(chart, fullnameOverride="other", propeller={"namespace": "f", "configMap": "cm", "deployment": "d"})
    settings = config(made)
    named = {one["metadata"]["name"] for one in made if one["kind"] in ("Lease", "ConfigMap")}
    assert {settings["lease-name"], settings["switch"]} == {"other", "other-switch"} <= named
    assert (settings["lease-namespace"], settings["propeller-config"]) == (NAMESPACE, "f/cm")
    assert settings["propeller-deployment"] == "f/d"


def test_the_guard_refuses_a_setting_that_there_is_not(chart: Chart, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="unknown setting 'margn'; did you mean 'margin'"):
        read(chart, tmp_path, config={"margn": "3s"})


def test_the_switch_and_the_lease_have_no_content_that_an_upgrade_would_put_back(chart: Chart) -> None:
    made = render(chart)
    (switch,) = (one for one in made if one["kind"] == "ConfigMap" and one["metadata"]["name"].endswith("-switch"))
    assert set(switch) == set(of_kind(made, "Lease")) == {"apiVersion", "kind", "metadata"}


def test_a_change_of_the_settings_makes_new_pods(chart: Chart) -> None:
    one, same, other = (
        of_kind(render(chart, config=given), "Deployment")["spec"]["template"] for given in ({}, {}, {"margin": "6s"})
    )
    assert one == same
    assert one["metadata"]["annotations"] != other["metadata"]["annotations"]


def test_its_pods_keep_to_the_restricted_standard(chart: Chart) -> None:
    """kubernetes.io/docs/concepts/security/pod-security-standards, ``restricted``."""
    spec = of_kind(render(chart), "Deployment")["spec"]["template"]["spec"]
    (one,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {next(iter(set(volume) - {"name"})) for volume in spec["volumes"]} == {"configMap", "emptyDir"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert all("hostPort" not in port for port in one["ports"])


def test_probes_are_those_that_the_guard_answers(chart: Chart) -> None:
    one = container(render(chart))
    paths = {name: one[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert paths == {"startupProbe": "/healthz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}
    assert {one[name]["httpGet"]["port"] for name in paths} == {"http"} == {port["name"] for port in one["ports"]}


def test_a_replica_has_time_to_complete_an_act(chart: Chart) -> None:
    spec = of_kind(render(chart), "Deployment")["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] >= 20  # one request takes at most 20 s


def test_it_talks_to_the_api_server_and_is_asked_at_one_port(chart: Chart) -> None:
    policy = of_kind(render(chart), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["ingress"] == [{"ports": [{"port": "http"}]}]
    assert policy["egress"] == [{"ports": [{"port": 443, "protocol": "TCP"}, {"port": 6443, "protocol": "TCP"}]}]
    narrow = {"from": [{"namespaceSelector": {}}], "apiServer": ["10.0.0.1/32"], "apiServerPorts": [8443]}
    policy = of_kind(render(chart, networkPolicy=narrow), "NetworkPolicy")["spec"]
    assert policy["ingress"] == [{"ports": [{"port": "http"}], "from": [{"namespaceSelector": {}}]}]
    assert policy["egress"] == [
        {"ports": [{"port": 8443, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]}
    ]
    assert not [one for one in render(chart, networkPolicy={"enabled": False}) if one["kind"] == "NetworkPolicy"]


def test_the_guard_and_the_connector_may_be_installed_side_by_side(chart: Chart) -> None:
    from tests.charts.rendering import CHART, helm

    connector = Chart(helm(), chart.home, CHART).render()
    made = render(chart)
    names = ({(one["kind"], one["metadata"]["name"]) for one in many} for many in (connector, made))
    assert not set.intersection(*names)


def test_two_releases_do_not_share_a_name(chart: Chart) -> None:
    first, second = ({(one["kind"], one["metadata"]["name"]) for one in chart.render(release=name)} for name in "ab")
    assert first and not first & second
