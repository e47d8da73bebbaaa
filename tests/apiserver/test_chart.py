"""The connector's chart on a real API server: it is taken as it stands, and gives the rights of its list and no others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.api import Api
from tests.apiserver.rights import chart_rules
from tests.apiserver.server import ApiServer
from tests.charts.rendering import CHART, IMAGE, RELEASE, Chart, helm

Install = Callable[..., str]


@pytest.fixture
def install(server: ApiServer, tmp_path: Path) -> Iterator[Install]:
    """Return what installs the chart in a namespace and returns what helm said; it is uninstalled after the test."""
    chart = Chart(helm(), tmp_path)
    where = ["--kubeconfig", server.kubeconfig("admin"), "--namespace"]
    made: list[str] = []

    def done(namespace: str, **values: Any) -> str:
        completed = chart.run("install", RELEASE, str(CHART), *where, namespace, values={**IMAGE, **values})
        assert completed.returncode == 0, completed.stderr
        made.append(namespace)
        return completed.stdout

    yield done
    for namespace in made:
        # A command of helm that takes no values.
        completed = chart.call("uninstall", RELEASE, *where, namespace)
        assert completed.returncode == 0, completed.stderr


def allowed(admin: Api, account: str, verb: str, group: str, resource: str, namespace: str) -> bool:
    """Whether the API server's authorizer lets a service account do this."""
    name, _, sub = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": name, "subresource": sub, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{account}", "resourceAttributes": attributes},
    }
    return bool(admin.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"])


def rights_in(admin: Api, account: str, namespace: str) -> bool:
    """Whether a service account has all the rights of the list in a namespace; they are waited for.

    The authorizer learns of roles through a watch of its own, within milliseconds.
    """
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if all(allowed(admin, account, verb, group, resource, namespace) for group, resource, verb in RIGHTS):
            return True
    return False


RIGHTS = [
    (group, resource, verb)
    for rule in chart_rules()
    for group in rule["apiGroups"]
    for resource in rule["resources"]
    for verb in rule["verbs"]
]
NO_RIGHTS = [
    ("", "pods", "patch"),
    ("", "pods", "deletecollection"),
    ("", "pods/exec", "create"),
    ("", "secrets", "get"),
    ("", "events", "create"),
    ("flyte.lyft.com", "flyteworkflows", "list"),
    ("flyte.lyft.com", "flyteworkflows", "update"),
]


def test_the_api_server_takes_what_the_chart_makes(
    install: Install, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home = make_namespace()
    notes = install(
        home, networkPolicy={"enabled": True, "from": [{"podSelector": {}}]}, serviceAccount={"create": True}
    )
    assert f"dns:///{RELEASE}.{home}:8000" in notes
    deployment = admin.get(f"/apis/apps/v1/namespaces/{home}/deployments/{RELEASE}")["spec"]
    assert deployment["replicas"] == 2
    assert admin.get(f"/api/v1/namespaces/{home}/services/{RELEASE}")["spec"]["clusterIP"] == "None"
    assert admin.get(f"/apis/policy/v1/namespaces/{home}/poddisruptionbudgets/{RELEASE}")["spec"]["maxUnavailable"] == 1
    assert admin.get(f"/apis/networking.k8s.io/v1/namespaces/{home}/networkpolicies/{RELEASE}")["spec"]["ingress"]


def test_the_api_server_takes_the_pods_of_the_deployment(
    install: Install, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home = make_namespace()
    install(home)
    template = admin.get(f"/apis/apps/v1/namespaces/{home}/deployments/{RELEASE}")["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": {**template["metadata"], "name": "replica"}}
    made = admin.send("POST", f"/api/v1/namespaces/{home}/pods", pod, query={"fieldValidation": "Strict"})
    assert made["spec"]["serviceAccountName"] == RELEASE


def test_the_connector_may_do_what_the_list_says_and_nothing_else(
    install: Install, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home, tasks = make_namespace(), make_namespace()
    install(home)
    account = f"{home}:{RELEASE}"
    assert rights_in(admin, account, tasks)
    for group, resource, verb in NO_RIGHTS:
        assert not allowed(admin, account, verb, group, resource, tasks), f"{verb} {resource}"


def test_with_namespaces_it_may_do_it_there_alone(
    install: Install, admin: Api, make_namespace: Callable[[], str]
) -> None:
    home, tasks, more, others = (make_namespace() for _ in range(4))
    install(home, namespaces=[tasks, more])
    account = f"{home}:{RELEASE}"
    assert rights_in(admin, account, tasks) and rights_in(admin, account, more)
    for namespace in (others, home, ""):  # the last: in all namespaces
        for group, resource, verb in RIGHTS:
            assert not allowed(admin, account, verb, group, resource, namespace), f"{verb} {resource} in {namespace!r}"
