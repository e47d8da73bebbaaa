"""A description without a cause shows how the pod is, and what to give instead; what a container recovered from is over."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.model import Diagnosis

POD = "Name:  app-0\nNamespace:  ns\nNode:  node-1/10.0.0.1\nStatus:  {phase}\nContainers:\n  app:\n{lines}"


def described(phase: str, *lines: str) -> Diagnosis:
    return diagnose(POD.format(phase=phase, lines="\n".join(f"    {line}" for line in lines)))


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (("State:  Waiting", "  Reason:  ContainerCreating"), "ContainerCreating"),
        (("State:  Waiting", "  Reason:  ImagePullBackOff", "Ready:  False"), "ImagePullBackOff"),
        (("State:  Waiting",), "Waiting"),
    ],
)
def test_a_pod_that_waits_without_events_is_shown_with_the_way_to_them(lines: tuple[str, ...], shown: str) -> None:
    diagnosis = described("Pending", *lines)
    assert diagnosis.category.value == "unknown"
    assert [(one.source, one.text, one.container) for one in diagnosis.evidence] == [("waiting", shown, "app")]
    assert "kubectl get events --field-selector involvedObject.name=app-0" in diagnosis.remedy
    assert any("holds no events" in note for note in diagnosis.notes)


def test_a_part_without_the_pods_name_gets_the_same_advice() -> None:
    diagnosis = diagnose("    State:          Waiting\n      Reason:       ContainerCreating\n    Ready:  False")
    assert "involvedObject.name=NAME" in diagnosis.remedy
    assert [one.text for one in diagnosis.evidence] == ["ContainerCreating"]


def test_events_that_are_there_are_not_asked_for() -> None:
    text = POD.format(phase="Pending", lines="    State:  Waiting\n      Reason:  ContainerCreating")
    diagnosis = diagnose(
        f"{text}\nEvents:\n  Normal  Scheduled  4s  default-scheduler  Successfully assigned ns/app-0 to n"
    )
    assert "involvedObject" not in diagnosis.remedy
    assert not any("holds no events" in note for note in diagnosis.notes)


LOST = ("Last State:  Terminated", "  Reason:  Unknown", "  Exit Code:  255")
KILLED = ("Last State:  Terminated", "  Reason:  OOMKilled", "  Exit Code:  137")
READY = ("Ready:  True", "Restart Count:  2")


@pytest.mark.parametrize(("end", "words"), [(LOST, "255 (Unknown)"), (KILLED, "137 (OOMKilled)")])
@pytest.mark.parametrize("whole", [True, False], ids=["a pod", "a part"])
def test_a_container_that_is_ready_again_does_not_fail(end: tuple[str, ...], words: str, whole: bool) -> None:
    lines = ("State:  Running", *end, *READY)
    diagnosis = described("Running", *lines) if whole else diagnose("\n".join(f"    {line}" for line in lines))
    assert diagnosis.category.value == "unknown"
    assert diagnosis.remedy.startswith("No container of the pod fails")
    assert any(words in note for note in diagnosis.notes)
    assert [one.text for one in diagnosis.evidence] == ["Running, ready"]


@pytest.mark.parametrize(
    "lines",
    [
        ("State:  Running", *KILLED, "Ready:  False", "Restart Count:  2"),
        ("State:  Running", *KILLED),
        ("State:  Running", *KILLED, "Ready:  True", "Restart Count:  65"),
        ("State:  Waiting", "  Reason:  CrashLoopBackOff", *KILLED, *READY),
    ],
    ids=["not ready", "ready or not is not shown", "it is restarted again and again", "it waits"],
)
def test_a_container_that_has_not_recovered_is_judged_by_its_last_end(lines: tuple[str, ...]) -> None:
    assert described("Running", *lines).category.value == "oom"


def test_in_yaml_it_is_the_same() -> None:
    text = "  - lastState:\n      terminated:\n        exitCode: 137\n        reason: OOMKilled\n    name: app\n    ready: {}\n"
    text += "    restartCount: 2\n    state:\n      running:\n        startedAt: '2024-01-01T00:00:00Z'\n"
    assert diagnose(text.format("true")).category.value == "unknown"
    assert diagnose(text.format("false")).category.value == "oom"
