"""What ``podtriage doctor`` reads of a cluster, and what it makes of what may not be read."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage.core.guard.cluster_facts import ClusterFacts
from flytekitplugins_podtriage.core.pod_cluster import ClusterUnreachable
from flytekitplugins_podtriage.guard.cluster_reader import HOST, cluster_rights, read_facts, rights
from flytekitplugins_podtriage.guard.programs import missing, read_propeller
from flytekitplugins_podtriage.guard.settings_file import GuardSettings
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.charts.guard import rendering as chart
from tests.guard.test_surroundings import CONFIG, DEPLOYMENT, config_map, deployment, status
from tests.kube.scripted import Scripted

SELF = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
OTHER = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
WORKFLOWS = "/apis/flyte.lyft.com/v1alpha1/flyteworkflows"
K8S = "plugins:\n  k8s:\n    image-pull-backoff-grace-period: 10m\n"


def review(allowed: bool) -> dict[str, Any]:
    return {"kind": "SelfSubjectAccessReview", "status": {"allowed": allowed}}


def nodes(*versions: str, more: str = "") -> dict[str, Any]:
    items = [{"status": {"nodeInfo": {"kubeletVersion": version}}} for version in versions]
    return {"kind": "NodeList", "metadata": {"continue": more} if more else {}, "items": items}


def facts(
    connection: Connection, account: tuple[str, str] | None = None, ahead: float = 0.0, **settings: Any
) -> ClusterFacts:
    wall = datetime.now(timezone.utc) + timedelta(seconds=ahead)
    return read_facts(connection, GuardSettings(**settings), wall, account)


@pytest.fixture
def healthy(script: Scripted) -> Scripted:
    """A cluster in which the guard can do its work."""
    script.reply("GET", CONFIG, 200, config_map(**{"k8s.yaml": K8S}))
    script.reply("GET", DEPLOYMENT, 200, deployment("flytepropeller:v1.16.8"))
    script.reply("GET", "/api/v1/nodes", 200, nodes("v1.34.1", "v1.34.1", more="next"))
    script.reply("GET", "/api/v1/nodes", 200, nodes("v1.31.0"))
    script.reply("POST", SELF, 201, review(True))
    return script


@pytest.mark.parametrize("backend", ["flyte-1.16", "flyte-2"])
def test_the_rights_that_are_asked_for_are_those_that_the_chart_gives(backend: str) -> None:
    observing = GuardSettings(backend=backend).policy()
    enforcing = GuardSettings(backend=backend, mode="enforce").policy()
    assert set(rights(observing, None)) == chart.granted(chart.observing(backend))
    assert set(rights(enforcing, "a")) == chart.granted(chart.observing(backend) + chart.acting(backend))
    assert set(cluster_rights()) == chart.granted(chart.rules("cluster"))


def test_everything_is_read(scripted: Connection, healthy: Scripted) -> None:
    read = facts(scripted)
    assert read.policy.stock.image_pull_backoff_grace_period == 600.0
    assert (read.config_problem, read.config_source) == ("", "flyte/flyte-propeller-config")
    assert read.backend_version == "v1.16.8"
    assert read.kubelets == {"v1.34.1": 2, "v1.31.0": 1}
    assert (read.resource_served, read.events_readable, read.missing_permissions) == (True, True, ())
    assert abs(read.clock_offsets[HOST]) <= 1.0


def test_what_may_not_be_read_is_not_known(scripted: Connection, script: Scripted) -> None:
    for path in (CONFIG, DEPLOYMENT, "/api/v1/nodes", "/api/v1/events", WORKFLOWS):
        script.reply("GET", path, 403, status(403, "Forbidden"))
    script.reply("POST", SELF, 201, review(False))
    read = facts(scripted)
    assert read.config is None and "get configmaps" in read.config_problem
    assert (read.backend_version, read.kubelets, read.resource_served) == ("", {}, None)
    assert read.events_readable is False
    assert "get nodes in all namespaces" in read.missing_permissions
    assert "list pods in all namespaces" in read.missing_permissions
    assert not [each for each in read.missing_permissions if "delete" in each]  # mode observe


def test_the_rights_to_act_are_asked_for_where_the_mode_is_enforce(scripted: Connection, healthy: Scripted) -> None:
    facts(scripted, namespace_modes={"a": "enforce", "b": "observe"})
    asked = [each.body["spec"]["resourceAttributes"] for each in healthy.wait_for("POST", SELF)]
    acts = {each["namespace"] for each in asked if each["verb"] in ("delete", "patch")}
    assert acts == {"a"}


def test_the_rights_of_another_account_are_asked_for_by_its_name(scripted: Connection, healthy: Scripted) -> None:
    healthy.reply("POST", OTHER, 201, review(True))
    facts(scripted, ("flyte", "podtriage-guard"))
    (user,) = {each.body["spec"]["user"] for each in healthy.wait_for("POST", OTHER)}
    assert user == "system:serviceaccount:flyte:podtriage-guard"


def test_a_resource_that_there_is_not_is_said_to_be_missing(scripted: Connection, healthy: Scripted) -> None:
    healthy.reply("GET", WORKFLOWS, 404, b"404 page not found\n")
    assert facts(scripted).resource_served is False


def test_a_clock_that_is_ahead_or_behind_is_measured(scripted: Connection, healthy: Scripted) -> None:
    assert 58 < facts(scripted, ahead=60.0).clock_offsets[HOST] < 61
    assert -61 < facts(scripted, ahead=-60.0).clock_offsets[HOST] < -58


def test_a_cluster_that_does_not_answer_is_an_error(scripted: Connection, script: Scripted) -> None:
    script.reply("GET", WORKFLOWS, 200, lost=True)
    with pytest.raises(ClusterUnreachable):
        facts(scripted)


def test_the_guard_observes_where_doctor_finds_an_error_in_the_backends_settings() -> None:
    finalizer = {"k8s.yaml": "plugins: {k8s: {inject-finalizer: true}}"}
    assert read_propeller(finalizer, "flyte-1.16").hindrances == ()
    (hindrance,) = read_propeller(finalizer, "flyte-2").hindrances
    assert hindrance.startswith("plugins.k8s.inject-finalizer: ")


def test_a_file_that_is_no_yaml_is_a_problem_and_not_the_end() -> None:
    read = read_propeller({"a.yaml": "x: [", "k8s.yaml": K8S}, "flyte-1.16")
    assert read.stock.image_pull_backoff_grace_period == 600.0


def test_lease_and_switch_are_asked_about_by_their_names(scripted: Connection, script: Scripted) -> None:
    script.reply("POST", SELF, 201, review(False))
    lacking = missing(scripted, GuardSettings(lease_namespace="flyte"))
    assert "update leases in namespace 'flyte' by the name podtriage-guard" in lacking
    assert "get configmaps in namespace 'flyte' by the name podtriage-guard-switch" in lacking
    asked = [each.body["spec"]["resourceAttributes"] for each in script.wait_for("POST", SELF)]
    assert {each["name"] for each in asked if each["resource"] == "leases"} == {"podtriage-guard"}
