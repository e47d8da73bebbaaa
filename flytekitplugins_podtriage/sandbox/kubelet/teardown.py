"""How pods end: by themselves, by deletion, eviction or preemption, and with their nodes.

Sources: kubernetes pkg/kubelet/pod_workers.go, pkg/kubelet/eviction, pkg/kubelet/nodeshutdown, pkg/controller/podgc,
pkg/controller/tainteviction, pkg/scheduler/framework/preemption; the order and the times are recorded ones.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.kubelet import pod_status
from flytekitplugins_podtriage.sandbox.kubelet.worker import Worker
from flytekitplugins_podtriage.sandbox.pod_state import BodyEnd, Container, Ending, PodRecord

_MIN_GRACE: Final = 2
"""The shortest grace period that a kubelet gives a process, in seconds (``minimumGracePeriodInSeconds``)."""

# Delays, in milliseconds.
_ON_TERM: Final = 1_000
"""Until a process ends that handles SIGTERM."""
_NOTICE: Final = 20
"""Until the kubelet reacts to a deletion, or to the end of the last process."""
_CAUSE_DROPPED: Final = 100
"""Until a deleted pod that never ran is shown without the reason for its waiting."""
_FINISHED: Final = 1_100
"""Until a pod whose containers have all ended is shown as ended."""
_FAILED: Final = 400
"""Until a pod that was terminated without a running container is shown as failed."""
_REMOVED: Final = 600
_CAUSE_RESTORED: Final = 900
_CORRECTED: Final = 2_000
"""Until a kubelet overwrites another client's status with its own (1 to 4 s)."""
_PATCHED: Final = "podtriage: the registry refuses the image for a rate limit (429)"
_LOST_MESSAGE: Final = "The container could not be located when the pod was terminated"


def delete(worker: Worker, record: PodRecord, grace: int) -> None:
    """Delete a pod as the API server does, and make the kubelet tear it down; the grace period is in seconds."""
    first = not record.deleting
    failed = record.status.phase == "Failed"
    # Nothing needs a grace period (kubernetes pkg/registry/core/pod/strategy.go, CheckGracefulDelete).
    grace = 0 if failed or not record.spec.node_name else grace
    record.delete(worker.clock.second, grace)
    if first and failed and not record.over:
        record.foreign_status = record.status
    if record.replayed:
        record.gone = True
    elif record.over or not record.spec.node_name or (grace == 0 and not record.finalizers):
        remove(record)
    elif first:
        worker.after(_NOTICE, record, partial(tear_down_deleted, worker))


def remove(record: PodRecord) -> None:
    """Remove the object, unless it has finalizers."""
    record.removed = True
    if not record.finalizers:
        record.gone = True
        record.version += 1


def release(record: PodRecord) -> None:
    """Remove the finalizers, and the object if it was only waiting for that."""
    record.finalizers = False
    if record.removed:
        remove(record)


def patch(worker: Worker, record: PodRecord) -> None:
    """Fail a pod as a client other than its kubelet; unless it is deleted, the kubelet corrects that."""
    if record.over:
        return
    pod_status.publish_patch(record, worker.clock.second, "Terminated", _PATCHED)
    worker.after(_CORRECTED, record, partial(_correct, worker))


def _correct(worker: Worker, record: PodRecord) -> None:
    if not record.deleting and not record.over and not record.cut_off:
        pod_status.publish(record, worker.clock.second, record.phase, keep_containers=True)


def tear_down_deleted(worker: Worker, record: PodRecord) -> None:
    """Start tearing down a pod that is being deleted, if its kubelet is reachable and has not started to."""
    if record.cut_off or record.over or record.ending is not None:
        return
    record.ending = Ending()
    tear_down(worker, record)


def end(worker: Worker, record: PodRecord, ending: Ending, grace: int) -> None:
    """Terminate a pod as the kubelet itself does, with a reason in its status; the grace period is in seconds."""
    if record.over or record.ending is not None or record.cut_off or not record.spec.node_name:
        return
    record.ending = ending
    record.grace = min(record.grace, grace)
    tear_down(worker, record)


