"""The reasons of waiting containers, and which of them name a cause.

Sources: kubernetes pkg/kubelet/images/types.go, pkg/kubelet/kuberuntime/kuberuntime_container.go (Err... variables),
pkg/kubelet/kubelet_pods.go (the two default reasons).
"""

from __future__ import annotations

from typing import Final

STARTING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
"""The container is being started: nothing has failed, as far as the status shows."""

BACK_OFF: Final = "ImagePullBackOff"
PULL_REASONS: Final = frozenset(
    {"ErrImagePull", BACK_OFF, "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed"}
)
"""An image could not be pulled, and the kubelet retries."""

CRASHED: Final = "CrashLoopBackOff"

CONFIG_ERROR: Final = "CreateContainerConfigError"

_BARE_BACK_OFF: Final = "Back-off pulling image "


def says_cause(reason: str, message: str) -> bool:
    """Whether the message of a waiting container names a cause; a bare back-off does not.

    Kubelets before 1.32 write no more than ``Back-off pulling image "X"``; later ones add ``: ErrImagePull: <cause>``.
    """
    if not message or reason in STARTING or reason == CRASHED:
        return False
    if reason == BACK_OFF and message.startswith(_BARE_BACK_OFF):
        return '": ' in message
    return True
