"""A pasted text is read as what it is, and judged like a pod; what is superseded, normal or chosen is no evidence."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.model import Diagnosis
from flytekitplugins_podtriage.core.pasted.reading import LONGEST, PastedText, read_objects, read_pasted
from tests.paths import DATA

NOW = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)

POD = """\
Name:             app-0
Namespace:        ns
Node:             node-1/10.0.0.1
Start Time:       Mon, 01 Jan 2024 00:00:05 +0000
Annotations:      note: 429 Too Many Requests
Status:           Pending
Containers:
  app:
    Image:          docker.io/acme/app:1
    State:          Waiting
      Reason:       ImagePullBackOff
    Ready:          False
    Restart Count:  0
    Environment:
      ERROR:   toomanyrequests
      State:   Terminated
      Reason:  OOMKilled
Conditions:
  Type              Status
  Initialized       True
  Ready             False
  ContainersReady   False
  PodScheduled      True
Events:
  Type     Reason            Age                From               Message
  ----     ------            ----               ----               -------
  Warning  FailedScheduling  3m                 default-scheduler  0/3 nodes are available: 3 Insufficient cpu.
  Normal   Scheduled         2m                 default-scheduler  Successfully assigned ns/app-0 to node-1
  Normal   Pulling           50s (x4 over 2m)   kubelet            Pulling image "docker.io/acme/app:1"
  Warning  Failed            49s (x4 over 2m)   kubelet            Failed to pull image "docker.io/acme/app:1": 503
  Warning  Failed            49s (x4 over 2m)   kubelet            Error: ErrImagePull
  Normal   BackOff           10s (x5 over 2m)   kubelet            Back-off pulling image "docker.io/acme/app:1"
