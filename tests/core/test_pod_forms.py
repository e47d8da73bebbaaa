"""A pod in the forms that people have it in, and what only looks like one."""

from __future__ import annotations

import copy
import json
from types import SimpleNamespace
from typing import Any

import pytest

from flytekitplugins_podtriage import InvalidPod, Policy, remember, triage
from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.decode import read_event, read_pod
from tests.builders import NOW, Object, ago, condition, event, pod, running, terminated, waiting
from tests.recordings import timelines

BACKENDS = ("podtriage", "flyte-1.16", "flyte-2")
LABELS = {"container_statuses": "a_b", "api_version": "v1", "last_state": "creation_timestamp"}
"""Labels in the spelling of the client's keys."""

REQUIRED: Object = {"imageID": "", "ready": False}
AS_API = pod(
    "Running",
    waiting("CrashLoopBackOff", restartCount=3, lastState=terminated(137, "OOMKilled")["state"], **REQUIRED),
    inits=[terminated(0, name="i", restartCount=0, **REQUIRED)],
    startTime=ago(900),
    labels=LABELS,
    primary="main",
    deleted=-60,
    metadata={"creationTimestamp": ago(900)},
    spec={"initContainers": [{"name": "i", "image": "x"}], "restartPolicy": "OnFailure"},
)


def as_client(value: Any, name: str) -> dict[str, Any]:
    """Return the dictionary that the Kubernetes client makes of its model of it, in Python's spelling."""
    client = pytest.importorskip("kubernetes.client")
    model = getattr(client, name)
    if hasattr(model, "model_dump"):  # releases that are built on pydantic
        made: dict[str, Any] = model.from_dict(value).model_dump()
    else:
        made = client.ApiClient().deserialize(SimpleNamespace(data=json.dumps(value)), name).to_dict()
    return made


