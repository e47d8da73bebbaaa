"""The memory of the shared watch for each task: a live pod and its four Events.

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
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.watch_events import EVENTS, PODS

TASKS = 10_000
GOAL = 8 * 1024
"""Bytes a task."""


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


def store_lines(store: PodStore, pod: bytes, events: list[bytes]) -> None:
    """Decode and store a pod and its events."""
    decoded: Any = PODS.line(pod)
    store.put(decoded.object, listed=False)
    for event in events:
        decoded = EVENTS.line(event)
        store.events.put(decoded.object, listed=False)


def main() -> int:
    """Print the figures; return 1 if the goal is missed."""
    store = PodStore(lambda: NOW)
    missed = False
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
