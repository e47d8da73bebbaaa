"""Conditions, tables of pods, and parts of a pod in YAML or JSON."""

from __future__ import annotations

import json

import pytest

from flytekitplugins_podtriage.core.pasted.conditions import (
    read_condition_blocks,
    read_condition_row,
    read_taints,
)
from flytekitplugins_podtriage.core.pasted.fragment import read_fragment
from flytekitplugins_podtriage.core.pasted.pod_table import read_pod_rows

BLOCKS = """\
Status:
  Conditions:
    Last Transition Time:  2024-04-02T12:46:27Z
    Message:               couldn't assign flavors to pod set main: insufficient unused quota
                           for cpu
    Reason:                Pending
    Status:                False
    Type:                  QuotaReserved
    Last Transition Time:  2024-04-02T12:46:27Z
    Message:               Preempted to accommodate a worklo"""


def test_conditions_are_read_in_blocks_also_one_that_was_cut_off() -> None:
    one, cut = read_condition_blocks(BLOCKS.split("\n"))
    assert (one.type, one.status, one.reason, one.wrong) == ("QuotaReserved", "False", "Pending", True)
    assert one.message.endswith("unused quota for cpu")
    assert (cut.type, cut.status, cut.wrong) == ("", None, True)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ("  Ready            False   KubeletNotReady  container runtime is down", True),
        ("  Ready            True    KubeletReady", False),
        ("  ReplicaFailure   True    FailedCreate", True),
        ("  ReplicaFailure   False   x", False),
        (
            "  DiskPressure     True    Mon, 01 Jan 2024 00:00:05 +0000   Mon, 01 Jan 2024 00:00:05 +0000   A   b c",
            True,
        ),
        ("  Progressing      False   ProgressDeadlineExceeded", True),
    ],
)
def test_the_type_of_a_condition_decides_which_status_is_wrong(row: str, wrong: bool) -> None:
    condition = read_condition_row(row)
    assert condition is not None
    assert condition.wrong is wrong


@pytest.mark.parametrize("line", ["  Type  Status", "  ----  ------", "Ready: True", "  ready  True", ""])
def test_another_line_is_no_condition(line: str) -> None:
    assert read_condition_row(line) is None


def test_taints_are_read_that_controllers_set_and_not_those_of_people() -> None:
    lines = [
        "Taints:             node.kubernetes.io/unreachable:NoExecute",
        "                    node.kubernetes.io/unschedulable:NoSchedule",
        "                    dedicated=gpu:NoSchedule",
    ]
    assert read_taints(lines) == ["node.kubernetes.io/unreachable:NoExecute"]


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ("app-0   0/1   OOMKilled   3 (20s ago)   4m", "OOMKilled"),
        ("ns-1   app-0   0/2   Init:CrashLoopBackOff   3   4m", "CrashLoopBackOff"),
        ("pod/app-0   0/1   Evicted   0   4m", "Evicted"),
        ("| app-0 | 0/1 | ImagePullBackOff | 0 | 4m |", "ImagePullBackOff"),
        ("app-0   0/1   ExitCode:3   0   4m", "ExitCode:3"),
        ("app-0   0/1   Init:Signal:9   0   4m", "Signal:9"),
    ],
)
def test_the_status_of_a_pod_that_fails_is_read(row: str, status: str) -> None:
    assert [one.status for one in read_pod_rows([row])] == [status]


@pytest.mark.parametrize(
    "row",
    [
        "NAME   READY   STATUS   RESTARTS   AGE",
        "app-0   1/1   Running   0   4m",
        "app-0   0/1   Init:0/1   0   4m",
        "app-0   0/1   Completed   0   4m",
        "step 3/4 Failed",
        "0/3 nodes are available",
    ],
)
def test_another_row_is_none(row: str) -> None:
    assert read_pod_rows([row]) == []


POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "a", "annotations": {"phase": "Failed"}},
    "spec": {"containers": [{"name": "app", "env": [{"name": "state", "value": "terminated"}]}]},
    "status": {
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}],
        "containerStatuses": [
            {
                "image": "x",
                "lastState": {"terminated": {"exitCode": 1, "message": 'it "said"\nno', "reason": "Error"}},
                "name": "app",
                "ready": False,
                "restartCount": 2,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            },
            {"name": "proxy", "state": {"running": {"startedAt": "2024-01-01T00:00:00Z"}}},
        ],
        "phase": "Pending",
    },
}
YAML = """\
apiVersion: v1
metadata:
  name: a
status:
  conditions:
  - type: PodScheduled
    status: "False"
    reason: Unschedulable
    message: 0/3 nodes
  containerStatuses:
  - image: x
    lastState:
      terminated:
        exitCode: 1
        message: |
          it "said"
          no
        reason: Error
    name: app
    ready: false
    restartCount: 2
    state:
      waiting:
        reason: CrashLoopBackOff
  - name: proxy
    state:
      running:
        startedAt: "2024-01-01T00:00:00Z"
  phase: Pending"""


@pytest.mark.parametrize("text", [YAML, json.dumps(POD, indent=4)], ids=["YAML", "JSON"])
def test_a_part_of_a_pod_is_read_by_its_indentation(text: str) -> None:
    fragment = read_fragment(text.split("\n"))
    assert fragment is not None
    pod = fragment.pod
    assert pod is not None and pod.status is not None and pod.status.container_statuses is not None
    app, proxy = pod.status.container_statuses
    assert (app.name, app.restart_count, app.ready, proxy.name) == ("app", 2, False, "proxy")
    assert app.state is not None and app.state.waiting is not None
    assert app.state.waiting.reason == "CrashLoopBackOff"
    assert app.last_state is not None and app.last_state.terminated is not None
    assert (app.last_state.terminated.exit_code, app.last_state.terminated.message) == (1, 'it "said"\nno')
    assert proxy.state is not None and proxy.state.running is not None
    assert pod.status.conditions is not None
    (condition,) = pod.status.conditions
    assert (condition.status, condition.message, pod.status.phase) == ("False", "0/3 nodes", "Pending")


@pytest.mark.parametrize(
    "text",
    [
        "state: open\nreason: it was late",
        "spec:\n  state:\n    terminated:\n      reason: OOMKilled",
        "env:\n- name: phase\n  value: Failed",
        "phase: two",
        "",
    ],
)
def test_what_is_no_status_is_none(text: str) -> None:
    assert read_fragment(text.split("\n")) is None


def test_every_part_of_a_pod_is_read_or_is_none() -> None:
    lines = YAML.split("\n")
    for end in range(len(lines)):
        read_fragment(lines[:end])
        read_fragment(lines[end:])
