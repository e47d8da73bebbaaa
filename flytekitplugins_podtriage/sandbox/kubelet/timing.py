"""How fast a kubelet goes: when it retries what could not be started, and how soon its statuses become visible.

Real kubelets leave both to chance; a plan may fix them. Sources: kubernetes pkg/kubelet/pod_workers.go
(``completeWork``: after a failed sync the next is due in ``wait.Jitter(backOffPeriod, 0.5)``, drawn anew each time: 10
to 15 s), pkg/kubelet/kubelet.go (``syncLoop`` checks once a second what is due: hence 11 to 15 whole seconds, all
equally likely), pkg/kubelet/status/status_manager.go (one thread reads and patches the pods of a node one after
another, and writes the newest status of each: the ones in between are never seen). In recordings a status appeared up
to 0.2 s after the sync that wrote it, and thus before or after the events of that sync.
"""

from __future__ import annotations

import zlib
from datetime import datetime
from functools import partial
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.kubelet.worker import Worker
from flytekitplugins_podtriage.sandbox.pod_state import PodRecord

SYNC: Final = 12_000
"""The interval of syncs while something cannot be started, unless the plan says otherwise, in milliseconds."""
_DRAWN: Final = (11_000, 12_000, 13_000, 14_000, 15_000)


def next_sync(worker: Worker, record: PodRecord) -> int:
    """Return the delay until the sync after one that could not start everything, in milliseconds."""
    fault = worker.injector.of_kubelet(record, "syncs", worker.clock.now / 1000)
    if fault is None:
        return SYNC
    if fault.lasts is not None:
        return round(fault.lasts * 1000)
    # The same in every run of the same plan.
    return _DRAWN[zlib.crc32(f"{fault.seed}/{record.uid}/{record.sync_token}".encode()) % len(_DRAWN)]


def send(worker: Worker, record: PodRecord, status: wire.PodStatus, now: datetime) -> None:
    """Write a status, late if the plan says so.

    A newer status replaces one that has not been written yet.
    """
    if record.outgoing is not None:
        record.outgoing = status
        return
    fault = worker.injector.of_kubelet(record, "status", worker.clock.now / 1000)
    if fault is None or not fault.lasts:
        record.write(status, now)
        return
    record.outgoing = status
    worker.after(round(fault.lasts * 1000), record, partial(_write_outgoing, worker))


def _write_outgoing(worker: Worker, record: PodRecord) -> None:
    status, record.outgoing = record.outgoing, None
    if status is None or record.cut_off:
        return
    # Conditions that others have set in the meantime stay (mergePodStatus).
    status = wire.evolve(status, conditions=list(record.conditions.values()))
    record.write(status, worker.clock.second)
