"""How fast a kubelet goes: when it tries again what could not be started, and how soon its statuses are seen.

With real ones both are chance, and the plan may say how it falls. Sources: kubernetes pkg/kubelet/pod_workers.go
(``completeWork``: after a sync that failed the next is due in ``wait.Jitter(backOffPeriod, 0.5)``, which is drawn anew
each time: 10 to 15 s), pkg/kubelet/kubelet.go (``syncLoop`` looks once a second what is due: so 11 to 15 whole seconds,
each as likely), pkg/kubelet/status/status_manager.go (one thread reads and patches the pods of a node one after the
other, and writes the newest status of each: those between are never seen). In recorded stories a status came up to
0.2 s after the sync that wrote it, and so before or after the events of that sync.
"""

from __future__ import annotations

import zlib
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.sandbox.kubelet.worker import Worker
from flytekitplugins_podtriage.sandbox.pod_state import Record

SYNC: Final = 12_000
"""From one sync to the next while something cannot be started and the plan does not say, in milliseconds."""
_DRAWN: Final = (11_000, 12_000, 13_000, 14_000, 15_000)


def until_next(worker: Worker, record: Record) -> int:
    """Return how long a pod waits for its next sync after one that could not start everything, in milliseconds."""
    fault = worker.choice.of_kubelet(record, "syncs", worker.clock.now / 1000)
    if fault is None:
        return SYNC
    if fault.lasts is not None:
        return round(fault.lasts * 1000)
    # The same in every run of the same plan.
    return _DRAWN[zlib.crc32(f"{fault.seed}/{record.uid}/{record.sync_token}".encode()) % len(_DRAWN)]


def send(worker: Worker, record: Record, status: wire.PodStatus, now: datetime) -> bool:
    """Write a status, or have it written later if the plan says so; return whether there is anything to write.

    While one waits to be written a newer one takes its place.
    """
    if record.outgoing is not None:
        record.outgoing = status
        return True
    fault = worker.choice.of_kubelet(record, "status", worker.clock.now / 1000)
    if fault is None or not fault.lasts:
        return record.write(status, now)
    record.outgoing = status
    worker.after(round(fault.lasts * 1000), record, partial(_arrives, worker))
    return True


def _arrives(worker: Worker, record: Record) -> None:
    status, record.outgoing = record.outgoing, None
    if status is None or record.cut_off:
        return
    # Conditions of others that came in the meantime stay (mergePodStatus).
    status = msgspec.structs.replace(status, conditions=list(record.conditions.values()))
    record.write(status, worker.clock.second())
