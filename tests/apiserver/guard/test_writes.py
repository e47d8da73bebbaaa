"""Every write of an act, its preconditions, and what it leaves as it was, on a real API server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flytekitplugins_podtriage.core.guard.values import NOT_LEADER, Step, WriteFailed, Written
from flytekitplugins_podtriage.guard.writes import FINALIZER
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.apiserver.api import Api, Object, pods
from tests.apiserver.guard.writing import CONTROLLER, act_on, write
from tests.apiserver.kubelet import ScriptedKubelet
from tests.builders import manifest

ClusterOf = Callable[..., Connection]
LIMITED = 'failed to pull image "registry.example.com/team/app:v1": 429 Too Many Requests'


@pytest.fixture
def connection(cluster_of: ClusterOf) -> Connection:
    return cluster_of("admin")


@pytest.fixture
def waiting(admin: Api, kubelet: ScriptedKubelet, namespace: str) -> Object:
    """Return a pod that waits for its image, with another controller's finalizer."""
    admin.post(pods(namespace), manifest(name="p", finalizers=["example.org/other"]))
    kubelet.image_pull_back_off(namespace, "p", LIMITED)
    return admin.get(pods(namespace, "p"))


def read(admin: Api, pod: Object) -> Object | None:
    return admin.find(pods(pod["metadata"]["namespace"], pod["metadata"]["name"]))


