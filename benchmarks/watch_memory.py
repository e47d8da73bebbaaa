"""What the shared watch keeps in memory for each task: a live pod and its four Events.

    python -m benchmarks.watch_memory            the figure
    python -m benchmarks.watch_memory --check    the same, and exit 1 if the goal is missed

Pods and events go the way that they go in earnest: a line of the watch is decoded, trimmed and taken in. What is
measured is what is left of that (``tracemalloc``), and once more after each pod and event has changed once: what was
replaced must not be kept.
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
    """Yield the lines of each pod and of its events, in one of their states."""
    for number in range(TASKS):
        pod = watched_pod(number)
        events = watched_events(pod)
        pod["metadata"]["resourceVersion"] += str(change)
        for event in events:
            event["count"] += change
        what = "MODIFIED" if change else "ADDED"
        yield line(what, pod), [line(what, event) for event in events]


def take_in(cache: PodStore, pod: bytes, events: list[bytes]) -> None:
    """Have a cache take in a pod and its events."""
    told: Any = PODS.line(pod)
    cache.put(told.object, listed=False)
    for event in events:
        said: Any = EVENTS.line(event)
        cache.events.put(said.object, listed=False)


def main() -> int:
    """Print the figures; return 1 if the goal is missed."""
    cache = PodStore(lambda: NOW)
    missed = False
    states = [("as they came", list(lines(0))), ("after a change of each", list(lines(1)))]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for when, given in states:
        spent = 0.0
        for pod, events in given:
            start = time.perf_counter()
            take_in(cache, pod, events)
            spent += time.perf_counter() - start
        gc.collect()
        each = (tracemalloc.get_traced_memory()[0] - before) / TASKS
        missed |= each > GOAL
        print(
            f"{TASKS} pods with {EVENTS_EACH} events each, {when}: {each / 1024:.2f} KB a task   goal <= "
            f"{GOAL / 1024:.0f}   {'ok' if each <= GOAL else 'MISSED'}   ({spent / TASKS * 1e6:.0f} us a task, traced)"
        )
    return 1 if missed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
