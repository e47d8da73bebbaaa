"""The guard's chart on a real API server: it is taken as it stands, gives the rights of its files and no others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.apiserver.api import Api, ApiStatus
from tests.apiserver.server import ApiServer
from tests.apiserver.test_chart import allowed
from tests.charts.guard.rendering import GUARD_CHART, Right, acting, granted, observing, rules
from tests.charts.guard.test_manifest_file import FILE
from tests.charts.rendering import IMAGE, Chart, helm

RELEASE = "podtriage-guard"
Install = Callable[..., str]
READ, ACT = granted(observing()), granted(acting())
NEVER = [
    ("", "pods", "create"), ("", "pods", "deletecollection"), ("", "pods/exec", "create"), ("", "pods/eviction", "create"),
    ("", "secrets", "get"), ("", "configmaps", "get"), ("", "events", "create"), ("events.k8s.io", "events", "patch"),
    ("flyte.lyft.com", "flyteworkflows", "list"), ("flyte.lyft.com", "flyteworkflows", "update"),
    ("flyte.org", "taskactions", "get"), ("", "nodes", "patch"), ("", "nodes/status", "patch"),
    ("rbac.authorization.k8s.io", "roles", "create"), ("coordination.k8s.io", "leases", "create"),
]  # fmt: skip


@pytest.fixture
def install(server: ApiServer, tmp_path: Path) -> Iterator[Install]:
    """Return what installs the chart in a namespace; it is uninstalled after the test."""
    chart = Chart(helm(), tmp_path, GUARD_CHART)
    where = ["--kubeconfig", server.kubeconfig("admin"), "--namespace"]
    made: list[str] = []

    def done(namespace: str, command: str = "install", **values: Any) -> str:
        completed = chart.run(command, RELEASE, str(GUARD_CHART), *where, namespace, values={**IMAGE, **values})
        assert completed.returncode == 0, completed.stderr
        if command == "install":
            made.append(namespace)
        return completed.stdout

    yield done
    for namespace in made:
        completed = chart.call("uninstall", RELEASE, *where, namespace)
        assert completed.returncode == 0, completed.stderr


def wait_for(admin: Api, account: str, rights: set[Right], namespace: str) -> bool:
    """Whether an account has rights; the authorizer learns of roles through a watch of its own, within milliseconds."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if all(allowed(admin, account, verb, group, resource, namespace) for group, resource, verb in rights):
            return True
    return False


def any_of(admin: Api, account: str, rights: set[Right], namespace: str) -> list[Right]:
    """Return the rights that an account has."""
    return [one for one in rights if allowed(admin, account, one[2], one[0], one[1], namespace)]