def again(admin: Api, pod: Object) -> Object:
    """Delete a pod, and create another one of its name."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    admin.merge(pods(namespace, name), {"metadata": {"finalizers": None}})
    admin.delete(pods(namespace, name), grace=0)
    return admin.post(pods(namespace), manifest(name=name))


def test_the_event_is_made_once(connection: Connection, admin: Api, waiting: Object, namespace: str) -> None:
    act = act_on(waiting, message="x" * 1024)
    assert write(connection, Step.EVENT, act) == Written(Step.EVENT)
    assert write(connection, Step.EVENT, act) == Written(Step.EVENT), "it exists already"
    events = admin.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")["items"]
    (event,) = [each for each in events if each["reportingController"] == CONTROLLER]
    assert event["regarding"]["uid"] == act.uid
    assert event["note"] == act.message
    core = admin.get(f"/api/v1/namespaces/{namespace}/events", fieldSelector=f"reportingComponent={CONTROLLER}")
    assert [each["message"] for each in core["items"]] == [act.message]


def test_an_event_that_the_server_rejects_is_a_failure(connection: Connection, waiting: Object) -> None:
    failed = write(connection, Step.EVENT, act_on(waiting, message="x" * 1025))
    assert isinstance(failed, WriteFailed)
    assert not failed.conflict
    assert not failed.unanswered
    assert "1024" in failed.error


def test_the_finalizer_is_added_beside_those_of_others(connection: Connection, admin: Api, waiting: Object) -> None:
    act = act_on(waiting)
    written = write(connection, Step.FINALIZER, act)
    after = read(admin, waiting)
    assert after is not None
    assert written == Written(Step.FINALIZER, after["metadata"]["resourceVersion"])
    assert sorted(after["metadata"]["finalizers"]) == ["example.org/other", FINALIZER]
    assert after["status"] == waiting["status"]
    assert after["spec"] == waiting["spec"]
    assert write(connection, Step.FINALIZER, act, written.resource_version) == written, "once more changes nothing"


def test_the_first_finalizer_of_a_pod(connection: Connection, admin: Api, namespace: str) -> None:
    pod = admin.post(pods(namespace), manifest(name="q"))
    assert isinstance(write(connection, Step.FINALIZER, act_on(pod)), Written)
    assert admin.get(pods(namespace, "q"))["metadata"]["finalizers"] == [FINALIZER]


def test_the_status_changes_in_three_fields(connection: Connection, admin: Api, waiting: Object) -> None:
    written = write(connection, Step.STATUS, act_on(waiting))
    after = read(admin, waiting)
    assert after is not None
    assert written == Written(Step.STATUS, after["metadata"]["resourceVersion"])
    changed = {key for key in after["status"] if after["status"].get(key) != waiting["status"].get(key)}
    assert changed == {"phase", "reason", "message"}
    assert set(waiting["status"]) <= set(after["status"])
    assert after["status"]["phase"], after["status"]["reason"] == ("Failed", "Terminated")
    assert after["spec"] == waiting["spec"]


@pytest.mark.parametrize("step", [Step.FINALIZER, Step.STATUS])
def test_a_pod_that_has_changed_is_a_conflict(
    connection: Connection, admin: Api, kubelet: ScriptedKubelet, waiting: Object, namespace: str, step: Step
) -> None:
    kubelet.running(namespace, "p")
    running = read(admin, waiting)
    failed = write(connection, step, act_on(waiting))
    assert isinstance(failed, WriteFailed)
    assert failed.conflict
    assert not failed.unanswered
    assert read(admin, waiting) == running, "nothing was written"


@pytest.mark.parametrize("step", [Step.FINALIZER, Step.STATUS])
@pytest.mark.parametrize("version", ["its own", "the other's"])
def test_another_pod_of_the_same_name_is_a_conflict(
    connection: Connection, admin: Api, waiting: Object, step: Step, version: str
) -> None:
    other = again(admin, waiting)
    resource_version = (other if version == "the other's" else waiting)["metadata"]["resourceVersion"]
    failed = write(connection, step, act_on(waiting), resource_version)
    assert isinstance(failed, WriteFailed)
    assert failed.conflict
    assert read(admin, waiting) == other


@pytest.mark.parametrize("step", [Step.FINALIZER, Step.STATUS])
def test_a_pod_that_is_gone_is_a_conflict(connection: Connection, admin: Api, waiting: Object, step: Step) -> None:
    again(admin, waiting)
    admin.delete(pods(waiting["metadata"]["namespace"], "p"), grace=0)
    failed = write(connection, step, act_on(waiting))
    assert isinstance(failed, WriteFailed)
    assert failed.conflict


def test_the_deletion_of_an_ended_pod_waits_for_its_finalizers(
    connection: Connection, admin: Api, waiting: Object
) -> None:
    act = act_on(waiting)
    assert isinstance(write(connection, Step.STATUS, act), Written)
    assert write(connection, Step.DELETE, act) == Written(Step.DELETE)
    after = read(admin, waiting)
    assert after is not None
    assert after["metadata"]["deletionGracePeriodSeconds"] == 0
    assert after["status"]["message"] == act.message


@pytest.mark.parametrize("step", [Step.DELETE, Step.RELEASE])
@pytest.mark.parametrize("there_is", ["another pod of its name", "no pod"])
def test_what_is_gone_need_not_be_deleted_or_released(
    connection: Connection, admin: Api, waiting: Object, step: Step, there_is: str
) -> None:
    other: Object | None = again(admin, waiting)
    if there_is == "no pod":
        admin.delete(pods(waiting["metadata"]["namespace"], "p"), grace=0)
        other = None
    assert write(connection, step, act_on(waiting)) == Written(step)
    assert read(admin, waiting) == other


def test_only_the_one_finalizer_is_removed(connection: Connection, admin: Api, waiting: Object) -> None:
    act = act_on(waiting)
    assert isinstance(write(connection, Step.FINALIZER, act), Written)
    assert write(connection, Step.RELEASE, act) == Written(Step.RELEASE)
    after = read(admin, waiting)
    assert after is not None
    assert after["metadata"]["finalizers"] == ["example.org/other"]
    assert write(connection, Step.RELEASE, act) == Written(Step.RELEASE), "it is gone already"


@pytest.mark.parametrize("step", Step)
def test_nothing_is_written_without_the_lease(
    connection: Connection, admin: Api, waiting: Object, namespace: str, step: Step
) -> None:
    assert write(connection, step, act_on(waiting), leads=False) == WriteFailed(step, NOT_LEADER)
    assert read(admin, waiting) == waiting
    assert (
        admin.get(f"/api/v1/namespaces/{namespace}/events", fieldSelector=f"reportingComponent={CONTROLLER}")["items"]
        == []
    )


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.EVENT])
def test_a_missing_permission_is_named(
    cluster_of: ClusterOf, admin: Api, waiting: Object, guest_may: Callable[..., None], step: Step
) -> None:
    guest_may("get pods")
    failed = write(cluster_of("guest"), step, act_on(waiting))
    assert isinstance(failed, WriteFailed)
    assert not failed.conflict
    assert "may not" in failed.error
    assert read(admin, waiting) == waiting
