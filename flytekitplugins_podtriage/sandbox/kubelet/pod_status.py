"""A pod's status as its kubelet writes it: phase, conditions, containers.

Sources: kubernetes pkg/kubelet/kubelet_pods.go (``getPhase``, ``generateAPIPodStatus``), pkg/kubelet/status/generate.go
(conditions, their reasons and messages), and recordings of kubelets 1.31 and 1.34.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.pod_state import Container, PodRecord

_CREATING: Final = wire.State(waiting=wire.Waiting(reason="ContainerCreating"))
_INITIALIZING: Final = wire.State(waiting=wire.Waiting(reason="PodInitializing"))
_NOTHING: Final = wire.State()


def phase_of(record: PodRecord) -> str:
    """Compute the phase from the containers."""
    for container in record.inits:
        if container.native:
            if container.running is None and container.ended is None:
                return "Pending"
        elif container.exit_code is None:
            return "Pending"
        elif container.exit_code != 0:
            return "Failed" if record.restart_policy == "Never" else "Pending"
    running = succeeded = 0
    for container in record.mains:
        if container.running is not None:
            running += 1
        elif container.ended is not None:
            succeeded += container.exit_code == 0
        elif container.last is None:
            return "Pending"
    if running or record.restart_policy == "Always":
        return "Running"
    if succeeded == len(record.mains):
        return "Succeeded"
    return "Failed" if record.restart_policy == "Never" else "Running"


def all_run(record: PodRecord) -> bool:
    """Whether all main containers are running."""
    for container in record.mains:  # noqa: SIM110  # all() with a generator costs twice as much
        if container.running is None:
            return False
    return True


def initialized(record: PodRecord) -> bool:
    """Whether the main containers may start."""
    return all(container.ready_for_next for container in record.inits)


def publish(
    record: PodRecord, now: datetime, phase: str, drop_causes: bool = False, keep_containers: bool = False
) -> None:
    """Write a pod's status, if it has changed.

    Args:
        record: the pod.
        now: the time, without fractions.
        phase: the phase to show.
        drop_causes: whether to omit why containers are waiting (the pod is being deleted).
        keep_containers: whether to show the containers as they were shown last.
    """
    default = _INITIALIZING if record.inits else _CREATING
    statuses = []
    for container in record.in_status_order:
        statuses.append(_container_status(container, default, drop_causes, keep_containers))  # noqa: PERF401  # cheaper
    # Most syncs change nothing, so what the status is built from is compared before it is built.
    built_from = (phase, record.ending, record.syncs > 0, statuses)
    if record.pod.status is record.published and built_from == record.published_from:
        return
    ending = record.ending if phase == "Failed" else None
    # Most changes are in why a container waits, which no condition shows.
    conditions_from: list[object] = [phase, record.ending, record.syncs > 0]
    for container in record.containers:
        conditions_from += (container.running, container.ended)
    if conditions_from != record.conditions_from:
        _set_conditions(record, now, phase, ending.disruption if ending else None)
        record.conditions_from = conditions_from
    record.phase = phase
    status = wire.PodStatus(
        phase=phase,
        reason=ending.reason if ending else None,
        message=ending.message if ending else None,
        start_time=record.start_time,
        conditions=list(record.conditions.values()),
        init_container_statuses=statuses[: len(record.inits)] or None,
        container_statuses=statuses[len(record.inits) :],
    )
    if record.send is None:
        record.write(status, now)
    else:
        record.send(record, status, now)
    record.published, record.published_from = record.status, built_from


def publish_conditions(record: PodRecord, now: datetime, phase: str | None = None) -> None:
    """Publish conditions, and a phase, that somebody other than the kubelet has set."""
    status = record.status
    record.write(
        wire.PodStatus(
            phase=phase or status.phase,
            reason=status.reason,
            message=status.message,
            start_time=status.start_time,
            conditions=list(record.conditions.values()),
            init_container_statuses=status.init_container_statuses,
            container_statuses=status.container_statuses,
        ),
        now,
    )


def publish_patch(record: PodRecord, now: datetime, reason: str, message: str) -> None:
    """Show a pod as failed because a client other than the kubelet has patched its status."""
    status = record.status
    record.write(wire.evolve(status, phase="Failed", reason=reason, message=message), now)


def publish_rejection(record: PodRecord, now: datetime, reason: str, message: str) -> None:
    """Publish the status of a pod that the kubelet has not admitted: no conditions, no containers."""
    record.phase = "Failed"
    record.write(wire.PodStatus(phase="Failed", reason=reason, message=message, start_time=record.start_time), now)


def _container_status(
    container: Container, default: wire.State, drop_causes: bool, keep_containers: bool
) -> wire.ContainerStatus:
    if keep_containers and container.shown is not None:
        return container.shown
    ended = None if container.not_started else container.ended
    state = container.running or ended or (None if drop_causes else container.waiting) or default
    known, last = container.shown, container.last or _NOTHING
    if known is not None and known.state is state and known.last_state is last:
        return known
    up = state.running is not None
    ready = up or (container.init and not container.native and container.exit_code == 0)
    container.shown = wire.ContainerStatus(
        name=container.name,
        ready=ready,
        started=up,
        image=container.image,
        restart_count=container.restarts,
        state=state,
        last_state=last,
    )
    return container.shown


def _set_conditions(record: PodRecord, now: datetime, phase: str, disruption: wire.Condition | None) -> None:
    known = record.conditions
    if disruption is not None and "DisruptionTarget" not in known:
        known["DisruptionTarget"] = disruption
    over = phase in ("Failed", "Succeeded")
    sandbox = record.syncs > 0 and not over and not (record.ending and not _any_running(record))
    record.condition("PodReadyToStartContainers", "True" if sandbox else "False", now)
    completed = phase == "Succeeded" or _completed(record)
    waiting = [item.name for item in record.inits if not (item.ready_for_next or item.ended)] if record.inits else ()
    if completed:
        record.condition("Initialized", "True", now, "PodCompleted")
    elif waiting:
        incomplete = f"containers with incomplete status: [{' '.join(waiting)}]"
        record.condition("Initialized", "False", now, "ContainersNotInitialized", incomplete)
    else:
        record.condition("Initialized", "True", now)
    message = None
    unready = [item.name for item in record.mains if item.running is None]
    if not unready and not over:
        status, reason = "True", None
    elif completed:
        status, reason = "False", "PodCompleted"
    elif over or phase_of(record) == "Failed":
        status, reason = "False", "PodFailed"
    else:
        status, reason = "False", "ContainersNotReady"
        message = f"containers with unready status: [{' '.join(unready)}]"
    record.condition("Ready", status, now, reason, message)
    record.condition("ContainersReady", status, now, reason, message)
    record.condition("PodScheduled", "True", now)
    if len(known) == len(_ORDER) or next(iter(known)) != _ORDER[1]:
        record.conditions = {kind: known[kind] for kind in _ORDER if kind in known}


_ORDER: Final = (
    "DisruptionTarget",
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
)
"""The order in which kubelets write conditions."""


def _any_running(record: PodRecord) -> bool:
    return any(container.running is not None for container in record.containers)


def _completed(record: PodRecord) -> bool:
    if record.restart_policy == "Always":
        return False
    for container in record.mains:  # noqa: SIM110  # all() with a generator costs twice as much
        if container.ended is None or container.exit_code != 0:
            return False
    return True
