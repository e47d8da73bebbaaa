"""Time from a pod's bytes to the JSON of its verdict, relative to ``json.loads`` of the same bytes in the same run.

    python -m benchmarks.decision            print the table
    python -m benchmarks.decision --check    print it, and exit with 1 if a goal is missed

No two pods are alike (uid, names, tag, digest and times differ), so caches do not help. Each figure is the median over
all rounds of the processor time of one pass over all pods. The passes of the candidates and of the reference alternate,
so that a change of the machine's speed affects all of them.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable

from benchmarks.pods import NOW, rate_limited_pod
from flytekitplugins_podtriage import Policy, diagnose, triage

PODS, ROUNDS = 300, 31
GOALS = {
    ("flyte-1.16", 7): 0.5,
    ("flyte-1.16", 15): 0.5,
    ("flyte-2", 7): 0.5,
    ("flyte-2", 15): 0.5,
    ("podtriage", 7): 1.0,
    ("podtriage", 15): 0.5,
}
"""Highest ratio to json.loads, by policy and size in KB."""


def measure(work: dict[str, Callable[[bytes], object]], pods: list[bytes]) -> dict[str, float]:
    """Return the median processor time of each candidate for one pod, in microseconds."""
    times: dict[str, list[float]] = {name: [] for name in work}
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for name, function in work.items():
                start = time.process_time()
                for pod in pods:
                    function(pod)
                times[name].append((time.process_time() - start) / len(pods) * 1e6)
    finally:
        gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def decide(policy: Policy) -> Callable[[bytes], bytes]:
    """Return the whole decision under a policy: bytes in, JSON of the verdict out."""
    return lambda pod: triage(pod, policy=policy, now=NOW).to_json()


def main() -> int:
    """Print the table; return 1 if a goal is missed."""
    missed = 0
    for kilobytes in (7, 15):
        pods = [rate_limited_pod(number, kilobytes * 1024) for number in range(PODS)]
        work: dict[str, Callable[[bytes], object]] = {"json.loads": json.loads}
        for name in ("flyte-1.16", "flyte-2", "podtriage"):
            work[name] = decide(Policy.for_backend(name))
        result = measure(work, pods)
        reference = result["json.loads"]
        print(
            f"pod of {statistics.mean(map(len, pods)) / 1024:.1f} KB in ImagePullBackOff, {PODS} pods, {ROUNDS} rounds"
        )
        for name, value in result.items():
            goal = GOALS.get((name, kilobytes))
            ratio = value / reference
            verdict = "" if goal is None else f"   goal <= {goal:.1f}   {'ok' if ratio <= goal else 'MISSED'}"
            missed += goal is not None and ratio > goal
            print(f"  {name:12} {value:7.1f} us   {ratio:5.2f} of json.loads{verdict}")
    message = json.loads(rate_limited_pod(1, 7168))["status"]["containerStatuses"][0]["state"]["waiting"]["message"][
        -300:
    ]
    texts = [f"{message[:-6]}{number:06d}".encode() for number in range(PODS)]
    micros = measure({"diagnose": lambda text: diagnose(text.decode())}, texts)["diagnose"]
    print(f"diagnose of 300 characters: {micros:.1f} us   goal <= 20   {'ok' if micros <= 20 else 'MISSED'}")
    missed += micros > 20
    return 1 if missed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
