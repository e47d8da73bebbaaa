"""The API server of these tests: its users and their rights, and that it can be stopped and started."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.paging import list_items
from tests.apiserver.api import Api, ApiStatus, pods
from tests.apiserver.rights import chart_rules, may
from tests.apiserver.server import KUBELET, ApiServer
from tests.builders import manifest

VERBS = "get list watch create update patch delete deletecollection".split()


def test_it_calls_itself_by_its_version(admin: Api) -> None:
    assert admin.get("/version")["gitVersion"].startswith("v1.")


@pytest.mark.parametrize(
    ("user", "expected"), [("admin", 200), ("connector", 200), ("nobody", 403), ("guest", 403), (KUBELET, 403)]
)
def test_who_may_list_pods(server: ApiServer, namespace: str, user: str, expected: int) -> None:
    try:
        server.api(user).get(pods(namespace))
        code = 200
    except ApiStatus as status:
        code = status.code
    assert code == expected


def test_the_connector_may_do_what_the_charts_role_says_and_nothing_else(admin: Api) -> None:
    allowed = {
        (verb, resource)
        for rule in chart_rules()
        if "" in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    resources = ["pods", "pods/log", "pods/status", "pods/eviction", "pods/binding", "events", "secrets", "configmaps"]
    asked = {(verb, resource) for verb in VERBS for resource in resources}
    assert allowed <= asked
    assert {right for right in asked if may(admin, "connector", *right)} == allowed


def test_a_guest_has_the_rights_that_a_test_gives(
    server: ApiServer, namespace: str, guest_may: Callable[..., None]
) -> None:
    guest_may("list pods")
    assert server.api("guest").get(pods(namespace))["items"] == []
    guest_may()
    with pytest.raises(ApiStatus, match="cannot list resource"):
        server.api("guest").get(pods(namespace))


def test_its_data_and_its_address_outlive_it(server: ApiServer, admin: Api, namespace: str) -> None:
    made = admin.post(pods(namespace), manifest(name="p"))
    server.stop()
    assert not server.running
    server.start()
    assert server.running
    assert admin.get(pods(namespace, "p"))["metadata"]["uid"] == made["metadata"]["uid"]


def test_every_test_has_a_namespace_of_its_own(make_namespace: Callable[[], str], admin: Api) -> None:
    first, second = make_namespace(), make_namespace()
    admin.post(pods(first), manifest(name="p"))
    assert admin.find(pods(second, "p")) is None


def test_the_packages_own_connection_works(cluster_of: Callable[..., Connection], admin: Api, namespace: str) -> None:
    admin.post(pods(namespace), manifest(name="p"))
    cluster = cluster_of("connector", namespace=namespace)
    assert cluster.namespace == namespace
    [item] = list_items(cluster, Operation("list", "pods", namespace))
    assert b'"name":"p"' in item


def test_a_page_of_a_revision_that_is_compacted_has_expired(server: ApiServer, admin: Api, namespace: str) -> None:
    for name in ("a", "b"):
        admin.post(pods(namespace), manifest(name=name))
    page = admin.get(pods(namespace), limit=1)
    admin.post(pods(namespace), manifest(name="c"))
    server.compact()
    server.kill()  # servers since 1.34 keep older revisions in memory too (ListFromCacheSnapshot)
    server.start()
    with pytest.raises(ApiStatus) as caught:
        admin.get(pods(namespace), limit=1, **{"continue": page["metadata"]["continue"]})
    assert (caught.value.code, caught.value.reason) == (410, "Expired")
