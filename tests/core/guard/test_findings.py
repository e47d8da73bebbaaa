"""What defeats the guard is found, and nothing else."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.guard.cluster_facts import ClusterFacts
from flytekitplugins_podtriage.core.guard.findings import Finding, Severity, findings
from flytekitplugins_podtriage.core.guard.policy import GUARDED_BACKENDS, GuardPolicy
from flytekitplugins_podtriage.core.guard.propeller_config import read_propeller_config
from flytekitplugins_podtriage.core.policy import Policy

ADVICE = {
    "flyte-1.16": ["more-system-retries", "longer-grace-period", "add-finalizer"],
    "flyte-2": ["longer-grace-period"],
}


def facts(backend: str = "flyte-1.16", config: dict[str, Any] | None = None, **changes: Any) -> ClusterFacts:
    """Return a cluster in which nothing defeats the guard, with changes; ``config`` is the backend's own."""
    read = read_propeller_config({"a.yaml": config or {}}, backend)
    policy = GuardPolicy(backend=backend, stock=read.stock, limits=read.limits, **changes.pop("policy", {}))
    one = ClusterFacts(
        policy=policy,
        config=read,
        config_source="flyte/flyte-propeller-config",
        backend_version="v1.16.8",
        resource_served=True,
        kubelets={"v1.34.4": 3},
        events_readable=True,
        clock_offsets={"FlytePropeller": 0.3},
        shards=1,
    )
    return attrs.evolve(one, **changes)


def k8s(**settings: object) -> dict[str, Any]:
    return {"plugins": {"k8s": {name.replace("_", "-"): value for name, value in settings.items()}}}


def node(**settings: object) -> dict[str, Any]:
    return {"propeller": {"node-config": {name.replace("_", "-"): value for name, value in settings.items()}}}


CURED = {
    **k8s(image_pull_backoff_grace_period="30m", inject_finalizer=True),
    **node(max_node_retries_system_failures=10),
}


@pytest.mark.parametrize("backend", GUARDED_BACKENDS)
def test_of_flytes_defaults_there_is_advice_only(backend: str) -> None:
    answer = findings(facts(backend))
    assert [one.id for one in answer] == ADVICE[backend]
    assert {one.severity for one in answer} == {Severity.ADVICE}


def test_where_the_advice_was_taken_there_is_nothing() -> None:
    assert findings(facts(config=CURED)) == ()


ROWS: list[tuple[str, Severity, ClusterFacts]] = [
    ("ignore-retry-cause", Severity.ERROR, facts(config=node(ignore_retry_cause=True))),
    ("short-grace-period", Severity.ERROR, facts(config=k8s(image_pull_backoff_grace_period="7s"))),
    ("short-grace-period", Severity.ERROR, facts(config=k8s(image_pull_backoff_grace_period=300))),
    ("short-grace-period", Severity.ERROR, facts(config=k8s(image_pull_backoff_grace_period="-1s"))),
    ("short-grace-period", Severity.ERROR, facts(policy={"margin": "179s"})),
    ("pod-pending-timeout", Severity.WARNING, facts(config=k8s(pod_pending_timeout="10m"))),
    ("pod-pending-timeout", Severity.WARNING, facts("flyte-2", config=k8s(pod_pending_timeout="10m"))),
    ("pod-pending-timeout", Severity.ERROR, facts(config=k8s(pod_pending_timeout="5s"))),
    ("inject-finalizer", Severity.ERROR, facts("flyte-2", config=k8s(inject_finalizer=True))),
    ("no-owner-references", Severity.ERROR, facts("flyte-2", config=k8s(disable_inject_owner_references=True))),
    ("few-system-retries", Severity.WARNING, facts(config=node(max_node_retries_system_failures=1))),
    ("few-system-retries", Severity.WARNING, facts(policy={"system_reserve": 3})),
    ("more-system-retries", Severity.ADVICE, facts(config=node(max_node_retries_system_failures=9))),
    ("old-kubelets", Severity.NOTE, facts(kubelets={"v1.31.4-eks-1": 2, "v1.32.0": 1})),
    ("old-kubelets", Severity.ERROR, facts(kubelets={"v1.31.4": 2}, events_readable=False)),
    ("old-kubelets", Severity.ERROR, facts(kubelets={"1.9.1": 1}, events_readable=None)),
    ("events-not-readable", Severity.WARNING, facts(events_readable=False)),
    ("missing-permissions", Severity.ERROR, facts(missing_permissions=("patch pods/status in p-d",))),
    ("status-writes-refused", Severity.ERROR, facts(status_write_refusal="denied by policy\nno-status")),
    ("clocks-apart", Severity.ERROR, facts(clock_offsets={"FlytePropeller": -2.5})),
    ("clocks-apart", Severity.ERROR, facts(clock_offsets={"FlytePropeller": float("nan")})),
    ("no-backend", Severity.ERROR, facts(resource_served=False)),
    ("no-backend", Severity.ERROR, facts("flyte-2", resource_served=False)),
    ("unknown-version", Severity.ERROR, facts(backend_version="v1.15.3")),
    ("unknown-version", Severity.ERROR, facts(backend_version="latest")),
    ("old-propeller-for-connector", Severity.ERROR, facts(backend_version="v1.16.6", connector=True)),
    ("connector-not-routed", Severity.WARNING, facts(connector=True)),
    (
        "connector-disabled",
        Severity.ERROR,
        facts(connector=True, config={"tasks": {"task-plugins": {"enabled-plugins": ["container"]}}}),
    ),
    ("config-unknown", Severity.WARNING, attrs.evolve(facts(), config=None)),
    ("config-unclear", Severity.WARNING, facts(config=k8s(image_pull_backoff_grace_period="soon"))),
    ("longer-grace-period", Severity.ADVICE, facts()),
    ("add-finalizer", Severity.ADVICE, facts()),
    ("several-shards", Severity.NOTE, facts(shards=3)),
]