def without_none(value: Any) -> Any:
    """Return a dictionary of the client's without the fields that are absent."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value


def test_a_dictionary_of_the_client_is_read_as_its_json_is() -> None:
    as_dict = as_client(AS_API, "V1Pod")
    assert as_dict["status"]["container_statuses"][0]["last_state"]["terminated"]["finished_at"].tzinfo is not None
    before = copy.deepcopy(as_dict)
    expected = read_pod(AS_API)
    for form in (
        as_dict,
        without_none(as_dict),
        json.dumps(as_dict, default=str),
        json.dumps(as_dict, default=str).encode(),
    ):
        assert read_pod(form) == expected
    assert as_dict == before
    assert expected.metadata is not None
    assert expected.metadata.labels == LABELS
    for backend in BACKENDS:
        policy = Policy.for_backend(backend)
        assert triage(as_dict, policy=policy, now=NOW) == triage(AS_API, policy=policy, now=NOW)
    assert triage(as_dict, now=NOW).category == "oom"


def test_recorded_pods_and_events_are_read_from_dictionaries_of_the_client() -> None:
    for row in list(timelines().values())[::12]:
        pods = [step["pod"] for step in row["steps"] if "pod" in step]
        events = [step["event"] for step in row["steps"] if "event" in step]
        assert read_pod(as_client(pods[-1], "V1Pod")) == read_pod(pods[-1])
        for recorded in events[:3]:
            as_dict = as_client(recorded, "CoreV1Event")
            assert read_event(as_dict) == read_event(recorded)
            assert read_event(json.dumps(as_dict, default=str)) == read_event(recorded)


def test_events_as_dictionaries_of_the_client_name_their_container() -> None:
    bare = waiting("ImagePullBackOff", 'Back-off pulling image "acme/app:v1"')
    given = pod("Pending", bare, running(name="s"))
    failed = event("Failed", 'Failed to pull image "acme/app:v1": 429 Too Many Requests', age=30)
    as_dict = as_client(failed, "CoreV1Event")
    assert triage(given, events=[as_dict], now=NOW).category == "registry_rate_limited"
    assert remember(None, given, [as_dict], now=NOW) == remember(None, given, [failed], now=NOW)
    newer = {
        "reason": "Failed",
        "note": failed["message"],
        "event_time": NOW,
        "regarding": {"field_path": "spec.containers{main}"},
    }
    assert triage(given, events=[newer], now=NOW).category == "registry_rate_limited"


TIME = NOW.isoformat()
PARTS: list[tuple[Object, Object]] = [
    (
        {"status": {"phase": "Running", "container_statuses": [running()]}},
        {"status": {"phase": "Running", "containerStatuses": [running()]}},
    ),
    (
        {"status": {"conditions": [{"type": "Ready", "last_transition_time": NOW}]}},
        {"status": {"conditions": [{"type": "Ready", "lastTransitionTime": TIME}]}},
    ),
    ({"status": {"start_time": NOW}}, {"status": {"startTime": TIME}}),
    ({"metadata": {"deletion_timestamp": NOW}, "status": {}}, {"metadata": {"deletionTimestamp": TIME}, "status": {}}),
    (
        {"spec": {"node_name": "n", "init_containers": [{"name": "i", "restart_policy": "Always"}]}},
        {"spec": {"nodeName": "n", "initContainers": [{"name": "i", "restartPolicy": "Always"}]}},
    ),
    (
        {"metadata": {"annotations": {"restart_count": "3"}, "labels": {"phase": "x"}}},
        {"metadata": {"annotations": {"restart_count": "3"}, "labels": {"phase": "x"}}},
    ),
]


@pytest.mark.parametrize(("given", "as_api"), PARTS)
def test_a_part_of_a_dictionary_of_the_client_is_enough(given: Object, as_api: Object) -> None:
    assert read_pod(given) == read_pod(json.dumps(as_api))


STATUS = AS_API["status"]


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(STATUS, id="the whole"),
        pytest.param({"phase": "Failed"}, id="a phase"),
        pytest.param({"containerStatuses": [terminated(1)]}, id="containers"),
        pytest.param({"initContainerStatuses": [terminated(1)]}, id="init containers"),
        pytest.param({"conditions": [condition("Ready")]}, id="conditions"),
        pytest.param({"phase": "Failed", "reason": "Evicted", "hostIP": "10.0.0.1"}, id="fields that are not read"),
    ],
)
def test_a_status_alone_is_read_as_that_of_a_pod(status: Object) -> None:
    expected = read_pod({"status": status})
    assert expected.status is not None
    for form in (status, json.dumps(status), json.dumps(status).encode()):
        assert read_pod(form) == expected
    assert triage(status, now=NOW) == triage({"status": status}, now=NOW)


def test_a_status_as_the_client_has_it_is_read_too() -> None:
    as_dict = as_client(AS_API, "V1Pod")["status"]
    for form in (as_dict, json.dumps(as_dict, default=str)):
        assert read_pod(form).status == read_pod(AS_API).status


@pytest.mark.parametrize(
    "given", [{}, {"apiVersion": "v1"}, {"kind": "Pod"}, {"metadata": None}, {"spec": {}}, {"spec": {"containers": []}}]
)
def test_a_pod_without_a_status_is_one_all_the_same(given: Object) -> None:
    for form in (given, json.dumps(given)):
        assert triage(form, now=NOW).phase == "Undefined"


NO_PODS: list[tuple[str, object, str]] = [
    ("something else", {"message": "x"}, "an object with neither metadata nor status"),
    ("a pod inside something", {"pod": pod("Failed")}, "an object with neither metadata nor status"),
    ("a list object without a kind", {"items": []}, "an object with neither metadata nor status"),
    ("the spec of another kind", {"apiVersion": "v1", "spec": {"replicas": 3}}, "an object with neither"),
    ("another kind", {"kind": "Deployment", "status": {"replicas": 3}}, "not a Pod but a 'Deployment'"),
    ("another kind's status", {"kind": "Namespace", "phase": "Active"}, "not a Pod but a 'Namespace'"),
    ("a list of pods", {"kind": "PodList", "items": []}, "not a Pod but a 'PodList'"),
    ("a list", [pod("Failed")], "not a Pod: (a value of type list|Expected `object`, got `array`)"),
    ("a phase that is a list", {"phase": ["Failed"]}, r"at `\$.phase`"),
]


@pytest.mark.parametrize(("given", "reason"), [pytest.param(*case[1:], id=case[0]) for case in NO_PODS])
def test_what_only_looks_like_a_pod_is_refused_with_what_is_allowed(given: object, reason: str) -> None:
    for form in (given, json.dumps(given), json.dumps(given).encode()):
        with pytest.raises(InvalidPod, match=reason) as caught:
            read_pod(form)
        text = str(caught.value)
        assert "allowed: one object of kind Pod" in text
        assert "\n" not in text
        assert len(text) < 300


def test_a_model_of_another_kind_is_refused() -> None:
    client = pytest.importorskip("kubernetes.client")
    for model in (client.V1Namespace(), client.V1Node()):
        with pytest.raises(
            InvalidPod, match=f"not a Pod but a {type(model).__name__}; allowed: one object of kind Pod"
        ):
            read_pod(model)
    assert read_pod(client.V1Pod(metadata=client.V1ObjectMeta(name="p"))).metadata == wire.Metadata(name="p")


def test_a_time_without_a_zone_is_refused_in_a_dictionary_of_the_client_too() -> None:
    naive = {"metadata": {"creation_timestamp": NOW.replace(tzinfo=None)}}
    with pytest.raises(InvalidPod, match=r"timezone.*\$.metadata.creationTimestamp"):
        read_pod(naive)
