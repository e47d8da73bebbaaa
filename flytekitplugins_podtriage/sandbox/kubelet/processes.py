"""The processes of containers: how they are created and started, and how they end by themselves."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.faults.fault_types import Fault
from flytekitplugins_podtriage.sandbox.kubelet.worker import Worker, random_id
from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd, Container, PodRecord

BODY: Final = 1_000
"""How long a task's body takes in cluster time by default, in milliseconds."""
_INIT: Final = 500
_COPILOT: Final = "flyte-copilot"
"""Prefix of the names of Flyte's own sidecars: they end by themselves after the task (copilot/cmd/sidecar.go)."""
_EXEC_FORMAT: Final = 100
_CREATED: Final = ("command not found", "exec format", "bad mount")
"""The faults of containers that are created, but do not run."""
_START_ERROR: Final = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)
_NO_EXECUTABLE: Final = 'exec: "pyflyte-execute": executable file not found in $PATH: unknown'


def start(worker: Worker, record: PodRecord, container: Container) -> bool:
    """Create a container and start its process; return whether the container was created."""
    fault = worker.injector.start(record, container, worker.clock.now / 1000)
    container.creations += 1
    if fault is not None and not fault.what.startswith(_CREATED):
        _fail_creation(worker, record, container, fault)
        return False
    worker.emit(record, "Created", f"Created container: {container.name}", container.path)
    if fault is not None and fault.what != "exec format":
        message = _START_ERROR + (_bad_mount(fault, record, container) if fault.name else _NO_EXECUTABLE)
        worker.warn(record, "Failed", f"Error: {message}", container.path)
        worker.set_ended(container, BodyEnd(128, message, "StartError"))
        _retry_start(record, container, message)
        return True
    worker.emit(record, "Started", f"Started container {container.name}", container.path)
    container.waiting = None
    container.run += 1
    container.running = wire.State(running=wire.Running(started_at=worker.clock.second))
    if fault is not None:
        # The container runtime does not notice: the kernel refuses what runc starts, and the message is in the log.
        end = BodyEnd(1, "exec /usr/bin/pyflyte-execute: exec format error\n")
        worker.end_after(_EXEC_FORMAT, record, container, end)
    else:
        _run(worker, record, container)
    return True


def _retry_start(record: PodRecord, container: Container, message: str) -> None:
    """Show a container that did not start and is retried as waiting (kubelet_pods.go)."""
    if record.restart_policy == "Never" and not container.native:
        return
    container.not_started = True
    container.last = container.ended
    container.waiting = wire.State(waiting=wire.Waiting(reason="RunContainerError", message=message))


def _bad_mount(fault: Fault, record: PodRecord, container: Container) -> str:
    volume = f"/var/lib/kubelet/pods/{record.uid}/volumes/kubernetes.io~empty-dir/{fault.name}"
    root = f"/run/containerd/io.containerd.runtime.v2.task/k8s.io/{container.name}/rootfs"
    path = f"/usr/bin/env/{fault.name}"
    return (
        f'error during container init: error mounting "{volume}" to rootfs at "{path}": open o_path procfd: '
        f"open {root}{path}: not a directory: unknown"
    )


def _fail_creation(worker: Worker, record: PodRecord, container: Container, fault: Fault) -> None:
    """Fail to create a container: something its definition refers to is missing, or it has no command."""
    reason = "CreateContainerConfigError"
    kind = fault.what.split(" ", 1)[0]
    if kind == "runs":
        owner = f'(pod: "{record.name}_{record.namespace}({record.uid})", container: {container.name})'
        message = f"container has runAsNonRoot and image will run as root {owner}"
    elif kind == "bad":
        message = f'failed to prepare subPath for volumeMount "{fault.name}" of container "{container.name}"'
    elif kind == "key":
        message = f"couldn't find key {fault.name} in Secret {record.namespace}/{record.name}"
    elif fault.name:
        message = f'{kind} "{fault.name}" not found'
    else:
        reason = "CreateContainerError"
        container_id = random_id(f"{record.uid}/{container.name}/{container.creations}")
        message = f'failed to generate container "{container_id}" spec: failed to generate spec: no command specified'
    worker.warn(record, "Failed", f"Error: {message}", container.path)
    container.waiting = wire.State(waiting=wire.Waiting(reason=reason, message=message))


def _run(worker: Worker, record: PodRecord, container: Container) -> None:
    """Run a process: find out when and how it ends by itself, and schedule that."""
    planned, early, container.on_term = _planned(worker, record, container)
    duration = planned
    if duration is None:
        duration = BODY if container.primary else _INIT if container.init and not container.native else None
    end = BodyEnd(0)
    # `exit` replaces the body; everything else that may end it early lets it start.
    if container.primary and worker.body is not None and (early is None or early.what.startswith("oom")):
        end = worker.body(record.manifest, record.attempt)
    if early is not None:
        early_at = (duration or BODY) if early.at is None else round(early.at * 1000)
        # A body without a planned duration lasts at least until its early end.
        if planned is None or early_at <= planned:
            duration = early_at
            worker.injector.occurs(early)
            if early.what.startswith("oom"):
                # If a child is killed, its parent chooses the exit code, which may be 0.
                end = BodyEnd(137 if early.number is None else early.number, reason="OOMKilled")
            else:
                end = BodyEnd(early.number or 0)
    if duration is not None:
        worker.end_after(duration, record, container, end)


def _planned(worker: Worker, record: PodRecord, container: Container) -> tuple[int | None, Fault | None, int | None]:
    """Return how long a process runs, the fault that ends it early, and its exit code on SIGTERM, as planned."""
    duration: int | None = None
    early: Fault | None = None
    on_term: int | None = None
    for fault in worker.injector.of_body(record, container):
        if fault.lasts is not None:
            worker.injector.occurs(fault)
            duration = round(fault.lasts * 1000) if duration is None else duration
        elif fault.what.startswith("term"):
            worker.injector.occurs(fault)
            on_term = fault.number if on_term is None else on_term
        elif early is None:
            early = fault
    return duration, early, on_term


def end_copilot(worker: Worker, record: PodRecord, container: Container) -> None:
    """End Flyte's own sidecars after the task's container."""
    if container.primary:
        for other in record.mains:
            if other.running is not None and other.name.startswith(_COPILOT):
                worker.end_after(BODY, record, other, BodyEnd(0))
