"""The memory of the shared watch for each task, a live pod and its four Events, and for each pod of the guard's.

    python -m benchmarks.watch_memory            the figure
    python -m benchmarks.watch_memory --check    the same, and exit 1 if the goal is missed

Pods and events are processed as in production: a line of the watch is decoded, trimmed and stored. What remains is
measured (``tracemalloc``), and measured again after each pod and event has changed once: the old states must be freed.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

from benchmarks.pods import NOW
from benchmarks.watched import EVENTS as EVENTS_EACH
from benchmarks.watched import line, watched_events, watched_pod
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.kube.informer.pod_entry import Limits
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.watch_events import EVENTS, PODS, Decoder

TASKS = 10_000
GOAL = 8 * 1024
"""Bytes a task."""
GUARD_LABELS = ("execution-id", "node-id")
GUARD_GOAL = 4 * 1024
"""Bytes a pod that the guard watches: most of them run, and of one whose pull fails the failure is the Event."""


def lines(change: int) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield the lines of each pod and its events, after so many changes."""
    for number in range(TASKS):
        pod = watched_pod(number)
        events = watched_events(pod)
        pod["metadata"]["resourceVersion"] += str(change)
        for event in events:
            event["count"] += change
        kind = "MODIFIED" if change else "ADDED"
        yield line(kind, pod), [line(kind, event) for event in events]


def store_lines(store: PodStore, pod: bytes, events: list[bytes], decoder: Decoder[Any] = PODS) -> None:
    """Decode and store a pod and its events."""
    decoded: Any = decoder.line(pod)
    store.put(decoded.object, listed=False)
    for event in events:
        decoded = EVENTS.line(event)
        store.events.put(decoded.object, listed=False)


def guarded(phase: str) -> list[tuple[bytes, list[bytes]]]:
    """Return the lines of stock Flyte's pods as the guard watches them."""
    pods = []
    for number in range(TASKS):
        pod = watched_pod(number)
        metadata = pod["metadata"]
        owner = {"apiVersion": "flyte.lyft.com/v1alpha1", "kind": "FlyteWorkflow", "controller": True}
        metadata["ownerReferences"] = [{**owner, "name": metadata["labels"]["execution-id"], "uid": metadata["uid"]}]
        failure = watched_events(pod)[2]
        if phase == "Running":
            pod["status"]["phase"] = phase
            for container in pod["status"]["containerStatuses"]:
                container["state"] = {"running": {"startedAt": "2026-03-01T11:59:00Z"}}
        pods.append((line("ADDED", pod), [line("ADDED", failure)]))
    return pods


def guard_rows() -> bool:
    """Print the figures of the guard's watch; return whether the goal is missed."""
    decoder: Decoder[Any] = Decoder(OwnedPod)
    missed = False
    for phase in ("Running", "Pending"):
        limits = Limits(events_of_running=False)
        store = PodStore(lambda: NOW, limits, labels=GUARD_LABELS, annotations=("primary_container_name",))
        pods = guarded(phase)
        tracemalloc.start()
        for pod, events in pods:
            store_lines(store, pod, events, decoder)
        gc.collect()
        each = tracemalloc.get_traced_memory()[0] / TASKS
        tracemalloc.stop()
        missed |= each > GUARD_GOAL
        print(
            f"{TASKS} {phase} pods as the guard watches them: {each / 1024:.2f} KB a pod   goal <= "
            f"{GUARD_GOAL / 1024:.0f}   {'ok' if each <= GUARD_GOAL else 'MISSED'}"
        )
    return missed


def main() -> int:
    """Print the figures; return 1 if a goal is missed."""
    missed = guard_rows()
    store = PodStore(lambda: NOW)
    states = [("added", list(lines(0))), ("each changed once", list(lines(1)))]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for state, pods in states:
        spent = 0.0
        for pod, events in pods:
            start = time.perf_counter()
            store_lines(store, pod, events)
            spent += time.perf_counter() - start
        gc.collect()
        each = (tracemalloc.get_traced_memory()[0] - before) / TASKS
        missed |= each > GOAL
        print(
            f"{TASKS} pods with {EVENTS_EACH} events each, {state}: {each / 1024:.2f} KB a task   goal <= "
            f"{GOAL / 1024:.0f}   {'ok' if each <= GOAL else 'MISSED'}   ({spent / TASKS * 1e6:.0f} us a task, traced)"
        )
    return 1 if missed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
