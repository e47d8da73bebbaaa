"""The ends of containers in Flyte's message of a failed pod, and what they decide."""

from __future__ import annotations

import pytest

from flytekitplugins_podtriage import diagnose
from flytekitplugins_podtriage.core.text.container_ends import split_container_ends

HEAD = "[1/1] currentAttempt done. Last Error: USER::Pod failed. No message received from kubernetes."


def ended(exit_code: int, reason: str, message: str, name: str = "f1-n0-0") -> str:
    """Return the end of a container as flytek8s writes it."""
    return f"\n[{name}] terminated with exit code ({exit_code}). Reason [{reason}]. Message: \n{message}."


def test_every_end_is_read_with_what_the_container_left() -> None:
    head, ends = split_container_ends(HEAD + ended(0, "Completed", "", "sidecar") + ended(1, "Error", "x: y\nz"))
    assert head == HEAD
    assert [(end.name, end.exit_code, end.reason, end.message) for end in ends] == [
        ("sidecar", 0, "Completed", ""),
        ("f1-n0-0", 1, "Error", "x: y\nz"),
    ]


@pytest.mark.parametrize(
    "text", ["", "terminated with exit code (1)", "[a] terminated with exit code (x). Reason [E]."]
)
def test_a_text_without_ends_is_its_own_head(text: str) -> None:
    assert split_container_ends(text) == (text, [])


@pytest.mark.parametrize(
    ("ends", "category", "kind"),
    [
        (ended(1, "Error", "openai.RateLimitError: Error code: 429"), "app_error", "USER"),
        (ended(1, "Error", "toomanyrequests: You have reached your pull rate limit"), "app_error", "USER"),
        (ended(1, "Error", 'Failed to pull image "a": 500 Internal Server Error'), "app_error", "USER"),
        (ended(1, "Error", "write /data: no space left on device"), "app_error", "USER"),
        (ended(1, "Error", ""), "app_error", "USER"),
        (ended(1, "Error", "RuntimeError: CUDA error: uncorrectable ECC error encountered"), "gpu_device", "SYSTEM"),
        (ended(1, "Error", "Unable to determine the device: GPU is lost"), "gpu_device", "SYSTEM"),
        (ended(1, "Error", "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus."), "gpu_device", "SYSTEM"),
        (ended(1, "Error", "NVRM: Xid (PCI:0000:3b:00): 31, MMU Fault"), "app_error", "USER"),
        (ended(1, "Error", "torch.cuda.OutOfMemoryError: CUDA out of memory"), "app_error", "USER"),
        (ended(1, "Error", "bash: line 1:    12 Killed                  python train.py"), "app_error", "USER"),
        (ended(1, "Error", "AirflowException: Pod took too long to start"), "app_error", "USER"),
        (ended(1, "Error", "0/3 nodes are available: 3 Insufficient cpu."), "app_error", "USER"),
        (ended(137, "OOMKilled", "429 Too Many Requests"), "oom", "USER"),
        (ended(137, "Error", "429 Too Many Requests"), "killed", "SYSTEM"),
        (ended(128, "StartError", 'exec: "train": executable file not found in $PATH'), "command_not_found", "USER"),
        (ended(0, "Completed", "ok", "sidecar") + ended(1, "Error", "x"), "app_error", "USER"),
    ],
)
def test_what_the_container_left_is_the_applications(ends: str, category: str, kind: str) -> None:
    diagnosis = diagnose(HEAD + ends)
    assert (diagnosis.category, diagnosis.kind) == (category, kind)


def test_the_pods_own_message_outranks_how_its_containers_ended() -> None:
    text = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 10Mi."
    assert diagnose(f"{text}{ended(137, 'Error', '')}").category == "evicted"


def test_the_evidence_is_how_the_container_ended() -> None:
    diagnosis = diagnose(HEAD + ended(1, "Error", "ValueError: x"))
    assert diagnosis.evidence[0].text == "f1-n0-0: exit code 1, reason Error: ValueError: x"
