"""Operations: their paths, and how messages name them."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.kube.client.operation import Operation


@pytest.mark.parametrize(
    ("operation", "method", "path"),
    [
        (Operation("list", "pods"), "GET", "/api/v1/pods"),
        (Operation("watch", "events", "ns"), "GET", "/api/v1/namespaces/ns/events"),
        (Operation("get", "pods", "ns", "p"), "GET", "/api/v1/namespaces/ns/pods/p"),
        (Operation("get", "pods/log", "ns", "p"), "GET", "/api/v1/namespaces/ns/pods/p/log"),
        (Operation("create", "pods", "ns", "p"), "POST", "/api/v1/namespaces/ns/pods"),
        (Operation("delete", "pods", "n s", "p/q"), "DELETE", "/api/v1/namespaces/n%20s/pods/p%2Fq"),
        (Operation("get", "jobs", "ns", "j", group="batch/v1"), "GET", "/apis/batch/v1/namespaces/ns/jobs/j"),
        (Operation("patch", "pods/status", "ns", "p"), "PATCH", "/api/v1/namespaces/ns/pods/p/status"),
        (Operation("update", "jobs", "ns", "j", group="batch/v1"), "PUT", "/apis/batch/v1/namespaces/ns/jobs/j"),
    ],
)
def test_the_request_of_an_operation(operation: Operation, method: str, path: str) -> None:
    assert (operation.method, operation.path) == (method, path)


def test_messages_name_the_object_the_permission_and_the_role() -> None:
    operation = Operation("get", "pods/log", "ns", "x" * 100)
    assert str(operation) == f"get pods/log '{'x' * 77}...' in namespace 'ns'"
    assert operation.permission == "get pods/log in namespace 'ns'"
    assert operation.role_command == "kubectl create role NAME --verb=get --resource=pods/log -n ns"
    operation = Operation("list", "pods", role=("get,list", "pods,events"))
    assert str(operation) == "list pods in all namespaces"
    assert operation.role_command == "kubectl create clusterrole podtriage --verb=get,list --resource=pods,events"


@pytest.mark.parametrize("name", ["", "..", "A", "a b", "-a", "a/b", "x" * 254])
def test_names_that_no_object_can_have(name: str) -> None:
    assert Operation("get", "pods", "ns", name).invalid_name == name
    assert Operation("get", "pods", name, "p").invalid_name == name
    assert Operation("create", "pods", "ns", name).invalid_name is None, "it is not part of the path"
    assert Operation("list", "pods").invalid_name is None
