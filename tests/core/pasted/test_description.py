"""``kubectl describe``, read back into the object that was described."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pasted.description import read_description

POD = """\
Name:             app-0
Namespace:        ns
Priority:         0
Node:             node-1/10.0.0.1
Start Time:       Mon, 01 Jan 2024 00:00:05 +0000
Labels:           app=x
Annotations:      primary_container_name: app
Status:           Pending
IP:               10.1.1.1
Init Containers:
  setup:
    Container ID:  containerd://1
    Image:         busybox
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Started:      Mon, 01 Jan 2024 00:00:05 +0000
      Finished:     Mon, 01 Jan 2024 00:00:06 +0000
    Ready:          False
    Restart Count:  6
    Environment:
      State:   Running
      Reason:  429 Too Many Requests
    Mounts:
      /var/run/secrets from token (ro)
Containers:
  app:
    Image:          acme/app:1
    Port:           <none>
    State:          Terminated
      Reason:       Error
      Message:      Traceback (most recent call last):
  File "x.py", line 1
ValueError: no
      Exit Code:    1
    Ready:          False
Conditions:
  Type              Status
  Initialized       False
  Ready             False
Volumes:
  token:
    Type:       Secret
QoS Class:      BestEffort""".split("\n")


def pod(lines: list[str]) -> wire.Pod:
    description = read_description(lines)
    assert description is not None and description.pod is not None
    return description.pod


def test_a_pod_s_own_fields_are_read() -> None:
    read = pod(POD)
    assert (read.metadata.name, read.metadata.namespace, read.spec.node_name) == ("app-0", "ns", "node-1")
    assert read.metadata.annotations == {"primary_container_name": "app"}
    assert read.status.phase == "Pending"
    assert [(one.type, one.status) for one in read.status.conditions] == [("Initialized", "False"), ("Ready", "False")]


def test_the_states_of_containers_are_read() -> None:
    status = pod(POD).status
    assert status.container_statuses is not None and status.init_container_statuses is not None
    (setup,), (app,) = status.init_container_statuses, status.container_statuses
    assert (setup.name, setup.image, setup.restart_count, setup.ready) == ("setup", "busybox", 6, False)
    assert setup.state == wire.State(waiting=wire.Waiting(reason="CrashLoopBackOff"))
    assert (setup.last_state.terminated.reason, setup.last_state.terminated.exit_code) == ("OOMKilled", 137)
    assert (app.state.terminated.reason, app.state.terminated.exit_code) == ("Error", 1)


def test_a_termination_message_may_run_over_several_lines() -> None:
    message = pod(POD).status.container_statuses[0].state.terminated.message
    assert message == 'Traceback (most recent call last):\nFile "x.py", line 1\nValueError: no'


def test_an_environment_variable_is_no_state() -> None:
    assert "429" not in repr(pod(POD))


def test_an_indented_description_is_read_like_any_other() -> None:
    assert pod([f"    > {line}"[4:].replace("> ", "  ") for line in POD]) == pod(POD)


def test_every_truncation_of_a_description_is_read_or_is_none() -> None:
    for end in range(len(POD)):
        read_description(POD[:end])


def test_a_pod_that_was_failed_keeps_its_reason_and_message() -> None:
    lines = [
        "Name: a",
        "Status:  Failed",
        "Reason:  Evicted",
        "Message: The node was low on resource: memory.",
        "Containers:",
    ]
    status = pod(lines).status
    assert (status.phase, status.reason) == ("Failed", "Evicted")
    assert status.message.startswith("The node was low")


def test_a_pod_that_is_being_deleted_is_pending_until_a_container_has_run() -> None:
    head = ["Name: a", "Status:  Terminating (lasts 5s)", "Containers:", "  app:", "    Image: x"]
    assert pod(head).status.phase == "Pending"
    assert pod([*head, "    State:  Running"]).status.phase == "Running"


NODE = """\
Name:               node-1
Roles:              <none>
Unschedulable:      false
Conditions:
  Type             Status    LastHeartbeatTime                 LastTransitionTime                Reason                      Message
  ----             ------    -----------------                 ------------------                ------                      -------
  DiskPressure     True      Mon, 01 Jan 2024 00:00:05 +0000   Mon, 01 Jan 2024 00:00:05 +0000   KubeletHasDiskPressure      kubelet has disk pressure
  MemoryPressure   False     Mon, 01 Jan 2024 00:00:05 +0000   Mon, 01 Jan 2024 00:00:05 +0000   KubeletHasSufficientMemory  kubelet has sufficient memory available
  Ready            Unknown   Mon, 01 Jan 2024 00:00:05 +0000   Mon, 01 Jan 2024 00:00:05 +0000   NodeStatusUnknown           Kubelet stopped posting node status.
