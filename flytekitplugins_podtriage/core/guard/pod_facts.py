"""What the guard asks of a pod's status."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedMetadata
from flytekitplugins_podtriage.core.memory import Memory, has_started

FLYTE_FINALIZER: Final = "flyte.org/finalizer-k8s"
"""FlytePropeller's finalizer; its Finalize removes it from every pod, whatever ``inject-finalizer`` says (1.16)."""
PULL_FAILED: Final = ("ErrImagePull", "ImagePullBackOff")
"""The two reasons between which a kubelet alternates while a pull fails."""
_VERSION: Final = re.compile(r"v?(\d{1,4})\.(\d{1,4})\b")
_SIGKILL: Final = (137, 247)
_NO_STATUS: Final = wire.PodStatus()


def status_of(pod: wire.Pod) -> wire.PodStatus:
    """Return a pod's status; an empty one if it has none."""
    return pod.status or _NO_STATUS


def is_deleting(pod: wire.Pod) -> bool:
    """Whether a pod's deletion was requested."""
    return pod.metadata is not None and pod.metadata.deletion_timestamp is not None


def main_containers(pod: wire.Pod) -> Sequence[wire.ContainerStatus]:
    """Return the statuses of the containers whose start is the task's: the annotated primary, otherwise all."""
    containers = status_of(pod).container_statuses or ()
    primary = ((pod.metadata and pod.metadata.annotations) or {}).get(PRIMARY_CONTAINER)
    if primary is None or len(containers) < 2:
        return containers
    return [container for container in containers if container.name == primary] or containers


def main_ran(pod: wire.Pod, memory: Memory | None) -> bool:
    """Whether a main container is known to have run, by its status, its restarts or what is remembered of it."""
    remembered = memory.started if memory is not None else ()
    return any(
        has_started(container) or (container.restart_count or 0) > 0 or (container.name or "") in remembered
        for container in main_containers(pod)
    )


def pull_failed(pod: wire.Pod, name: str | None) -> bool:
    """Whether a container waits because its image cannot be pulled; without a name: any container."""
    status = status_of(pod)
    for container in (*(status.init_container_statuses or ()), *(status.container_statuses or ())):
        waiting = container.state.waiting if container.state is not None else None
        if waiting is not None and waiting.reason in PULL_FAILED and name in (None, container.name):
            return True
    return False


def names_cause_in_back_off(kubelet: str) -> bool:
    """Whether a kubelet of a version (``v1.34.4``) is known to put the cause into the message of ImagePullBackOff.

    That is so from 1.32 on (kubernetes/kubernetes#127918).
    """
    match = _VERSION.match(kubelet)
    return match is not None and (int(match[1]), int(match[2])) >= (1, 32)


def was_killed(pod: wire.Pod) -> bool:
    """Whether a container ended as one that SIGKILL ended, which stock Flyte charges by its exit code."""
    status = status_of(pod)
    for container in (*(status.init_container_statuses or ()), *(status.container_statuses or ())):
        for state in (container.state, container.last_state):
            if state is not None and state.terminated is not None and state.terminated.exit_code in _SIGKILL:
                return True
    return False


def on_node_since(pod: wire.Pod) -> datetime | None:
    """Return since when a pod is on its node, which is where stock Flyte's grace periods begin."""
    status = status_of(pod)
    for condition in status.conditions or ():
        if condition.type == "Ready" and condition.last_transition_time is not None:
            return condition.last_transition_time
    return status.start_time or (pod.metadata.creation_timestamp if pod.metadata is not None else None)


def finalizers(pod: wire.Pod) -> Sequence[str]:
    """Return a pod's finalizers, if they were decoded."""
    return (pod.metadata.finalizers or ()) if isinstance(pod.metadata, OwnedMetadata) else ()


def attempt_of_name(name: str, execution: str) -> int | None:
    """Return the attempt, from 0, in a name that FlytePropeller 1.16 made of execution, node and attempt.

    None where the name does not show it without doubt: a long one is hashed, and ``<attempt>-<index>`` is a child of a
    map task (flytepropeller nodes/task/taskexec_context.go, flyteplugins k8s/subtask_exec_context.go).
    """
    if not execution or not name.startswith(f"{execution}-"):
        return None
    node, dash, attempt = name[len(execution) + 1 :].rpartition("-")
    if not dash or not attempt.isdecimal() or len(attempt) > 3 or node.rpartition("-")[2].isdecimal():
        return None
    return int(attempt)
