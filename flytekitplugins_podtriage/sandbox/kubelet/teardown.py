"""How pods end: in their own time, by deletion, by eviction and preemption, and with their nodes.

Sources: kubernetes pkg/kubelet/pod_workers.go, pkg/kubelet/eviction, pkg/kubelet/nodeshutdown, pkg/controller/podgc,
pkg/controller/tainteviction, pkg/scheduler/framework/preemption; the order and the times are those of recorded stories.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.kubelet import pod_status
from flytekitplugins_podtriage.sandbox.kubelet.worker import Worker
from flytekitplugins_podtriage.sandbox.pod_state import Container, Ending, Record

LEAST_GRACE: Final = 2
"""What a kubelet gives a process that is to end at once, in seconds (``minimumGracePeriodInSeconds``)."""
_POLITE: Final = 1_000
"""How long a process takes to end that heeds SIGTERM, in milliseconds."""
_TOLD: Final = 20
_FORGOTTEN: Final = 100
_FINISHED: Final = 1_100
"""Until a pod whose containers have all ended is shown as ended."""
_LOST: Final = 400
_REMOVED: Final = 600
_SAID_AGAIN: Final = 900
_CORRECTED: Final = 2_000
"""Until a kubelet writes its own status over another client's (1 to 4 s)."""
_PATCHED: Final = "podtriage: the registry refuses the image for a rate limit (429)"
_LOST_MESSAGE: Final = "The container could not be located when the pod was terminated"


def delete(worker: Worker, record: Record, grace: int) -> None:
    """Delete a pod as the API server does, and have the kubelet tear it down; the grace is in seconds."""
    first = not record.deleting
    failed = record.status.phase == "Failed"
    # There is nothing to be graceful about (kubernetes pkg/registry/core/pod/strategy.go, CheckGracefulDelete).
    grace = 0 if failed or not record.spec.node_name else grace
    record.delete(worker.clock.second(), grace)
    if first and failed and not record.over:
        record.failed_by_another = record.status
    if record.replayed:
        record.gone = True
    elif record.over or not record.spec.node_name or (grace == 0 and not record.finalizers):
        remove(record)
    elif first:
        worker.after(_TOLD, record, partial(tear_down_deleted, worker))


def remove(record: Record) -> None:
    """Take the object away, unless a finalizer keeps it."""
    record.removed = True
    if not record.finalizers:
        record.gone = True
        record.version += 1


def release(record: Record) -> None:
    """Take the finalizers off."""
    record.finalizers = False
    if record.removed:
        remove(record)


def patch(worker: Worker, record: Record) -> None:
    """Fail a pod as another client than its kubelet does; unless it is deleted, the kubelet corrects that."""
    if record.over:
        return
    pod_status.patched(record, worker.clock.second(), "Terminated", _PATCHED)
    worker.after(_CORRECTED, record, partial(_correct, worker))


def _correct(worker: Worker, record: Record) -> None:
    if not record.deleting and not record.over and not record.cut_off:
        pod_status.publish(record, worker.clock.second(), record.phase, still=True)


def tear_down_deleted(worker: Worker, record: Record) -> None:
    """Begin to tear down a pod that is being deleted, if its kubelet hears of it and has not begun."""
    if record.cut_off or record.over or record.ending is not None:
        return
    record.ending = Ending()
    tear_down(worker, record)


def end(worker: Worker, record: Record, ending: Ending, grace: int) -> None:
    """End a pod as the kubelet does of its own accord: its status says why. The grace is in seconds."""
    if record.over or record.ending is not None or record.cut_off or not record.spec.node_name:
        return
    record.ending = ending
    record.grace = min(record.grace, grace)
    tear_down(worker, record)


def tear_down(worker: Worker, record: Record) -> None:
    """Stop what runs. A pull is not cut short: what it was for is started all the same, and stopped then."""
    if record.busy:
        return
    running = [container for container in record.containers if container.running is not None]
    asked = record.metadata.deletion_grace_period_seconds
    grace = max(LEAST_GRACE, record.grace if asked is None else asked)
    for container in running:
        terminate(worker, record, container, grace)
    if running:
        return
    if record.failed_by_another is not None:
        worker.after(_LOST, record, partial(_fail_without_cause, worker))
    elif record.ending is not None and record.ending.reason is not None:
        pod_status.publish(record, worker.clock.second(), "Failed", still=True)
        worker.after(_LOST, record, partial(finish, worker))
    else:
        worker.after(_FORGOTTEN, record, partial(_forget, worker))
        worker.after(_FINISHED, record, partial(finish, worker))


def terminate(worker: Worker, record: Record, container: Container, grace: int) -> None:
    """Send a container SIGTERM, and SIGKILL when the grace is over, in seconds."""
    worker.say(record, "Killing", f"Stopping container {container.name}", container.path)
    delay, code = grace * 1000, 137
    heeded = 0 if container.native else container.on_term
    if heeded is not None and delay > _POLITE:
        delay, code = _POLITE, heeded
    worker.end_after(delay, record, container, code)


def stopped(worker: Worker, record: Record) -> None:
    """Go on once everything has ended that was to be stopped."""
    if record.phase == "Pending":
        # It was never shown as running: the kubelet shows the end of its containers before its own.
        pod_status.publish(record, worker.clock.second(), record.phase)
        worker.after(_FINISHED, record, partial(finish, worker))
    else:
        worker.after(_TOLD, record, partial(finish, worker))


def wind_down(worker: Worker, record: Record) -> None:
    """End a pod whose containers have ended; sidecars among its init containers are stopped first."""
    left = [container for container in record.inits if container.running is not None]
    if not left:
        worker.after(_FINISHED, record, partial(finish, worker))
    elif not record.winding:
        record.winding = True
        for container in left:
            terminate(worker, record, container, record.grace)


def finish(worker: Worker, record: Record) -> None:
    """Show a pod as ended; if it is being deleted, take it away."""
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
        shown = "Failed"
    else:
        well = all(container.exit_code == 0 for container in record.mains)
        shown = "Succeeded" if well else "Failed"
    pod_status.publish(record, worker.clock.second(), shown)
    if record.deleting:
        worker.after(_REMOVED, record, remove)


def _fail_without_cause(worker: Worker, record: Record) -> None:
    """Show a pod that another client has failed without that client's words, as kubelets do for a moment."""
    pod_status.publish(record, worker.clock.second(), "Failed", forget=True)
    worker.after(_SAID_AGAIN, record, partial(_fail_with_cause, worker))


def _fail_with_cause(worker: Worker, record: Record) -> None:
    found = record.failed_by_another
    assert found is not None  # whoever comes here has it
    record.ending = Ending(found.reason, found.message)
    pod_status.publish(record, worker.clock.second(), "Failed", forget=True)
    worker.after(_FORGOTTEN, record, partial(finish, worker))


def _forget(worker: Worker, record: Record) -> None:
    """Show a deleted pod that waits without its cause, as kubelets do for a moment."""
    pod_status.publish(record, worker.clock.second(), record.phase, forget=True)
