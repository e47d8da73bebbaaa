"""A pod's status as its kubelet writes it: phase, conditions, containers.

Sources: kubernetes pkg/kubelet/kubelet_pods.go (``getPhase``, ``generateAPIPodStatus``), pkg/kubelet/status/generate.go
(conditions, their reasons and messages), and recorded stories of kubelets 1.31 and 1.34.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.pod_state import Container, Record

_CREATING: Final = wire.State(waiting=wire.Waiting(reason="ContainerCreating"))
_INITIALIZING: Final = wire.State(waiting=wire.Waiting(reason="PodInitializing"))
_NOTHING: Final = wire.State()


def phase(record: Record) -> str:
    """Return the phase that the containers amount to."""
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


def all_run(record: Record) -> bool:
    """Whether all main containers run."""
    for container in record.mains:  # noqa: SIM110  # all() with a generator costs twice as much
        if container.running is None:
            return False
    return True


def initialized(record: Record) -> bool:
    """Whether the main containers may start."""
    return all(container.ready_for_next for container in record.inits)


def publish(record: Record, now: datetime, shown: str, *, forget: bool = False, still: bool = False) -> bool:
    """Write a pod's status; return whether that changed anything.

    Args:
        record: the pod.
        now: the time, without fractions.
        shown: the phase to show.
        still: whether the containers are shown as they were last.
        forget: whether what kept containers waiting is no longer shown (the pod is being deleted).
    """
    default, inits = _CREATING, []
    if record.inits:
        default = _INITIALIZING
        inits = [_shown(item, default, forget, still) for item in record.inits]
    mains = [_shown(item, default, forget, still) for item in record.by_name]
    # Most syncs find all as it was: what the status is made of is compared first.
    made_of = (shown, record.ending, record.rounds > 0, *inits, *mains)
    if record.pod.status is record.published and made_of == record.published_of:
        return False
    ending = record.ending if shown == "Failed" else None
    # Why a container waits shows in no condition; a wait is what mostly changes.
    conditions_of: list[object] = [shown, record.ending, record.rounds > 0]
    for container in record.containers:
        conditions_of += (container.running, container.ended)
    if conditions_of != record.conditions_of:
        _conditions(record, now, shown, ending.disruption if ending else None)
        record.conditions_of = conditions_of
    record.phase = shown
    written = wire.PodStatus(
        phase=shown,
        reason=ending.reason if ending else None,
        message=ending.message if ending else None,
        start_time=record.start_time,
        conditions=list(record.conditions.values()),
        init_container_statuses=inits or None,
        container_statuses=mains,
    )
    changed = record.write(written, now) if record.send is None else record.send(record, written, now)
    record.published, record.published_of = record.status, made_of
    return changed


def api_conditions(record: Record, now: datetime, *, phase: str | None = None) -> bool:
    """Show conditions (and a phase) that another than the kubelet has set."""
    status = record.status
    return record.write(
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


def patched(record: Record, now: datetime, reason: str, message: str) -> None:
    """Show a pod as failed because another than the kubelet says so."""
    status = record.status
    record.write(msgspec.structs.replace(status, phase="Failed", reason=reason, message=message), now)


def rejected(record: Record, now: datetime, reason: str, message: str) -> None:
    """Write the status of a pod that the kubelet did not admit: no conditions, no containers."""
    record.phase = "Failed"
    record.write(wire.PodStatus(phase="Failed", reason=reason, message=message, start_time=record.start_time), now)


def _shown(container: Container, default: wire.State, forget: bool, still: bool) -> wire.ContainerStatus:
    if still and container.shown is not None:
        return container.shown
    ended = None if container.not_started else container.ended
    state = container.running or ended or (None if forget else container.waiting) or default
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


def _conditions(record: Record, now: datetime, shown: str, disruption: wire.Condition | None) -> None:
    known = record.conditions
    if disruption is not None and "DisruptionTarget" not in known:
        known["DisruptionTarget"] = disruption
    over = shown in ("Failed", "Succeeded")
    sandbox = record.rounds > 0 and not over and not (record.ending and not _any_running(record))
    record.condition("PodReadyToStartContainers", "True" if sandbox else "False", now)
    completed = shown == "Succeeded" or _completed(record)
    waiting = [item.name for item in record.inits if not (item.ready_for_next or item.ended)] if record.inits else ()
    if completed:
        record.condition("Initialized", "True", now, "PodCompleted")
    elif waiting:
        said = f"containers with incomplete status: [{' '.join(waiting)}]"
        record.condition("Initialized", "False", now, "ContainersNotInitialized", said)
    else:
        record.condition("Initialized", "True", now)
    unready = [item.name for item in record.mains if item.running is None]
    if not unready and not over:
        status, reason, said_of = "True", None, None
    elif completed:
        status, reason, said_of = "False", "PodCompleted", None
    elif over or phase(record) == "Failed":
        status, reason, said_of = "False", "PodFailed", None
    else:
        status, reason, said_of = (
            "False",
            "ContainersNotReady",
            f"containers with unready status: [{' '.join(unready)}]",
        )
    record.condition("Ready", status, now, reason, said_of)
    record.condition("ContainersReady", status, now, reason, said_of)
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
"""The order in which a kubelet writes them."""


def _any_running(record: Record) -> bool:
    return any(container.running is not None for container in record.containers)


def _completed(record: Record) -> bool:
    if record.restart_policy == "Always":
        return False
    for container in record.mains:  # noqa: SIM110  # all() with a generator costs twice as much
        if container.ended is None or container.exit_code != 0:
            return False
    return True
