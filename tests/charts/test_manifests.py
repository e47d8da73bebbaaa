"""What the chart makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flytekitplugins_podtriage.core.errors import InvalidSettings
from flytekitplugins_podtriage.flyte.settings import read_settings
from tests.charts.rendering import CHART, NAMESPACE, RELEASE, Chart, container, of_kind

RULES = yaml.safe_load((CHART / "files" / "rules.yaml").read_text(encoding="utf-8"))


def test_two_replicas_of_which_one_is_always_there(chart: Chart) -> None:
    made = chart.render()
    deployment = of_kind(made, "Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
    }
    assert deployment["minReadySeconds"] > 30  # the time between two look-ups of a name by gRPC
    budget = of_kind(made, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    labels = deployment["template"]["metadata"]["labels"]
    assert budget["selector"] == deployment["selector"]
    assert budget["selector"]["matchLabels"].items() <= labels.items()


def test_replicas_are_spread_but_start_all_the_same_where_they_cannot_be(chart: Chart) -> None:
    spec = of_kind(chart.render(), "Deployment")["spec"]["template"]["spec"]
    spread = spec["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert {one["whenUnsatisfiable"] for one in spread} == {"ScheduleAnyway"}


def test_a_replica_that_ends_serves_on_until_nobody_looks_it_up(chart: Chart) -> None:
    spec = of_kind(chart.render(), "Deployment")["spec"]["template"]["spec"]
    (one,) = spec["containers"]
    assert one["lifecycle"]["preStop"]["exec"]["command"] == ["python", "-c", "import time; time.sleep(10)"]
    assert spec["terminationGracePeriodSeconds"] > 10


def test_every_replica_has_an_address_of_its_own_under_the_services_name(chart: Chart) -> None:
    made = chart.render({"port": 8123})
    service = of_kind(made, "Service")
    assert (service["metadata"]["name"], service["metadata"]["namespace"]) == (RELEASE, NAMESPACE)
    assert service["spec"]["clusterIP"] == "None"
    # A client of a headless service goes to the container's port, whatever the service's is.
    (port,) = (one["port"] for one in service["spec"]["ports"] if one["name"] == "grpc")
    (listening,) = (one["containerPort"] for one in container(made)["ports"] if one["name"] == "grpc")
    assert port == listening == 8123
    labels = of_kind(made, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()


def test_the_role_has_the_rules_of_the_file_and_is_the_connectors(chart: Chart) -> None:
    made = chart.render()
    role, binding = of_kind(made, "ClusterRole"), of_kind(made, "ClusterRoleBinding")
    assert role["rules"] == RULES
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == f"{NAMESPACE}-{RELEASE}"
    account = of_kind(made, "ServiceAccount")["metadata"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account["name"], "namespace": NAMESPACE}]
    assert of_kind(made, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == account["name"]


def test_with_namespaces_it_has_rights_there_alone_and_watches_no_others(chart: Chart, tmp_path: Path) -> None:
    names = ["flytesnacks-development", "flytesnacks-production"]
    made = chart.render({"namespaces": names})
    assert not [one for one in made if one["kind"].startswith("ClusterRole")]
    for kind in ("Role", "RoleBinding"):
        assert [one["metadata"]["namespace"] for one in made if one["kind"] == kind] == names
    assert all(one["rules"] == RULES for one in made if one["kind"] == "Role")
    file = tmp_path / "config.yaml"
    file.write_text(of_kind(made, "ConfigMap")["data"]["config.yaml"])
    assert read_settings(environ={}, config_file=str(file)).namespaces == tuple(names)


def test_without_rbac_or_account_none_is_made(chart: Chart) -> None:
    made = chart.render({"rbac": {"create": False}, "serviceAccount": {"create": False, "name": "mine"}})
    assert {one["kind"] for one in made} == {"ConfigMap", "Service", "Deployment", "PodDisruptionBudget"}
    assert of_kind(made, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "mine"


def test_the_configuration_is_mounted_where_flytekit_is_told_to_look(chart: Chart) -> None:
    made = chart.render()
    one = container(made)
    environment = {each["name"]: each["value"] for each in one["env"]}
    mounted = {each["name"]: each["mountPath"] for each in one["volumeMounts"]}
    assert environment["FLYTECTL_CONFIG"] == f"{mounted['config']}/config.yaml"
    volumes = {each["name"]: each for each in of_kind(made, "Deployment")["spec"]["template"]["spec"]["volumes"]}
    assert volumes["config"]["configMap"]["name"] == of_kind(made, "ConfigMap")["metadata"]["name"]


@pytest.mark.parametrize(
    ("section", "patience"), [({}, 1800.0), ({"system-patience": "45m", "system-reserve": 2}, 2700.0)]
)
def test_the_plugin_reads_its_settings_from_it(
    chart: Chart, tmp_path: Path, section: dict[str, Any], patience: float
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(of_kind(chart.render({"config": {"podtriage": section}}), "ConfigMap")["data"]["config.yaml"])
    assert read_settings(environ={}, config_file=str(file)).system_patience == patience


def test_the_plugin_refuses_a_setting_that_there_is_not(chart: Chart, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        of_kind(chart.render({"config": {"podtriage": {"patience": "3m"}}}), "ConfigMap")["data"]["config.yaml"]
    )
    with pytest.raises(InvalidSettings, match="unknown setting 'patience'"):
        read_settings(environ={}, config_file=str(file))


def test_a_change_of_the_configuration_makes_new_pods(chart: Chart) -> None:
    one, same, other = (
        of_kind(chart.render({"config": {"podtriage": section}}), "Deployment")["spec"]["template"]
        for section in ({}, {}, {"user-patience": "1m"})
    )
    assert one == same
    assert one["metadata"]["annotations"] != other["metadata"]["annotations"]


def test_it_runs_without_rights_on_its_node(chart: Chart) -> None:
    made = chart.render()
    spec = of_kind(made, "Deployment")["spec"]["template"]["spec"]
    one = container(made)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert one["securityContext"]["readOnlyRootFilesystem"] is True
    assert one["securityContext"]["allowPrivilegeEscalation"] is False
    assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    # Everything that flytekit writes goes below these two.
    volumes = {each["name"]: each for each in spec["volumes"]}
    mounted = {each["mountPath"]: volumes[each["name"]] for each in one["volumeMounts"]}
    assert "emptyDir" in mounted["/tmp"]
    assert {each["name"]: each["value"] for each in one["env"]}["HOME"] == "/tmp"


def test_the_network_policy_lets_in_whom_it_names(chart: Chart) -> None:
    propeller = [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "flytepropeller"}}}]
    made = chart.render({"networkPolicy": {"enabled": True, "from": propeller}})
    policy = of_kind(made, "NetworkPolicy")["spec"]
    assert policy["podSelector"] == of_kind(made, "Deployment")["spec"]["selector"]
    assert policy["policyTypes"] == ["Ingress"]
    grpc, metrics = policy["ingress"]
    assert grpc == {"from": propeller, "ports": [{"port": "grpc"}]}
    assert metrics == {"ports": [{"port": "metrics"}]}
    assert not [one for one in chart.render() if one["kind"] == "NetworkPolicy"]


def test_two_releases_do_not_share_a_name(chart: Chart) -> None:
    first, second = ({(one["kind"], one["metadata"]["name"]) for one in chart.render(release=name)} for name in "ab")
    assert first and not first & second
