"""Reasons for which the kubelet lets a container wait, and which of them say why.

Sources: kubernetes pkg/kubelet/images/types.go, pkg/kubelet/kuberuntime/kuberuntime_container.go (Err... variables),
pkg/kubelet/kubelet_pods.go (the two default reasons).
"""

from __future__ import annotations

from typing import Final

STARTING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
"""The kubelet is at it: nothing has failed, as far as the status tells."""

BACK_OFF: Final = "ImagePullBackOff"
PULL_REASONS: Final = frozenset(
    {"ErrImagePull", BACK_OFF, "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed"}
)
"""An image could not be pulled, and is tried again."""

CRASHED: Final = "CrashLoopBackOff"

CONFIG_ERROR: Final = "CreateContainerConfigError"

_BARE_BACK_OFF: Final = "Back-off pulling image "


def says_cause(reason: str, message: str) -> bool:
    """Whether the message of a waiting container names a cause; a bare back-off does not.

    ``Back-off pulling image "X"`` is all that a kubelet before 1.32 says; later ones add ``: ErrImagePull: <cause>``.
    """
    if not message or reason in STARTING or reason == CRASHED:
        return False
    if reason == BACK_OFF and message.startswith(_BARE_BACK_OFF):
        return '": ' in message
    return True
