"""What a pod needs before its first container: its volumes, and its sandbox.

Sources: kubernetes pkg/kubelet/kubelet.go (``SyncPod`` waits for the volumes first), pkg/volume/util/operationexecutor
and pkg/util/goroutinemap/exponentialbackoff (half a second, doubling), pkg/kubelet/kuberuntime/kuberuntime_manager.go
(``createPodSandbox``); the texts are those of recorded stories. Nothing of it shows in the pod's status but that its
containers wait: the events alone tell.
"""

from __future__ import annotations

import zlib
from typing import Final

from flytekitplugins_podtriage.sandbox.faults.grammar import Fault
from flytekitplugins_podtriage.sandbox.kubelet import timing
from flytekitplugins_podtriage.sandbox.kubelet.worker import Worker
from flytekitplugins_podtriage.sandbox.pod_state import Record

_MOUNT: Final = 500
_MOUNT_MAX: Final = 122_000
"""``initialDurationBeforeRetry`` and ``maxDurationBeforeRetry``, in milliseconds."""


def prepare(worker: Worker, record: Record) -> int | None:
    """Mount a pod's volumes and create its sandbox; return None, or when to try again, in milliseconds."""
    now = worker.clock.now / 1000
    missing = worker.choice.volume(record, now, claim=False)
    if missing is not None:
        said = f'MountVolume.SetUp failed for volume "{missing.name}" : {_missing(missing)}'
        worker.say(record, "FailedMount", said, warning=True)
        record.mounts += 1
        return min(_MOUNT << min(record.mounts - 1, 20), _MOUNT_MAX)
    fault = worker.choice.sandbox(record, now)
    if fault is not None:
        said = f"Failed to create pod sandbox: rpc error: code = Unknown desc = {_refused(fault, record)}"
        worker.say(record, "FailedCreatePodSandBox", said, warning=True)
        return timing.until_next(worker, record)
    record.prepared = True
    return None


def _missing(fault: Fault) -> str:
    kind = fault.what.split(" ", 1)[0]
    if kind == "key":
        return f"references non-existent secret key: {fault.name}"
    return f'{kind} "{fault.name}" not found'


def _refused(fault: Fault, record: Record) -> str:
    if fault.name:
        return f'failed to get sandbox runtime: no runtime for "{fault.name}" is configured'
    # A new id at each try, as runtimes give one; made from what is the same in every run.
    tried = f"{record.uid}/{record.sync_token}"
    made = "".join(f"{zlib.crc32(f'{tried}/{part}'.encode()):08x}" for part in range(8))
    return (
        f'failed to setup network for sandbox "{made}": plugin type="bridge" failed (add): failed to allocate for '
        "range 0: no IP addresses available in range set: 10.244.0.2-10.244.0.254"
    )
