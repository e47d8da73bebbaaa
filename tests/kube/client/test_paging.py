"""The pages of a list."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flytekitplugins_podtriage.kube.client.errors import ListExpired
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.paging import list_items
from tests.builders import NAMESPACE as NS

PODS = Operation("list", "pods", NS)
ALL_PODS = Operation("list", "pods")


def names(items: Any) -> list[str]:
    return [json.loads(item)["metadata"]["name"] for item in items]


@pytest.mark.parametrize("page", [1, 2, 5, 250])
def test_a_list_is_read_in_pages(server: Any, cluster: Any, page: int) -> None:
    for number in range(5):
        server.pod(f"p{number}")
    server.pod("elsewhere", "other")
    assert [f"p{n}" for n in range(5)] == names(list_items(cluster, PODS, page_size=page))
    assert {str(page)} == {query["limit"] for _, query in server.requests}


def test_all_namespaces_with_a_label_selector(server: Any, cluster: Any) -> None:
    server.pod("a", "one", **{"execution-id": "f1"})
    server.pod("b", "two", **{"execution-id": "f2"})
    server.pod("c", "two")
    assert ["a", "b"] == names(list_items(cluster, ALL_PODS, {"labelSelector": "execution-id"}))
    assert ["b"] == names(list_items(cluster, ALL_PODS, {"labelSelector": "execution-id=f2"}))
    assert "/api/v1/pods" == server.requests[-1][0]


@pytest.mark.parametrize("items", ["null", "[]"])
def test_a_list_may_be_empty(server: Any, cluster: Any, items: str) -> None:
    server.always = (200, {}, b'{"kind": "PodList", "metadata": {}, "items": %s}' % items.encode())
    assert [] == names(list_items(cluster, PODS))


def test_an_expired_list_continues_with_the_servers_token(server: Any, cluster: Any, make_status: Any) -> None:
    for number in range(6):
        server.pod(f"p{number}")
    gone = make_status(410, "The provided continue parameter is too old", metadata={"continue": f"{NS}/p1"})
    server.forced = [None, gone]
    assert [f"p{n}" for n in range(6)] == names(list_items(cluster, PODS, page_size=2))
    assert f"{NS}/p1" == server.requests[2][1]["continue"]


def test_an_expired_list_without_a_token_starts_over_and_repeats_nothing(
    server: Any, cluster: Any, make_status: Any
) -> None:
    # In etcd "a-b/..." comes before "a/...": the key decides, not the namespace.
    for namespace, number in (("a-b", 0), ("a-b", 1), ("a", 2), ("a", 3)):
        server.pod(f"p{number}", namespace)
    server.forced = [None, None, make_status(410, "Expired", reason="Expired")]
    items = list_items(cluster, ALL_PODS, page_size=1)
    assert ["p0", "p1", "p2", "p3"] == names(items)
    assert "continue" not in server.requests[3][1]


def test_a_list_that_keeps_expiring_is_an_error(server: Any, cluster: Any, make_status: Any) -> None:
    server.always = make_status(410, "Expired")
    with pytest.raises(ListExpired, match=r"expired \(410\)"):
        list(list_items(cluster, PODS))
    assert 4 == len(server.requests)
