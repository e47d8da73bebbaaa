"""The guard's rights: only what it does, each said, and the rights to act only where it may act."""

from __future__ import annotations

import pytest

from tests.charts.guard.rendering import RULES, acting, granted, observing, roles, rules
from tests.charts.rendering import NAMESPACE, Chart, of_kind

FILES = sorted(path.stem for path in RULES.glob("*.yaml"))
READING = {
    ("", "pods", "get"), ("", "pods", "list"), ("", "pods", "watch"), ("", "events", "list"), ("", "events", "watch"),
    ("events.k8s.io", "events", "create"),
}  # fmt: skip
ENDING = {("", "pods/status", "patch"), ("", "pods", "delete")}
WATCHED, ACTING, NODES = (f"{NAMESPACE}-podtriage-guard{suffix}" for suffix in ("", "-act", "-nodes"))
OWN = {
    ("coordination.k8s.io", "leases", "get"),
    ("coordination.k8s.io", "leases", "update"),
    ("", "configmaps", "get"),
    ("apps", "deployments", "get"),
}


def test_on_1_16_it_reads_flyteworkflows_and_may_add_the_finalizer() -> None:
    assert granted(observing("flyte-1.16")) == READING | {("flyte.lyft.com", "flyteworkflows", "get")}
    assert granted(acting("flyte-1.16")) == ENDING | {("", "pods", "patch")}


def test_on_flyte_2_it_reads_taskactions_and_may_add_no_finalizer() -> None:
    assert granted(observing("flyte-2")) == READING | {("flyte.org", "taskactions", "get")}
    assert granted(acting("flyte-2")) == ENDING


def test_of_what_belongs_to_no_namespace_it_reads_nodes_and_namespaces() -> None:
    assert granted(rules("cluster")) == {("", "nodes", "get"), ("", "namespaces", "get")}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "wide", ["*", "deletecollection", "secrets", "pods/exec", "pods/log", "escalate", "impersonate", "pods/eviction"]
)
def test_no_rule_holds_anything_wide(file: str, wide: str) -> None:
    assert not any(wide in right for right in granted(rules(file)))


@pytest.mark.parametrize("file", FILES)
def test_rules_are_plain_lists_and_each_says_what_it_is_for(file: str) -> None:
    text = (RULES / f"{file}.yaml").read_text(encoding="utf-8")
    assert "{{" not in text
    before = ""
    for line in text.splitlines():
        if line.startswith("- "):
            assert before.startswith("# ")
        before = line


def test_where_everything_is_observed_nothing_can_be_ended(chart: Chart) -> None:
    made = roles(chart.render())
    assert made["", WATCHED] == observing() and made["", NODES] == rules("cluster")
    writes = {right for many in made.values() for right in granted(many)} - OWN
    assert {verb for _, _, verb in writes} == {"get", "list", "watch", "create"}


def test_one_namespace_that_enforces_gives_the_rights_to_act_there_alone(chart: Chart) -> None:
    modes = {"flytesnacks-production": "enforce", "flytesnacks-development": "observe"}
    made = roles(chart.render({"config": {"namespace-modes": modes}}))
    acts = {key for key, many in made.items() if ENDING <= granted(many)}
    assert acts == {("flytesnacks-production", ACTING)}
    assert made["flytesnacks-production", ACTING] == acting()


def test_enforce_everywhere_gives_them_everywhere(chart: Chart) -> None:
    made = roles(chart.render({"config": {"mode": "enforce"}}))
    assert made["", ACTING] == acting()


def test_with_namespaces_there_are_roles_and_of_the_cluster_it_reads_two_things(chart: Chart) -> None:
    made = roles(
        chart.render({"namespaces": ["a", "b"], "config": {"namespace-modes": {"b": "enforce", "c": "enforce"}}})
    )
    assert {key for key in made if not key[0]} == {("", NODES)}
    assert made["a", "podtriage-guard"] == made["b", "podtriage-guard"] == observing()
    assert made["b", "podtriage-guard-act"] == acting()
    assert not [key for key in made if key[0] == "c" or key == ("a", "podtriage-guard-act")]


def test_a_backend_gets_no_rights_for_the_other(chart: Chart) -> None:
    made = roles(chart.render({"config": {"backend": "flyte-2", "mode": "enforce"}}))
    assert made["", WATCHED] == observing("flyte-2") and made["", ACTING] == acting("flyte-2")


def test_its_lease_and_its_switch_are_named(chart: Chart) -> None:
    made = chart.render()
    own = roles(made)[NAMESPACE, "podtriage-guard-own"]
    assert [rule["resourceNames"] for rule in own] == [["podtriage-guard"], ["podtriage-guard-switch"]]
    assert granted(own) == OWN - {("apps", "deployments", "get")}
    assert of_kind(made, "Lease")["metadata"]["name"] == "podtriage-guard"


def test_of_propellers_namespace_it_reads_two_objects_by_name(chart: Chart) -> None:
    named = {"namespace": "flyte-system", "configMap": "binary-config", "deployment": "binary"}
    made = roles(chart.render({"propeller": named}))
    own = made["flyte-system", "podtriage-guard-propeller"]
    assert [(rule["resources"], rule["resourceNames"], rule["verbs"]) for rule in own] == [
        (["configmaps"], ["binary-config"], ["get"]),
        (["deployments"], ["binary"], ["get"]),
    ]
    (only,) = roles(chart.render({"propeller": {"configMap": ""}}))[NAMESPACE, "podtriage-guard-propeller"]
    assert only["resources"] == ["deployments"]
    without = roles(chart.render({"propeller": {"configMap": "", "deployment": ""}}))
    assert not [key for key in without if key[1].endswith("-propeller")]


def test_every_role_is_bound_to_the_guards_account_and_no_other(chart: Chart) -> None:
    made = chart.render({"namespaces": ["a"], "config": {"mode": "enforce"}})
    bindings = [one for one in made if one["kind"].endswith("Binding")]
    assert {(one["metadata"].get("namespace", ""), one["roleRef"]["name"]) for one in bindings} == set(roles(made))
    for one in bindings:
        assert one["subjects"] == [{"kind": "ServiceAccount", "name": "podtriage-guard", "namespace": NAMESPACE}]
        assert f"{one['roleRef']['kind']}Binding" == one["kind"]


def test_without_rbac_or_account_none_is_made(chart: Chart) -> None:
    made = chart.render({"rbac": {"create": False}, "serviceAccount": {"create": False, "name": "mine"}})
    assert not [one for one in made if one["kind"].endswith(("Role", "Binding", "ServiceAccount"))]
    assert of_kind(made, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "mine"
