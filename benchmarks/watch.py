"""Decoded events of a watch a second, against ``json.loads`` of the same lines in the same run.

    python -m benchmarks.watch            the table
    python -m benchmarks.watch --check    the same, and exit 1 if the goal is missed

All lines differ. Each figure is the median over rounds of a pass over all lines; the passes alternate, so that a change
of the machine's speed affects all of them. The last row is the whole way: decoded, trimmed and stored, with the
memory of the pod updated.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable

from benchmarks.pods import NOW
from benchmarks.watch_memory import store_lines
from benchmarks.watched import line, watched_events, watched_pod
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.watch_events import EVENTS, PODS

PODS_EACH, ROUNDS = 300, 21
GOAL = 0.3
"""Largest ratio of the time to decode to that of ``json.loads``."""


def measure(work: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the median time of a pass of each piece of work, in seconds."""
    times: dict[str, list[float]] = {name: [] for name in work}
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for name, function in work.items():
                start = time.perf_counter()
                function()
                times[name].append(time.perf_counter() - start)
    finally:
        gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> int:
    """Print the table; return 1 if the goal is missed."""
    pods = [watched_pod(number) for number in range(PODS_EACH)]
    lines = [(line("MODIFIED", pod), [line("MODIFIED", event) for event in watched_events(pod)]) for pod in pods]
    pod_lines, event_lines = [pod for pod, _ in lines], [event for _, events in lines for event in events]

    def loads() -> None:
        for each in pod_lines:
            json.loads(each)
        for each in event_lines:
            json.loads(each)

    def decode() -> None:
        for each in pod_lines:
            PODS.line(each)
        for each in event_lines:
            EVENTS.line(each)

    def whole() -> None:
        store = PodStore(lambda: NOW)
        for pod, events in lines:
            store_lines(store, pod, events)

    count = len(pod_lines) + len(event_lines)
    size = sum(map(len, pod_lines + event_lines))
    print(f"{count} lines, one pod to four events, {size / count / 1024:.1f} KB on average, {ROUNDS} rounds")
    result = measure({"json.loads": loads, "decoded": decode, "stored": whole})
    for name, seconds in result.items():
        ratio = seconds / result["json.loads"]
        goal = f"   goal <= {GOAL}   {'ok' if ratio <= GOAL else 'MISSED'}" if name == "decoded" else ""
        print(f"  {name:10} {count / seconds:9,.0f} a second   {ratio:5.2f} of json.loads' time{goal}")
    return 1 if result["decoded"] / result["json.loads"] > GOAL and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
