"""The kubelet that is played: the API server takes what it writes, and watchers see what a real one would show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from flytekitplugins_podtriage import Verdict, triage
from tests.apiserver.api import Api, ApiStatus, pods
from tests.apiserver.kubelet import ScriptedKubelet
from tests.apiserver.server import NODE
from tests.apiserver.story import Story
from tests.builders import manifest
from tests.recordings import timelines

FINALIZER = "flyte.org/finalizer-k8s"
LIMITED = "429 Too Many Requests - toomanyrequests: You have reached your pull rate limit"

Tell = Callable[[dict[str, Any], str], Story]


def read(admin: Api, namespace: str, name: str = "p") -> dict[str, Any]:
    return admin.get(pods(namespace, name))


def judged(admin: Api, namespace: str, name: str = "p") -> Verdict:
    events = admin.get(f"/api/v1/namespaces/{namespace}/events")["items"]
    return triage(read(admin, namespace, name), events=events, now=datetime.now(timezone.utc))


@pytest.fixture
def made(admin: Api, namespace: str) -> str:
    """Return the namespace, with a pod "p" in it."""
    admin.post(pods(namespace), manifest(name="p"))
    return namespace


def test_the_node_is_ready(admin: Api, kubelet: ScriptedKubelet) -> None:
    kubelet.register()  # again: it is there already
    [ready] = [each for each in admin.get(f"/api/v1/nodes/{NODE}")["status"]["conditions"] if each["type"] == "Ready"]
    assert ready["status"] == "True"


@pytest.mark.parametrize(
    ("act", "phase", "kind", "category"),
    [
        (lambda kubelet, at: kubelet.creating(at, "p"), "Initializing", None, None),
        (lambda kubelet, at: kubelet.running(at, "p"), "Running", None, None),
        (lambda kubelet, at: kubelet.succeeded(at, "p"), "Success", None, None),
        (lambda kubelet, at: kubelet.failed(at, "p", 1), "RetryableFailure", "USER", "app_error"),
        (lambda kubelet, at: kubelet.failed(at, "p", 137, "OOMKilled"), "RetryableFailure", "USER", "oom"),
        (
            lambda kubelet, at: kubelet.failed(at, "p", 137, pod_reason="NodeShutdown"),
            "RetryableFailure",
            "SYSTEM",
            "node_shutdown",
        ),
        (
            lambda kubelet, at: kubelet.image_pull_failed(at, "p", LIMITED),
            "Initializing",
            "SYSTEM",
            "registry_rate_limited",
        ),
        (
            lambda kubelet, at: kubelet.image_pull_back_off(at, "p", LIMITED),
            "Initializing",
            "SYSTEM",
            "registry_rate_limited",
        ),
    ],
    ids="creating running succeeded failed oom shutdown pull-failed back-off".split(),
)
def test_a_state_and_what_it_is_judged_to_be(
    admin: Api,
    kubelet: ScriptedKubelet,
    made: str,
    act: Callable[[ScriptedKubelet, str], None],
    phase: str,
    kind: str | None,
    category: str | None,
) -> None:
    act(kubelet, made)
    verdict = judged(admin, made)
    assert (verdict.phase, verdict.kind, verdict.category) == (phase, kind, category)
    assert read(admin, made)["spec"]["nodeName"] == NODE


def test_a_container_keeps_its_start_when_it_ends(admin: Api, kubelet: ScriptedKubelet, made: str) -> None:
    kubelet.running(made, "p")
    started = read(admin, made)["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    kubelet.failed(made, "p", 3, message="out of luck")
    ended = read(admin, made)["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["startedAt"], ended["exitCode"], ended["message"]) == (started, 3, "out of luck")


def test_a_container_that_has_ended_does_not_run_again(admin: Api, kubelet: ScriptedKubelet, made: str) -> None:
    kubelet.failed(made, "p")
    with pytest.raises(ApiStatus, match="may not be transitioned to non-terminated state"):
        kubelet.running(made, "p")


def test_a_status_is_not_written_into_another_pod_of_the_same_name(
    admin: Api, kubelet: ScriptedKubelet, made: str
) -> None:
    with pytest.raises(ApiStatus) as caught:
        kubelet.write(made, "p", {"phase": "Failed"}, uid="another")
    assert caught.value.code == 422
    assert read(admin, made)["status"]["phase"] == "Pending"


def test_a_pod_on_a_node_goes_when_its_kubelet_says_so(admin: Api, kubelet: ScriptedKubelet, made: str) -> None:
    kubelet.running(made, "p")
    admin.delete(pods(made, "p"))
    assert read(admin, made)["metadata"]["deletionGracePeriodSeconds"] == 5
    assert kubelet.finish_deletions(made) == ["p"]
    assert admin.find(pods(made, "p")) is None


def test_a_finalizer_holds_a_pod_that_its_kubelet_lets_go(admin: Api, kubelet: ScriptedKubelet, namespace: str) -> None:
    admin.post(pods(namespace), manifest(name="p", finalizers=[FINALIZER]))
    kubelet.running(namespace, "p")
    admin.delete(pods(namespace, "p"))
    kubelet.finish_deletion(namespace, "p")
    assert read(admin, namespace)["metadata"]["deletionGracePeriodSeconds"] == 0
    admin.merge(pods(namespace, "p"), {"metadata": {"finalizers": None}})
    assert admin.find(pods(namespace, "p")) is None


def test_a_pod_that_nobody_deleted_does_not_go(admin: Api, kubelet: ScriptedKubelet, made: str) -> None:
    assert kubelet.finish_deletions(made) == []
    assert admin.find(pods(made, "p")) is not None


STATES = (
    "pull-429-hub-manifest@1.31.0 delete-in-backoff@1.34.4 evict-api-running@1.34.4 admission-outofcpu@1.31.0".split()
)


@pytest.mark.parametrize("name", STATES)
def test_a_story_is_told_as_it_was_recorded(admin: Api, namespace: str, tell: Tell, name: str) -> None:
    """Each state and each event arrives whole, but for its times, which all move by the same."""
    story = tell(timelines()[name], namespace)
    while (state := story.step()) is not None:
        pod = read(admin, namespace, story.name)
        assert without_times(pod["status"]) == without_times(state.pod["status"])
        assert pod["metadata"].get("deletionGracePeriodSeconds") == state.pod["metadata"].get(
            "deletionGracePeriodSeconds"
        )
        events = admin.get(f"/api/v1/namespaces/{namespace}/events")["items"]
        assert sorted((each["reason"], each["message"], each.get("count")) for each in events) == sorted(
            (each["reason"], each["message"], each.get("count")) for each in state.events
        )
    start = story.here(datetime.fromisoformat(recorded_start(name))).timestamp()
    assert datetime.fromisoformat(pod["metadata"]["creationTimestamp"].replace("Z", "+00:00")).timestamp() == start


def recorded_start(name: str) -> str:
    first = timelines()[name]["steps"][0]["pod"]
    return str(first["metadata"]["creationTimestamp"]).replace("Z", "+00:00")


def without_times(value: Any) -> Any:
    """Return a part of an object without its times, which move, and without what only newer servers set."""
    if isinstance(value, list):
        return [without_times(item) for item in value]
    if not isinstance(value, dict):
        return value
    passed = {"startTime", "startedAt", "finishedAt", "lastTransitionTime", "lastProbeTime", "observedGeneration"}
    return {key: without_times(item) for key, item in value.items() if key not in passed}


def test_the_pod_of_a_story_without_finalizer_goes_at_its_end(admin: Api, namespace: str, tell: Tell) -> None:
    story = tell(timelines()["delete-in-backoff-no-finalizer@1.34.4"], namespace)
    assert story.end().gone
    assert admin.find(pods(namespace, story.name)) is None