def test_the_api_server_takes_what_the_chart_makes(
    install: Install, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home = make_namespace()
    notes = install(home, networkPolicy={"from": [{"podSelector": {}}], "apiServer": ["10.0.0.1/32"]})
    assert "kubectl patch configmap" in notes and "in mode observe" in notes
    deployment = admin.get(f"/apis/apps/v1/namespaces/{home}/deployments/{RELEASE}")["spec"]
    template = deployment["template"]
    assert deployment["replicas"] == 2
    pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": "replica"}}
    made = admin.send("POST", f"/api/v1/namespaces/{home}/pods", pod, query={"fieldValidation": "Strict"})
    assert made["spec"]["serviceAccountName"] == RELEASE
    assert admin.get(f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases/{RELEASE}")["metadata"]["name"] == RELEASE


def test_its_pods_are_admitted_where_the_restricted_standard_is_enforced(
    install: Install, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home = make_namespace()
    admin.merge(
        f"/api/v1/namespaces/{home}", {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    )
    install(home)
    template = admin.get(f"/apis/apps/v1/namespaces/{home}/deployments/{RELEASE}")["spec"]["template"]
    metadata = {**template["metadata"], "name": "replica"}
    pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": metadata}
    assert admin.post(f"/api/v1/namespaces/{home}/pods", pod)["metadata"]["name"] == "replica"
    root = {**template["spec"], "securityContext": {"runAsUser": 0}}
    with pytest.raises(ApiStatus, match="violates PodSecurity"):
        admin.post(f"/api/v1/namespaces/{home}/pods", {**pod, "spec": root, "metadata": {**metadata, "name": "root"}})


def test_where_everything_is_observed_it_can_end_nothing(
    install: Install, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home, tasks = make_namespace(), make_namespace()
    install(home)
    account = f"{home}:{RELEASE}"
    assert wait_for(admin, account, READ | granted(rules("cluster")), tasks)
    assert any_of(admin, account, ACT | set(NEVER), tasks) == []


def test_it_may_act_in_the_namespace_that_is_enforced_and_in_no_other(
    install: Install, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home, enforced, observed = (make_namespace() for _ in range(3))
    install(home)
    install(home, "upgrade", config={"namespace-modes": {enforced: "enforce", observed: "observe"}})
    account = f"{home}:{RELEASE}"
    assert wait_for(admin, account, READ | ACT, enforced)
    for namespace in (observed, home, ""):
        assert any_of(admin, account, ACT, namespace) == []
    assert any_of(admin, account, set(NEVER), enforced) == []


def test_with_namespaces_it_reads_and_acts_there_alone(
    install: Install, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home, tasks, others = (make_namespace() for _ in range(3))
    install(home, namespaces=[tasks], config={"mode": "enforce"})
    account = f"{home}:{RELEASE}"
    assert wait_for(admin, account, READ | ACT, tasks)
    for namespace in (others, home, ""):
        assert any_of(admin, account, READ | ACT, namespace) == []


def test_an_upgrade_neither_switches_it_on_again_nor_takes_the_lease(
    install: Install, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home = make_namespace()
    install(home)
    switch = f"/api/v1/namespaces/{home}/configmaps/{RELEASE}-switch"
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases/{RELEASE}"
    admin.merge(switch, {"data": {"mode": "observe"}})
    admin.merge(lease, {"spec": {"holderIdentity": "a", "leaseDurationSeconds": 15}})
    install(home, "upgrade", replicas=3)
    assert admin.get(switch)["data"] == {"mode": "observe"}
    assert admin.get(lease)["spec"]["holderIdentity"] == "a"


def test_uninstalling_leaves_nothing_behind(
    server: ApiServer, tmp_path: Path, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home, tasks = make_namespace(), make_namespace()
    chart = Chart(helm(), tmp_path, GUARD_CHART)
    where = ["--kubeconfig", server.kubeconfig("admin"), "--namespace", home]
    values = {**IMAGE, "config": {"namespace-modes": {tasks: "enforce"}}}
    assert chart.run("install", RELEASE, str(GUARD_CHART), *where, values=values).returncode == 0
    assert remaining(admin, home, tasks)
    assert chart.call("uninstall", RELEASE, *where).returncode == 0
    assert remaining(admin, home, tasks) == []


def remaining(admin: Api, home: str, tasks: str) -> list[str]:
    """Return the paths of the release's objects."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    lists = [
        *(f"{rbac}/{resource}" for resource in ("clusterroles", "clusterrolebindings")),
        *(f"{rbac}/namespaces/{name}/{resource}" for name in (home, tasks) for resource in ("roles", "rolebindings")),
        *(
            f"/api/v1/namespaces/{home}/{resource}"
            for resource in ("configmaps", "serviceaccounts", "services", "secrets")
        ),
        f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases",
        f"/apis/apps/v1/namespaces/{home}/deployments",
        f"/apis/policy/v1/namespaces/{home}/poddisruptionbudgets",
        f"/apis/networking.k8s.io/v1/namespaces/{home}/networkpolicies",
    ]
    return [
        f"{path}/{item['metadata']['name']}"
        for path in lists
        for item in admin.get(path)["items"]
        if RELEASE in item["metadata"]["name"] and (path.count("/namespaces/") or home in item["metadata"]["name"])
    ]


def test_the_api_server_takes_every_object_of_the_manifest(admin: Api) -> None:
    """A dry run checks the objects as if they were created (``dryRun=All``), in a namespace that exists."""
    for one in yaml.safe_load_all(FILE.read_text(encoding="utf-8")):
        if one is None:
            continue
        group, _, version = one["apiVersion"].rpartition("/")
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        plural = f"{one['kind'].lower()}s" if not one["kind"].endswith("y") else f"{one['kind'].lower()[:-1]}ies"
        namespace = one["metadata"].get("namespace")
        if namespace:
            one["metadata"]["namespace"] = "default"
            root += "/namespaces/default"
        query = {"dryRun": "All", "fieldValidation": "Strict"}
        assert admin.send("POST", f"{root}/{plural}", one, query=query)["metadata"]["name"] == one["metadata"]["name"]