Addresses:
  InternalIP:  10.0.0.1""".split("\n")


def test_of_a_node_the_conditions_are_read_that_keep_pods_from_it() -> None:
    description = read_description(NODE)
    assert description is not None and description.pod is None
    assert [(one.type, one.reason, one.message) for one in description.conditions] == [
        ("DiskPressure", "KubeletHasDiskPressure", "kubelet has disk pressure"),
        ("Ready", "NodeStatusUnknown", "Kubelet stopped posting node status."),
    ]


def test_what_is_no_description_is_none() -> None:
    assert read_description(["Failed to pull image: 429"]) is None
    assert read_description(["Name: x", "Reason: y"]) is None
    assert read_description([""]) is None


def phase(*lines: str) -> str | None:
    status = pod(["Containers:", "  app:", *(f"    {line}" for line in lines)]).status
    assert status is not None
    return status.phase


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["State:  Waiting"], "Pending"),
        (["State:  Waiting", "Last State:  Terminated", "  Exit Code:  1"], "Running"),
        (["State:  Running"], "Running"),
        (["State:  Terminated", "  Exit Code:  1"], "Failed"),
        (["State:  Terminated", "  Exit Code:  1", "Restart Count:  3"], "Running"),
        (["State:  Terminated", "  Reason:  Completed", "  Exit Code:  0"], "Succeeded"),
        (
            ["State:  Terminated", "  Reason:  ContainerStatusUnknown", "  Exit Code:  137", "Restart Count:  1"],
            "Failed",
        ),
    ],
)
def test_without_a_status_the_phase_follows_from_the_containers(lines: list[str], expected: str) -> None:
    assert phase(*lines) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["State:  Terminated", "  Exit Code:  1"], "Failed"),
        (["State:  Terminated", "  Exit Code:  0"], "Pending"),
        (["State:  Waiting", "  Reason:  CrashLoopBackOff", "Last State:  Terminated"], "Pending"),
    ],
)
def test_an_init_container_that_ended_with_an_error_fails_the_pod(lines: list[str], expected: str) -> None:
    head = ["Init Containers:", "  setup:", *(f"    {line}" for line in lines)]
    read = pod([*head, "Containers:", "  app:", "    State:  Waiting"])
    assert read.status is not None
    assert read.status.phase == expected


def test_a_pod_that_has_lost_its_indentation_is_read_like_any_other() -> None:
    lines = [line.strip() for line in POD[:24] if "State:   Running" not in line and "429" not in line]
    status = pod(lines).status
    assert status is not None and status.init_container_statuses is not None
    (setup,) = status.init_container_statuses
    assert setup == pod(POD).status.init_container_statuses[0]


def test_a_cause_that_old_kubelets_gave_as_the_reason_is_the_message_too() -> None:
    status = pod(["Containers:", "  app:", "    State:  Waiting", "      Reason:  failed to prepare subPath"]).status
    waiting = status.container_statuses[0].state.waiting
    assert (waiting.reason, waiting.message) == ("failed to prepare subPath",) * 2


def test_a_zero_time_is_no_time() -> None:
    lines = ["State:  Terminated", "  Exit Code:  1", "  Finished:  Mon, 01 Jan 0001 00:00:00 +0000"]
    status = pod(["Containers:", "  app:", *(f"    {line}" for line in lines)]).status
    assert status.container_statuses[0].state.terminated.finished_at is None


@pytest.mark.parametrize("key", ["Pod Template:", "StorageClass:  fast", "Replicas:  3", "Kind:  Job"])
def test_another_object_is_no_pod_even_if_its_template_has_containers(key: str) -> None:
    description = read_description(
        ["Name:  x", "Status:  Pending", key, "  Containers:", "    app:", "      State:  Waiting"]
    )
    assert description is not None and description.pod is None


def test_the_taints_of_a_node_are_read() -> None:
    description = read_description([*NODE, "Taints:  node.kubernetes.io/unreachable:NoExecute"])
    assert description is not None
    assert description.taints == ("node.kubernetes.io/unreachable:NoExecute",)
