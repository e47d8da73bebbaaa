"""The node itself: its kubelet reports what recorded kubelets reported, and may be away for a while."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.api import Api, pods
from tests.apiserver.connector.served import eventually
from tests.node.machine import Node
from tests.node.registry import Registry, Repository
from tests.recordings import timelines


def create(admin: Api, namespace: str, image: Repository, command: str = "true", **container: Any) -> None:
    """Create a pod that runs a command of the shell."""
    primary = {"name": "primary", "image": image.reference, "command": ["sh", "-c", command], **container}
    spec = {"containers": [primary], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": spec}
    admin.post(pods(namespace), pod)


def states(pod: dict[str, Any], image: str) -> list[tuple[str | None, str | None, int | None]]:
    """Return reason, message and exit code of each container, with one name for every image and registry."""
    found = []
    for container in pod["status"].get("containerStatuses", []):
        state: dict[str, Any] = next(iter(container["state"].values()), {})
        message = state.get("message")
        if message is not None:
            message = message.replace(image, "IMAGE").replace(image.partition("/")[0], "REGISTRY")
        found.append((state.get("reason"), message, state.get("exitCode")))
    return found


def recorded(story: str) -> list[tuple[str | None, str | None, int | None]]:
    """Return the states of the containers in all steps of a story, as a kubelet of this release reported them."""
    steps = [step["pod"] for step in timelines()[f"{story}@1.34.4"]["steps"] if "pod" in step]
    return [state for pod in steps for state in states(pod, pod["spec"]["containers"][0]["image"])]


@pytest.mark.parametrize(
    ("story", "status", "command", "container", "reason"),
    [
        ("pull-429-hub-manifest", 429, "true", {}, "ErrImagePull"),
        ("pull-404-manifest-unknown", 404, "true", {}, "ErrImagePull"),
        ("oom-main", 200, "exec tail /dev/zero", {"resources": {"limits": {"memory": "32Mi"}}}, "OOMKilled"),
        ("exit-0", 200, "true", {}, "Completed"),
    ],
)
def test_the_kubelet_reports_what_was_recorded(
    node: Node,
    registry: Registry,
    admin: Api,
    namespace: str,
    story: str,
    status: int,
    command: str,
    container: dict[str, Any],
    reason: str,
) -> None:
    runtime = admin.get(f"/api/v1/nodes/{node.name}")["status"]["nodeInfo"]["containerRuntimeVersion"]
    if not runtime.startswith("containerd://1.6."):
        pytest.skip(f"recorded with containerd 1.6, whose words others change; this is {runtime}")
    image = registry.repository(f"recorded-{story}")
    if status != 200:
        image.refuse(status)
    create(admin, namespace, image, command, **container)
    reported: list[tuple[str | None, str | None, int | None]] = []

    def is_there() -> bool:
        pod = admin.get(pods(namespace, "pod"))
        reported[:] = [state for state in states(pod, image.reference) if state[0] == reason]
        return bool(reported)

    eventually(is_there, reason)
    assert reported[0] in recorded(story)


def test_a_pull_without_an_answer_is_neither_a_failure_nor_an_end(
    registry: Registry, admin: Api, namespace: str
) -> None:
    image = registry.repository("silent")
    image.hang()
    create(admin, namespace, image)
    image.wait_for_requests(1)
    eventually(lambda: bool(states(admin.get(pods(namespace, "pod")), image.reference)), "a status")
    pod = admin.get(pods(namespace, "pod"))
    assert (pod["status"]["phase"], states(pod, image.reference)) == ("Pending", [("ContainerCreating", None, None)])
    image.serve()
    eventually(lambda: admin.get(pods(namespace, "pod"))["status"]["phase"] == "Succeeded", "the end of the pod")


def test_a_container_runs_on_without_its_kubelet_which_reports_its_end_when_it_is_back(
    node: Node, registry: Registry, admin: Api, namespace: str
) -> None:
    create(admin, namespace, registry.repository("alone"), "sleep 1; exit 3")
    eventually(lambda: admin.get(pods(namespace, "pod"))["status"]["phase"] == "Running", "the container")
    node.kill_kubelet()
    node.start_kubelet()
    eventually(lambda: admin.get(pods(namespace, "pod"))["status"]["phase"] == "Failed", "the end of the pod")
    state = admin.get(pods(namespace, "pod"))["status"]["containerStatuses"][0]["state"]
    assert state["terminated"]["exitCode"] == 3
