"""How the guard knows what it wrote into a pod's status, after a restart or an answer that was lost."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.guard.pod_facts import status_of
from flytekitplugins_podtriage.core.guard.values import ActKind

ENDED_BY: Final = "podtriage guard ended this pod: "
"""How the message of an ended pod begins."""
CORRECTED_BY: Final = "podtriage guard corrected this pod's reason: "
"""How the message of a rescued pod begins."""

REASONS: Final = {
    ActKind.END_AS_SYSTEM: "Terminated",
    ActKind.RESCUE_AS_SYSTEM: "Terminated",
    ActKind.END_AS_USER: "StartFailed",
    ActKind.RESCUE_AS_USER: "Error",
}
"""``status.reason``. Stock Flyte takes Shutdown, Terminated, NodeShutdown, NodeAffinity and an empty reason for the
platform's (flytek8s/pod_helper.go, ``DemystifyFailure``) and every other for the user's. podtriage itself reads
``Error`` as no reason at all, so that a rescued pod keeps its verdict."""


def ended_as(pod: wire.Pod) -> ActKind | None:
    """Return how the guard ended a pod, as its status shows; None: it did not, or the kubelet has overwritten that."""
    status = status_of(pod)
    if status.phase != "Failed" or not (status.message or "").startswith(ENDED_BY):
        return None
    for kind in (ActKind.END_AS_SYSTEM, ActKind.END_AS_USER):
        if status.reason == REASONS[kind]:
            return kind
    return None


def corrected(pod: wire.Pod) -> bool:
    """Whether the guard has rewritten the reason of a failed pod."""
    status = status_of(pod)
    return status.phase == "Failed" and (status.message or "").startswith(CORRECTED_BY)
