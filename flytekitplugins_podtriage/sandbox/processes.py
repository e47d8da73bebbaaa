"""The processes of the sandbox's containers: how they are created and started, and how they end by themselves."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.faults import Fault
from flytekitplugins_podtriage.sandbox.pods import BodyEnd, Container, Record

if TYPE_CHECKING:
    from flytekitplugins_podtriage.sandbox.node import Kubelet

BODY: Final = 1_000
"""How long a task's body takes in cluster time if the plan says nothing, in milliseconds."""
_INIT: Final = 500
_COPILOT: Final = "flyte-copilot"
"""Beginning of the names of Flyte's own sidecars: they end by themselves when the task has (copilot/cmd/sidecar.go)."""
_NOT_FOUND: Final = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    'unable to start container process: exec: "pyflyte-execute": executable file not found in $PATH: unknown'
)


def start(kubelet: Kubelet, record: Record, container: Container) -> bool:
    """Create a container and start its process; return whether anything came of it."""
    fault = kubelet.choice.start(record, container, kubelet.clock.now / 1000)
    container.creations += 1
    if fault is not None and fault.what != "command not found":
        _not_created(kubelet, record, container, fault)
        return False
    kubelet.say(record, "Created", f"Created container: {container.name}", container.path)
    if fault is not None:
        kubelet.say(record, "Failed", f"Error: {_NOT_FOUND}", container.path, warning=True)
        kubelet.ended(container, BodyEnd(128, _NOT_FOUND, "StartError"))
        return True
    kubelet.say(record, "Started", f"Started container {container.name}", container.path)
    container.waiting = None
    container.run += 1
    container.running = wire.State(running=wire.Running(started_at=kubelet.clock.second()))
    _run(kubelet, record, container)
    return True


def _not_created(kubelet: Kubelet, record: Record, container: Container, fault: Fault) -> None:
    """A container that cannot be created: what its definition refers to is not there, or it has no command."""
    if fault.name:
        kind = fault.what.split(" ", 1)[0]
        reason, said = "CreateContainerConfigError", f'{kind} "{fault.name}" not found'
    else:
        # A new id at each try, as runtimes give one; made from what is the same in every run.
        tried = f"{record.uid}/{container.name}/{container.creations}"
        made = "".join(f"{zlib.crc32(f'{tried}/{part}'.encode()):08x}" for part in range(8))
        reason = "CreateContainerError"
        said = f'failed to generate container "{made}" spec: failed to generate spec: no command specified'
    kubelet.say(record, "Failed", f"Error: {said}", container.path, warning=True)
    container.waiting = wire.State(waiting=wire.Waiting(reason=reason, message=said))


def _run(kubelet: Kubelet, record: Record, container: Container) -> None:
    """Let a process run: find out when and how it ends by itself, and plan that."""
    planned, early, container.on_term = _planned(kubelet, record, container)
    lasts = planned
    if lasts is None:
        lasts = BODY if container.primary else _INIT if container.init and not container.native else None
    end = BodyEnd(0)
    # `exit` stands in for the body; all else that may end it early lets it begin.
    if container.primary and kubelet.body is not None and (early is None or early.what == "oom"):
        end = kubelet.body(record.manifest, record.attempt)
    if early is not None:
        moment = (lasts or BODY) if early.at is None else round(early.at * 1000)
        # A body that is not said to be shorter lives to meet its end.
        if planned is None or moment <= planned:
            lasts = moment
            end = BodyEnd(137, reason="OOMKilled") if early.what == "oom" else BodyEnd(early.number or 0)
    if lasts is not None:
        kubelet.end_after(lasts, record, container, end.exit_code, end)


def _planned(kubelet: Kubelet, record: Record, container: Container) -> tuple[int | None, Fault | None, int | None]:
    """Return how long a process is to run, what ends it early, and its exit code on SIGTERM if it heeds that."""
    lasts: int | None = None
    early: Fault | None = None
    on_term: int | None = None
    for fault in kubelet.choice.of_body(record, container):
        if fault.lasts is not None:
            lasts = round(fault.lasts * 1000) if lasts is None else lasts
        elif fault.what.startswith("term"):
            on_term = fault.number if on_term is None else on_term
        elif early is None:
            early = fault
    return lasts, early, on_term


def follow(kubelet: Kubelet, record: Record, container: Container) -> None:
    """Have Flyte's own sidecars end after the task's container has."""
    if container.primary:
        for other in record.mains:
            if other.running is not None and other.name.startswith(_COPILOT):
                kubelet.end_after(BODY, record, other, 0)