"""
PULL = (
    'Failed to pull image "docker.io/acme/app:1": rpc error: code = Unknown desc = failed to pull and unpack image'
    ' "docker.io/acme/app:1": unexpected status code https://registry-1.docker.io/v2/x: 429 Too Many Requests'
)
UNSCHEDULABLE = "0/3 nodes are available: 3 Insufficient cpu."


def read(text: str) -> PastedText:
    pasted = read_pasted(text, NOW)
    assert pasted is not None
    return pasted


def answer(diagnosis: Diagnosis) -> str:
    return f"{diagnosis.kind.value} {diagnosis.category.value}"


def state(*lines: str) -> str:
    return "\n".join(("Containers:", "  app:", *(f"    {line}" for line in lines)))


TEXTS = {
    "a container that ended, without anything around it": (
        "    State:          Terminated\n      Reason:       OOMKilled\n      Exit Code:    137",
        "USER oom",
    ),
    "a selection that begins behind the first indentation": (
        "State:          Terminated\n      Reason:       OOMKilled\n      Exit Code:    137",
        "USER oom",
    ),
    "an end before a restart, which no event tells": (
        state("State:  Running", "Last State:  Terminated", "  Reason:  OOMKilled", "  Exit Code:  137"),
        "USER oom",
    ),
    "the spelling of old kubectl": (
        state("State:  Running", "Last Termination State:  Terminated", "  Exit Code:  1", "Restart Count:  5"),
        "USER app_error",
    ),
    "a state below Status, as people shorten it": (
        "Containers:\n  app:\n    Limits:  memory: 4Gi\nStatus:\n  Last State:  Terminated\n    Reason:  OOMKilled",
        "USER oom",
    ),
    "a description that has lost its indentation": (
        "Name: a\nNode: n/1\nStatus: Running\nContainers:\napp:\nState: Waiting\nReason: CrashLoopBackOff\n"
        "Last State: Terminated\nReason: OOMKilled\nExit Code: 137\nRestart Count: 5",
        "USER oom",
    ),
    "a pod that was failed, without its containers": (
        "Status:   Failed\nReason:   Evicted\nMessage:  The node was low on resource: memory.",
        "SYSTEM evicted",
    ),
    "what a container waits for, from the event": (
        state("State:  Waiting", "  Reason:  CreateContainerConfigError")
        + '\nEvents:\n  Warning  Failed  4s  kubelet  Error: configmap "foo" not found',
        "USER config_missing",
    ),
    "a traceback, whatever it quotes": (
        state(
            *("State:  Terminated", "  Reason:  Error", "  Message:  Traceback (most recent call last):"),
            *("HTTPError: 429 Client Error: Too Many Requests", "  Exit Code:  1"),
        ),
        "USER app_error",
    ),
    "a job": (
        "Name: pi\nSelector: x\nPods Statuses: 0 Active / 0 Succeeded / 1 Failed\nPod Template:\n  Containers:\n"
        "   pi:\n    State: Terminated\nEvents:\n"
        "  Warning  BackoffLimitExceeded  2m  job-controller  Job has reached the specified backoff limit",
        "USER app_error",
    ),
    "a set of pods that may not create them": (
        "Name: web\nReplicas: 0 current / 3 desired\nPod Template:\n  Containers:\n   web:\n    Image: a\nConditions:\n"
        "  Type             Status  Reason\n  ReplicaFailure   True    FailedCreate\nEvents:\n"
        '  Warning  FailedCreate  4s  replicaset-controller  Error creating: pods "w" is forbidden: exceeded quota: q',
        "SYSTEM quota",
    ),
    "a condition in YAML": (
        "- lastProbeTime: null\n  lastTransitionTime: '2025-02-08T17:11:23Z'\n"
        "  message: 'Taint manager: deleting due to NoExecute taint'\n  reason: DeletionByTaintManager\n"
        '  status: "True"\n  type: DisruptionTarget',
        "SYSTEM preempted",
    ),
    "a state in YAML": (
        "    lastState:\n      terminated:\n        exitCode: 137\n        reason: OOMKilled\n    name: app\n    state:\n"
        "      waiting:\n        message: back-off 5m0s restarting failed container=app\n        reason: CrashLoopBackOff",
        "USER oom",
    ),
    "a state in JSON": (
        '"lastState": {\n  "terminated": {\n    "exitCode": 137,\n    "reason": "OOMKilled"\n  }\n}',
        "USER oom",
    ),
    "a pod in JSON": (
        '{"kind":"Pod","status":{"phase":"Failed","reason":"Evicted","message":"The node was low on resource: memory."}}',
        "SYSTEM evicted",
    ),
    "a table of pods": (
        "NAME    READY   STATUS      RESTARTS      AGE\ndb-0    1/1     Running     0             4m\n"
        "app-0   0/1     OOMKilled   3 (20s ago)   4m",
        "USER oom",
    ),
    "events of several pods: the newest warning decides": (
        f"20s   Warning   FailedScheduling   pod/b   {UNSCHEDULABLE}\n5m    Warning   Failed   pod/a   {PULL}",
        "SYSTEM unschedulable",
    ),
    "a Normal event that tells why a pod is gone": (
        "27s  Normal  TaintManagerEviction  pod/alpha  Marking for deletion Pod default/alpha",
        "SYSTEM preempted",
    ),
    "a quotation of events": (
        f"> Events:\n>   Warning  FailedScheduling  5m  default-scheduler  {UNSCHEDULABLE}",
        "SYSTEM unschedulable",
    ),
    "a fenced block with line numbers": (
        f"```text\n1  Events:\n2    Type     Reason  Age\n3    Warning  FailedScheduling  5m  scheduler  {UNSCHEDULABLE}\n```",
        "SYSTEM unschedulable",
    ),
    "a sentence that was broken between words": (
        "0/9 nodes are available: 3 Insufficient\n   memory, 6 Insufficient\n   cpu.",
        "SYSTEM unschedulable",
    ),
    "an event that a terminal broke at its width": (
        "\n".join(f"  Warning  Failed  49s  kubelet  {PULL}"[start : start + 80] for start in range(0, 280, 80)),
        "SYSTEM registry_rate_limited",
    ),
    "the error of a sync in a kubelet's log": (
        'E0715 10:14:20.123456    1234 pod_workers.go:951] "Error syncing pod, skipping" err="failed to'
        ' \\"StartContainer\\" for \\"app\\" with CreateContainerConfigError: \\"secret \\\\\\"x\\\\\\" not found\\"" pod="ns/x"',
        "USER config_missing",
    ),
    "a reason before its message": ('CreateContainerConfigError: secret "x" not found', "USER config_missing"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_judged_as_what_it_is(name: str) -> None:
    text, expected = TEXTS[name]
    assert answer(diagnose(text)) == expected


NOTHING = {
    "scheduled in the end": (
        f"5m  Warning  FailedScheduling  pod/a  {UNSCHEDULABLE}\n4m  Normal  Scheduled  pod/a  Successfully assigned"
    ),
    "mounted in the end": (
        '5m  Warning  FailedMount  pod/a  MountVolume.SetUp failed for volume "x" : secret "y" not found\n'
        "4m  Normal  Started  pod/a  Started container app"
    ),
    "pulled in the end": (
        f'5m  Warning  Failed  pod/a  {PULL}\n4m  Normal  Pulled  pod/a  Successfully pulled image "docker.io/acme/app:1"'
    ),
    "Normal events alone": "10s  Normal  Killing  pod/a  Stopping container main",
    "a pod that runs, whatever its environment": POD.partition("Events:")[0]
    .replace("Status:           Pending", "Status:           Running")
    .replace("State:          Waiting\n      Reason:       ImagePullBackOff", "State:          Running"),
    "a table of pods that are well": "NAME   READY   STATUS    RESTARTS   AGE\ndb-0   1/1     Running   0          4m",
}


@pytest.mark.parametrize("name", NOTHING)
def test_what_is_over_or_chosen_by_people_is_no_cause(name: str) -> None:
    assert diagnose(NOTHING[name]).category.value == "unknown"


HOLDS = {
    "unschedulable again": f"5m  Normal  Scheduled  pod/a  Successfully assigned\n4m  Warning  FailedScheduling  pod/a  {UNSCHEDULABLE}",
    "another pod was scheduled": f"5m  Warning  FailedScheduling  pod/a  {UNSCHEDULABLE}\n4m  Normal  Scheduled  pod/b  assigned",
}


@pytest.mark.parametrize("name", HOLDS)
def test_a_failure_that_nothing_supersedes_holds(name: str) -> None:
    assert answer(diagnose(HOLDS[name])) == "SYSTEM unschedulable"


def test_a_description_becomes_a_pod_with_its_events() -> None:
    pasted = read(POD)
    assert pasted.pod is not None and pasted.pod.metadata is not None
    assert pasted.pod.metadata.name == "app-0"
    assert [event.reason for event in pasted.events][:2] == ["FailedScheduling", "Scheduled"]
    assert [message.reason for message in pasted.messages] == ["Failed", "Failed"]


def test_a_description_tells_when_it_was_printed() -> None:
    start = datetime(2024, 1, 1, 0, 0, 5, tzinfo=timezone.utc)
    assert read(POD).printed_at == start + timedelta(minutes=2)
    assert read(POD.replace("Scheduled ", "Nominated ")).printed_at is None


def test_events_get_the_container_that_the_image_names() -> None:
    paths = [event.involved_object.field_path for event in read(POD).events if event.involved_object]
    assert set(paths) == {"spec.containers{app}"}


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (POD, ()),
        (POD.partition("Events:")[0], ("holds no events", "does not print why a container waits")),
        (f"Warning  FailedScheduling  5m  default-scheduler  {UNSCHEDULABLE}", ("does not show the pod's status",)),
        ("a-0   0/1   OOMKilled   3   4m", ("does not show the pod's status",)),
        ('E0715 10:14:20.123456    1234 a.go:951] "x" err="y"', ()),
    ],
)
def test_what_a_text_does_not_hold_is_named(text: str, missing: tuple[str, ...]) -> None:
    notes = read(text).missing
    assert len(notes) == len(missing)
    assert all(words in note for words, note in zip(missing, notes, strict=True))


def test_each_of_several_descriptions_is_read() -> None:
    well = POD.replace("app-0", "web-0").replace("Pending", "Running").partition("Conditions:")[0]
    objects = read_objects(f"{well}Events: <none>\n\n\n{POD}", NOW)
    assert [one.pod.metadata.name for one in objects if one.pod and one.pod.metadata] == ["web-0", "app-0"]


def test_of_a_long_text_the_end_is_read() -> None:
    assert answer(diagnose("x\n" * LONGEST + POD)) == answer(diagnose(POD))


@pytest.mark.parametrize("text", ["", "hello", "a: b", "Name: x", "State: of the art", "phase: two", "{}", "[1]"])
def test_an_ordinary_text_is_none_of_them(text: str) -> None:
    assert read_pasted(text, NOW) is None


PUBLIC = [json.loads(line) for line in (DATA / "public.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("row", PUBLIC, ids=[row["id"] for row in PUBLIC])
def test_a_sample_cut_at_every_line_gets_an_answer(row: dict[str, str]) -> None:
    lines = (row.get("message") or row.get("pod_text") or "").split("\n")
    for end in range(len(lines) + 1):
        assert isinstance(diagnose("\n".join(lines[:end])), Diagnosis)
        assert isinstance(diagnose("\n".join(lines[end:])), Diagnosis)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_cut_at_every_character_gets_an_answer(name: str) -> None:
    text = TEXTS[name][0]
    for end in range(len(text)):
        read_pasted(text[:end], NOW)
        read_pasted(text[end:], NOW)


WORDS = st.sampled_from(
    (
        *"Name: Status: Containers: Init_Containers: State: Last_State: Reason: Message: Exit_Code: Conditions:".split(),
        *"Events: Normal Warning Failed Scheduled kubelet 5s 137 <none> True False Type: Start_Time: state: phase:".split(),
        *'waiting: terminated: reason: message: - | > ``` " \\ { } [ ] level=error msg=" err=" E0715 \n \n\n \t'.split(
            " "
        ),
    )
)


@given(st.lists(WORDS | st.text(max_size=8), max_size=40))
def test_any_text_is_read_or_is_none(parts: list[str]) -> None:
    text = " ".join(parts).replace("_", " ").replace("\n ", "\n  ")
    read_pasted(text, NOW)
    assert isinstance(diagnose(text), Diagnosis)


def calls(text: str) -> int:
    """Count the functions that reading a text calls."""
    count = 0

    def counting(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        read_pasted(text, NOW)
    finally:
        sys.setprofile(before)
    return count


UNITS = {
    "events": f"5s  Normal  Pulled  pod/a  x\n5s  Warning  Failed  pod/a  {PULL}\n",
    "descriptions": POD,
    "states": state("State:  Waiting", "  Reason:  Error") + "\n",
    "parts in YAML": "state:\n  waiting:\n    reason: x\n",
    "conditions": "- type: A\n  status: 'False'\n  message: x\n",
    "a message": "State:  Terminated\n  Message:  a\nb\n",
    "lines of a log": 'E0715 10:14:20.123456    1234 a.go:951] "x" err="y"\n',
    "rows of pods": "app-0   0/1   ImagePullBackOff   0   21m\nx\n",
    "rows without a type": f"  1m  14s  12  {{kubelet n}}  spec.containers{{a}}  Failed  {PULL}\n",
    "rows broken behind their type": "5s  Warning\nFailed  pod/a  x\n",
    "a node's conditions": f"  DiskPressure  True  {2 * 'Mon, 01 Jan 2024 00:00:05 +0000  '}KubeletHasDiskPressure  x\n",
    "a group of pods": "kind: PodGroup\nphase: Failed\nconditions:\n- type: A\n  id: b\n  message: 'x,\n    y'\n",
    "quotes": "> x\n",
    "broken lines": "x" * 80 + "\n",
    "nothing": "\n",
}


@pytest.mark.parametrize("unit", UNITS)
def test_a_text_of_four_times_the_length_takes_about_four_times_the_steps(unit: str) -> None:
    once, four_times = calls(UNITS[unit] * 100), calls(UNITS[unit] * 400)
    assert four_times < 5 * once + 100
