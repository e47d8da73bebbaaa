"""Which container an event of a description is about.

``kubectl describe`` leaves out the field path of its events and the messages of waiting containers. Both follow from
the rest: a message that names an image or a container is about the container with it, and why a container cannot be
created is both its status' message and, behind ``Error: ``, an event's (pkg/kubelet/kuberuntime).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pasted.event_table import EventRow

_IMAGE: Final = re.compile(r'[Ii]mage:? "([^"\s]{1,512})"')
_CONTAINER: Final = re.compile(r"container:? \"?([a-z0-9][a-z0-9-]{0,62})\"?$")
_OF_CONTAINERS: Final = frozenset(
    "Pulling Pulled Created Started Failed BackOff InspectFailed ErrImageNeverPull Killing Unhealthy".split()
)
_CREATE_REASONS: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_PATHS: Final = {"main": "spec.containers", "init": "spec.initContainers", "ephemeral": "spec.ephemeralContainers"}


def container_of(event: wire.Event) -> str | None:
    """Return the main container that an event is about, by its field path or as the kubelet says that it made it."""
    path = event.involved_object.field_path if event.involved_object else None
    if path is not None:
        return path.partition("{")[2].removesuffix("}") if path.startswith(_PATHS["main"]) else None
    named = _CONTAINER.search(event.message or "") if event.reason in ("Created", "Started") else None
    return named[1] if named is not None else None


def with_containers(pod: wire.Pod, rows: Sequence[EventRow]) -> list[EventRow]:
    """Return the rows with the container that each is about, where that can be known."""
    paths = _paths(pod)
    if not paths:
        return list(rows)
    return [_with_path(row, paths) for row in rows]


def _paths(pod: wire.Pod) -> dict[str, list[tuple[str, str | None, bool]]]:
    """Return, under the name of its group, each container's path, image, and whether it waits for a cause."""
    status = pod.status or wire.PodStatus()
    groups = {
        "main": status.container_statuses,
        "init": status.init_container_statuses,
        "ephemeral": status.ephemeral_container_statuses,
    }
    return {
        group: [(f"{_PATHS[group]}{{{one.name}}}", one.image, _waits(one)) for one in statuses if one.name]
        for group, statuses in groups.items()
        if statuses
    }


def _waits(container: wire.ContainerStatus) -> bool:
    waiting = container.state.waiting if container.state else None
    return waiting is not None and waiting.reason not in ("PodInitializing", "CrashLoopBackOff")


def _with_path(row: EventRow, groups: Mapping[str, Sequence[tuple[str, str | None, bool]]]) -> EventRow:
    event = row.event
    if event.involved_object is not None or event.reason not in _OF_CONTAINERS:
        return row
    path = _path_of(event.message or "", [one for group in groups.values() for one in group])
    if path is None:
        return row
    about = wire.ObjectReference(field_path=path)
    return EventRow(event=wire.evolve(event, involved_object=about), object=row.object, source=row.source)


def _path_of(message: str, containers: Sequence[tuple[str, str | None, bool]]) -> str | None:
    named = _CONTAINER.search(message)
    if named is not None:
        return next((path for path, _, _ in containers if path.endswith(f"{{{named[1]}}}")), None)
    image = _IMAGE.search(message)
    if image is not None:
        same = [one for one in containers if one[1] == image[1]]
        candidates = [one for one in same if one[2]] or same
        return candidates[0][0] if candidates else None
    waiting = [one for one in containers if one[2]]
    candidates = waiting or list(containers)
    return candidates[0][0] if len(candidates) == 1 else None


def with_messages(pod: wire.Pod, failures: Sequence[EventRow]) -> wire.Pod:
    """Return the pod with the messages that its description leaves out, as far as its events have them.

    Args:
        pod: the pod that was described.
        failures: the failures that still hold, the newest first, with their containers.
    """
    status = pod.status
    if status is None or not failures:
        return pod
    conditions = [_with_reason(one, failures) for one in status.conditions or ()]
    if status.phase == "Pending" and not conditions:
        scheduling = _newest(failures, "FailedScheduling")
        if scheduling is not None and not (status.container_statuses or status.init_container_statuses):
            unscheduled = wire.Condition(type="PodScheduled", status="False")
            conditions = [_with_reason(unscheduled, failures)]
    return wire.evolve(
        pod,
        status=wire.evolve(
            status,
            conditions=conditions or None,
            container_statuses=_with_waiting(status.container_statuses, "main", failures),
            init_container_statuses=_with_waiting(status.init_container_statuses, "init", failures),
        ),
    )


def _newest(failures: Iterable[EventRow], reason: str) -> wire.Event | None:
    return next((row.event for row in failures if row.event.reason == reason), None)


def _with_reason(condition: wire.Condition, failures: Sequence[EventRow]) -> wire.Condition:
    if condition.type != "PodScheduled" or condition.status != "False" or condition.message:
        return condition
    event = _newest(failures, "FailedScheduling")
    if event is None:
        return condition
    return wire.evolve(condition, reason="Unschedulable", message=event.message)


def _with_waiting(
    statuses: list[wire.ContainerStatus] | None, group: str, failures: Sequence[EventRow]
) -> list[wire.ContainerStatus] | None:
    if not statuses:
        return statuses
    return [_with_message(one, f"{_PATHS[group]}{{{one.name}}}", failures) for one in statuses]


def _with_message(container: wire.ContainerStatus, path: str, failures: Sequence[EventRow]) -> wire.ContainerStatus:
    waiting = container.state.waiting if container.state else None
    if waiting is None or waiting.message or waiting.reason not in _CREATE_REASONS:
        return container
    for row in failures:
        about = row.event.involved_object
        if about is None or about.field_path != path:
            continue
        text = row.event.message or ""
        if text.startswith("Error: ") and "ErrImage" not in text:
            waits = wire.Waiting(reason=waiting.reason, message=text.removeprefix("Error: "))
            return wire.evolve(container, state=wire.State(waiting=waits))
    return container