def tear_down(worker: Worker, record: PodRecord) -> None:
    """Stop what runs. A pull is not cancelled: its container is still started, and stopped afterwards."""
    if record.busy:
        return
    running = [container for container in record.containers if container.running is not None]
    requested = record.metadata.deletion_grace_period_seconds
    grace = max(_MIN_GRACE, record.grace if requested is None else requested)
    for container in running:
        terminate(worker, record, container, grace)
    if running:
        return
    if record.foreign_status is not None:
        worker.after(_FAILED, record, partial(_fail_without_cause, worker))
    elif record.ending is not None and record.ending.reason is not None:
        pod_status.publish(record, worker.clock.second, "Failed", keep_containers=True)
        worker.after(_FAILED, record, partial(finish, worker))
    else:
        worker.after(_CAUSE_DROPPED, record, partial(_drop_cause, worker))
        worker.after(_FINISHED, record, partial(finish, worker))


def terminate(worker: Worker, record: PodRecord, container: Container, grace: int) -> None:
    """Send a container SIGTERM, and SIGKILL after the grace period in seconds."""
    worker.emit(record, "Killing", f"Stopping container {container.name}", container.path)
    delay, code = grace * 1000, 137
    on_term = 0 if container.native else container.on_term
    if on_term is not None and delay > _ON_TERM:
        delay, code = _ON_TERM, on_term
    worker.end_after(delay, record, container, BodyEnd(code))


def stopped(worker: Worker, record: PodRecord) -> None:
    """Continue after everything that was being stopped has ended."""
    if record.phase == "Pending":
        # It was never shown as running: the kubelet shows the end of its containers first.
        pod_status.publish(record, worker.clock.second, record.phase)
        worker.after(_FINISHED, record, partial(finish, worker))
    else:
        worker.after(_NOTICE, record, partial(finish, worker))


def wind_down(worker: Worker, record: PodRecord) -> None:
    """End a pod whose containers have ended, after stopping its native sidecars."""
    sidecars = [container for container in record.inits if container.running is not None]
    if not sidecars:
        worker.after(_FINISHED, record, partial(finish, worker))
    elif not record.stopping_sidecars:
        record.stopping_sidecars = True
        for container in sidecars:
            terminate(worker, record, container, record.grace)


def finish(worker: Worker, record: PodRecord) -> None:
    """Show a pod as ended; if it is being deleted, remove it."""
    if record.over or record.cut_off:
        return
    record.over = True
    if record.ending is not None:
        for container in record.containers:
            if container.ended is None:
                container.ended = wire.State(
                    terminated=wire.Terminated(exit_code=137, reason="ContainerStatusUnknown", message=_LOST_MESSAGE)
                )
    if record.ending is not None and record.ending.reason is not None:
        phase = "Failed"
    else:
        succeeded = all(container.exit_code == 0 for container in record.mains)
        phase = "Succeeded" if succeeded else "Failed"
    pod_status.publish(record, worker.clock.second, phase)
    if record.deleting:
        worker.after(_REMOVED, record, remove)


def _fail_without_cause(worker: Worker, record: PodRecord) -> None:
    """Show a pod that another client has failed without that client's reason, as kubelets briefly do."""
    pod_status.publish(record, worker.clock.second, "Failed", drop_causes=True)
    worker.after(_CAUSE_RESTORED, record, partial(_fail_with_cause, worker))


def _fail_with_cause(worker: Worker, record: PodRecord) -> None:
    status = record.foreign_status
    assert status is not None  # tear_down has checked it
    record.ending = Ending(status.reason, status.message)
    pod_status.publish(record, worker.clock.second, "Failed", drop_causes=True)
    worker.after(_CAUSE_DROPPED, record, partial(finish, worker))


def _drop_cause(worker: Worker, record: PodRecord) -> None:
    """Show a deleted pod that waits without the cause, as kubelets briefly do."""
    pod_status.publish(record, worker.clock.second, record.phase, drop_causes=True)
