"""Objects that are no pods: groups of pods, workloads, nodes; by their kind, or by the types of their conditions."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.pasted.conditions import read_condition_blocks
from flytekitplugins_podtriage.core.pasted.reading import PastedText, read_pasted

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
GANG = """\
  conditions:
  - lastTransitionTime: "2024-01-01T00:00:00Z"
    message: '3/2 tasks in gang unschedulable: pod group is not ready, 5 minAvailable,
      2 Running'
    reason: NotEnoughResources
    status: "True"
    transitionID: 154b09d2
    type: Unschedulable
  phase: Unknown
  running: 2"""
SCHEDULED = GANG.replace("NotEnoughResources", "tasks are ready").replace("type: Unschedulable", "type: Scheduled")


def read(text: str) -> PastedText:
    pasted = read_pasted(text, NOW)
    assert pasted is not None
    return pasted


@pytest.mark.parametrize(
    "head", ["", "status:\n", "apiVersion: scheduling.volcano.sh/v1beta1\nkind: PodGroup\nstatus:\n"]
)
def test_conditions_of_a_group_of_pods_are_its_own(head: str) -> None:
    pasted = read(head + GANG)
    assert pasted.pod is None
    (message,) = pasted.messages
    assert message.reason == "NotEnoughResources"
    assert message.text.endswith("5 minAvailable, 2 Running")
    assert diagnose(head + GANG).category.value == "unschedulable"
    assert read(head + SCHEDULED).messages == ()


@pytest.mark.parametrize(
    "text",
    [
        "  conditions:\n  - message: '0/3 nodes'\n    reason: Unschedulable\n    status: \"False\"\n    type: PodScheduled\n  phase: Pending",
        'kind: Pod\nstatus:\n  conditions:\n  - status: "True"\n    type: example.com/gate\n  phase: Pending',
        "    kind: ReplicaSet\n    name: web\nstatus:\n  phase: Pending",
    ],
    ids=["a condition of pods", "the kind", "the kind of the owner"],
)
def test_a_pod_stays_one(text: str) -> None:
    assert read(text).pod is not None


def test_an_object_of_another_kind_is_judged_by_its_message() -> None:
    text = "kind: {}\nstatus:\n  phase: Failed\n  message: 'Failed to pull image \"quay.io/a/b:1\": unauthorized'\n"
    assert read(text.format("Workflow")).pod is None
    assert diagnose(text.format("Workflow")).category.value == "auth"


def test_the_reason_of_a_pod_as_a_whole_counts() -> None:
    text = "status:\n  message: Node n which was running pod p is unresponsive\n  phase: Unknown\n  reason: NodeLost\n"
    assert diagnose(text).category.value == "node_lost"


def test_a_field_of_one_kind_alone_parts_no_condition() -> None:
    (one,) = read_condition_blocks(GANG.split("\n"))
    assert (one.type, one.status) == ("Unschedulable", "True")


TIMES = "Mon, 01 Jan 2024 00:00:05 +0000   Mon, 01 Jan 2024 00:00:05 +0000"
PRESSURE = f"  DiskPressure   True    {TIMES}   KubeletHasDiskPressure       kubelet has disk pressure"
ENOUGH = f"  PIDPressure    False   {TIMES}   KubeletHasSufficientPID      kubelet has sufficient PID available"
READY = f"  Ready          True    {TIMES}   KubeletReady                 kubelet is posting ready status"
LOST = f"  Ready          Unknown {TIMES}   NodeStatusUnknown            Kubelet stopped posting node status."
HEADER = "  Type  Status  LastHeartbeatTime  LastTransitionTime  Reason  Message\n  ----  ------  -----------------\n"


@pytest.mark.parametrize("head", ["", HEADER, f"Conditions:\n{HEADER}"])
def test_rows_of_a_nodes_conditions_are_read_without_what_stands_around_them(head: str) -> None:
    assert [one.reason for one in read(f"{head}{ENOUGH}\n{PRESSURE}\n{READY}").messages] == ["KubeletHasDiskPressure"]
    assert [one.text for one in read(f"{head}{ENOUGH}\n{LOST}").messages] == ["Kubelet stopped posting node status."]
    pasted = read_pasted(f"{head}{ENOUGH}\n{READY}", NOW)
    assert pasted is None or pasted.messages == ()


def events(*rows: tuple[str, str, str]) -> str:
    return "\n".join(
        f"  {kind}  {reason}  {age}  kubelet, n  Node n status is now: {reason}" for kind, reason, age in rows
    )


def test_events_of_a_node_tell_what_it_lacks_until_it_has_it_again() -> None:
    full = ("Normal", "NodeHasDiskPressure", "4m")
    pasted = read(events(full))
    assert (pasted.pod, [one.reason for one in pasted.messages]) == (None, ["NodeHasDiskPressure"])
    assert read(events(full, ("Normal", "NodeHasNoDiskPressure", "2m"))).messages == ()
    still = read(events(full, ("Normal", "NodeHasSufficientMemory", "2m")))
    assert [one.reason for one in still.messages] == ["NodeHasDiskPressure"]
    both = read(events(full, ("Warning", "EvictionThresholdMet", "3m")))
    assert [one.reason for one in both.messages] == ["EvictionThresholdMet", "NodeHasDiskPressure"]
