"""The processes of the sandbox's containers: how they are created and started, and how they end by themselves."""

from __future__ import annotations

import zlib
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.faults.grammar import Fault
from flytekitplugins_podtriage.sandbox.kubelet.worker import Worker
from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd, Container, Record

BODY: Final = 1_000
"""How long a task's body takes in cluster time if the plan says nothing, in milliseconds."""
_INIT: Final = 500
_COPILOT: Final = "flyte-copilot"
"""Beginning of the names of Flyte's own sidecars: they end by themselves when the task has (copilot/cmd/sidecar.go)."""
_AT_ONCE: Final = 100
_CREATED: Final = ("command not found", "exec format", "bad mount")
"""What keeps a container from running that could be created."""
_NOT_STARTED: Final = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)
_NOT_FOUND: Final = 'exec: "pyflyte-execute": executable file not found in $PATH: unknown'


def start(worker: Worker, record: Record, container: Container) -> bool:
    """Create a container and start its process; return whether anything came of it."""
    fault = worker.choice.start(record, container, worker.clock.now / 1000)
    container.creations += 1
    if fault is not None and not fault.what.startswith(_CREATED):
        _not_created(worker, record, container, fault)
        return False
    worker.say(record, "Created", f"Created container: {container.name}", container.path)
    if fault is not None and fault.what != "exec format":
        said = _NOT_STARTED + (_bad_mount(fault, record, container) if fault.name else _NOT_FOUND)
        worker.say(record, "Failed", f"Error: {said}", container.path, warning=True)
        worker.ended(container, BodyEnd(128, said, "StartError"))
        _run_again(record, container, said)
        return True
    worker.say(record, "Started", f"Started container {container.name}", container.path)
    container.waiting = None
    container.run += 1
    container.running = wire.State(running=wire.Running(started_at=worker.clock.second()))
    if fault is not None:
        # No container runtime sees it: what runc starts is told by the kernel, and the log holds the words.
        end = BodyEnd(1, "exec /usr/bin/pyflyte-execute: exec format error\n")
        worker.end_after(_AT_ONCE, record, container, 1, end)
    else:
        _run(worker, record, container)
    return True


def _run_again(record: Record, container: Container, said: str) -> None:
    """Show a container that did not start, and that is to be tried again, as waiting (kubelet_pods.go)."""
    if record.restart_policy == "Never" and not container.native:
        return
    container.not_started = True
    container.last = container.ended
    container.waiting = wire.State(waiting=wire.Waiting(reason="RunContainerError", message=said))


def _bad_mount(fault: Fault, record: Record, container: Container) -> str:
    volume = f"/var/lib/kubelet/pods/{record.uid}/volumes/kubernetes.io~empty-dir/{fault.name}"
    root = f"/run/containerd/io.containerd.runtime.v2.task/k8s.io/{container.name}/rootfs"
    path = f"/usr/bin/env/{fault.name}"
    return (
        f'error during container init: error mounting "{volume}" to rootfs at "{path}": open o_path procfd: '
        f"open {root}{path}: not a directory: unknown"
    )


def _not_created(worker: Worker, record: Record, container: Container, fault: Fault) -> None:
    """A container that cannot be created: what its definition refers to is not there, or it has no command."""
    reason = "CreateContainerConfigError"
    kind = fault.what.split(" ", 1)[0]
    if kind == "runs":
        about = f'(pod: "{record.name}_{record.namespace}({record.uid})", container: {container.name})'
        said = f"container has runAsNonRoot and image will run as root {about}"
    elif kind == "bad":
        said = f'failed to prepare subPath for volumeMount "{fault.name}" of container "{container.name}"'
    elif kind == "key":
        said = f"couldn't find key {fault.name} in Secret {record.namespace}/{record.name}"
    elif fault.name:
        said = f'{kind} "{fault.name}" not found'
    else:
        # A new id at each try, as runtimes give one; made from what is the same in every run.
        tried = f"{record.uid}/{container.name}/{container.creations}"
        made = "".join(f"{zlib.crc32(f'{tried}/{part}'.encode()):08x}" for part in range(8))
        reason = "CreateContainerError"
        said = f'failed to generate container "{made}" spec: failed to generate spec: no command specified'
    worker.say(record, "Failed", f"Error: {said}", container.path, warning=True)
    container.waiting = wire.State(waiting=wire.Waiting(reason=reason, message=said))


def _run(worker: Worker, record: Record, container: Container) -> None:
    """Let a process run: find out when and how it ends by itself, and plan that."""
    planned, early, container.on_term = _planned(worker, record, container)
    lasts = planned
    if lasts is None:
        lasts = BODY if container.primary else _INIT if container.init and not container.native else None
    end = BodyEnd(0)
    # `exit` stands in for the body; all else that may end it early lets it begin.
    if container.primary and worker.body is not None and (early is None or early.what.startswith("oom")):
        end = worker.body(record.manifest, record.attempt)
    if early is not None:
        moment = (lasts or BODY) if early.at is None else round(early.at * 1000)
        # A body that is not said to be shorter lives to meet its end.
        if planned is None or moment <= planned:
            lasts = moment
            if early.what.startswith("oom"):
                # A killed child leaves its parent the choice of the exit code (0 included).
                end = BodyEnd(137 if early.number is None else early.number, reason="OOMKilled")
            else:
                end = BodyEnd(early.number or 0)
    if lasts is not None:
        worker.end_after(lasts, record, container, end.exit_code, end)


def _planned(worker: Worker, record: Record, container: Container) -> tuple[int | None, Fault | None, int | None]:
    """Return how long a process is to run, what ends it early, and its exit code on SIGTERM if it heeds that."""
    lasts: int | None = None
    early: Fault | None = None
    on_term: int | None = None
    for fault in worker.choice.of_body(record, container):
        if fault.lasts is not None:
            lasts = round(fault.lasts * 1000) if lasts is None else lasts
        elif fault.what.startswith("term"):
            on_term = fault.number if on_term is None else on_term
        elif early is None:
            early = fault
    return lasts, early, on_term


def follow(worker: Worker, record: Record, container: Container) -> None:
    """Have Flyte's own sidecars end after the task's container has."""
    if container.primary:
        for other in record.mains:
            if other.running is not None and other.name.startswith(_COPILOT):
                worker.end_after(BODY, record, other, 0)