@pytest.mark.parametrize(("name", "severity", "cluster"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
def test_what_defeats_the_guard(name: str, severity: Severity, cluster: ClusterFacts) -> None:
    matching = [one for one in findings(cluster) if one.id == name]
    assert [one.severity for one in matching] == [severity]
    assert matching[0].what
    assert matching[0].where
    assert bool(matching[0].remedy) is (severity is not Severity.NOTE)


@pytest.mark.parametrize(
    ("name", "cluster"),
    [
        ("ignore-retry-cause", facts("flyte-2", config=node(ignore_retry_cause=True))),
        ("short-grace-period", facts(config=k8s(image_pull_backoff_grace_period="7100ms"))),
        ("pod-pending-timeout", facts(config=k8s(pod_pending_timeout="0s"))),
        ("pod-pending-timeout", facts(config=k8s(pod_pending_timeout="-1s"))),
        ("inject-finalizer", facts(config=k8s(inject_finalizer=True))),
        ("add-finalizer", facts(config=k8s(inject_finalizer=True))),
        ("add-finalizer", facts("flyte-2")),
        ("more-system-retries", facts("flyte-2")),
        ("old-kubelets", facts(kubelets={"v1.32.0": 1, "v1.100.1": 1, "weird": 1})),
        ("events-not-readable", facts(events_readable=None)),
        ("clocks-apart", facts(clock_offsets={"FlytePropeller": 2.0})),
        ("clocks-apart", facts(policy={"clock_skew": "10s"}, clock_offsets={"FlytePropeller": 9.0})),
        ("no-backend", facts(resource_served=None)),
        ("unknown-version", facts(backend_version="")),
        ("unknown-version", facts(backend_version="1.16.0-rc1")),
        ("unknown-version", facts("flyte-2", backend_version="latest")),
        ("old-propeller-for-connector", facts(backend_version="v1.16.6")),
        ("old-propeller-for-connector", facts(backend_version="v1.16.7", connector=True)),
        ("connector-disabled", facts(connector=True)),
        (
            "connector-not-routed",
            facts(
                connector=True,
                config={"tasks": {"task-plugins": {"default-for-task-types": {"podtriage": "connector-service"}}}},
            ),
        ),
        ("several-shards", facts(shards=1)),
        ("longer-grace-period", facts(config=k8s(image_pull_backoff_grace_period="10m"))),
    ],
)
def test_what_does_not(name: str, cluster: ClusterFacts) -> None:
    assert name not in [one.id for one in findings(cluster)]


def test_the_gravest_come_first() -> None:
    cluster = facts(shards=2, config=node(ignore_retry_cause=True), events_readable=False)
    severities = [one.severity for one in findings(cluster)]
    assert severities == sorted(severities, key=list(Severity).index)
    assert len(set(severities)) == 4


def test_what_an_admission_plugin_says_is_shown_on_one_line_without_secrets() -> None:
    cluster = facts(status_write_refusal="denied:\n\x1b[31m https://me:hunter2@hook.example " + "x" * 9999)
    what = next(one.what for one in findings(cluster) if one.id == "status-writes-refused")
    assert "denied: [31m https://" in what
    assert "hunter2" not in what
    assert len(what) < 300


def test_many_permissions_are_one_finding() -> None:
    cluster = facts(missing_permissions=tuple(f"get pods in n{number}" for number in range(12)))
    finding = next(one for one in findings(cluster) if one.id == "missing-permissions")
    assert finding.what.startswith("12 permissions of the guard's service account are missing")
    assert finding.where.endswith("get pods in n9 and 2 more")


@given(
    st.text(),
    st.lists(st.text(), max_size=12),
    st.dictionaries(st.text(), st.floats(), max_size=3),
    st.dictionaries(st.text(), st.integers(), max_size=3),
    st.sampled_from(GUARDED_BACKENDS),
    st.floats(-1e6, 1e6),
)
def test_any_facts_have_findings_of_one_line(
    text: str, names: list[str], offsets: dict[str, float], kubelets: dict[str, int], backend: str, grace: float
) -> None:
    policy = GuardPolicy(
        backend=backend,
        stock=attrs.evolve(
            Policy.for_backend(backend), image_pull_backoff_grace_period=grace, pod_pending_timeout=grace
        ),
        limits=Limits(),
    )
    cluster = ClusterFacts(
        policy=policy,
        config_problem=text,
        config_source=text,
        backend_version=text,
        kubelets=kubelets,
        missing_permissions=tuple(names),
        status_write_refusal=text,
        clock_offsets=offsets,
        connector=True,
    )
    for finding in findings(cluster):
        assert isinstance(finding, Finding)
        for part in (finding.what, finding.where, finding.remedy):
            assert part.isprintable()
            assert len(part) < 3000
