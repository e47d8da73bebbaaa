"""What a pod needs before its first container: its volumes, and its sandbox.

Sources: kubernetes pkg/kubelet/kubelet.go (``SyncPod`` waits for the volumes first), pkg/volume/util/operationexecutor
and pkg/util/goroutinemap/exponentialbackoff (half a second, doubling), pkg/kubelet/kuberuntime/kuberuntime_manager.go
(``createPodSandbox``); the messages are recorded ones. Only the events name a failure: in the pod's status its
containers merely wait.
"""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.sandbox.faults.fault_types import Fault
from flytekitplugins_podtriage.sandbox.kubelet import timing
from flytekitplugins_podtriage.sandbox.kubelet.worker import Worker, random_id
from flytekitplugins_podtriage.sandbox.pod_state import PodRecord

_MOUNT: Final = 500
_MOUNT_MAX: Final = 122_000
"""``initialDurationBeforeRetry`` and ``maxDurationBeforeRetry``, in milliseconds."""


def prepare(worker: Worker, record: PodRecord) -> int | None:
    """Mount a pod's volumes and create its sandbox; return None, or the delay until the next try in milliseconds."""
    now = worker.clock.now / 1000
    fault = worker.injector.volume(record, now, claim=False)
    if fault is not None:
        message = f'MountVolume.SetUp failed for volume "{fault.name}" : {_mount_error(fault)}'
        worker.warn(record, "FailedMount", message)
        record.mounts += 1
        return min(_MOUNT << min(record.mounts - 1, 20), _MOUNT_MAX)
    fault = worker.injector.sandbox(record, now)
    if fault is not None:
        message = f"Failed to create pod sandbox: rpc error: code = Unknown desc = {_sandbox_error(fault, record)}"
        worker.warn(record, "FailedCreatePodSandBox", message)
        return timing.next_sync(worker, record)
    record.prepared = True
    return None


def _mount_error(fault: Fault) -> str:
    kind = fault.what.split(" ", 1)[0]
    if kind == "key":
        return f"references non-existent secret key: {fault.name}"
    return f'{kind} "{fault.name}" not found'


def _sandbox_error(fault: Fault, record: PodRecord) -> str:
    if fault.name:
        return f'failed to get sandbox runtime: no runtime for "{fault.name}" is configured'
    return (
        f'failed to setup network for sandbox "{random_id(f"{record.uid}/{record.sync_token}")}": plugin type="bridge" '
        "failed (add): failed to allocate for range 0: no IP addresses available in range set: 10.244.0.2-10.244.0.254"
    )
