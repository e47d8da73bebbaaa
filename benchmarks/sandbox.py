"""The cost of an attempt in the embedded sandbox without the task's body, and whether all runs are identical.

    python -m benchmarks.sandbox            the table
    python -m benchmarks.sandbox --check    the same, and exit 1 if a goal is missed

A task of 1,001 attempts: each is in image pull back-off for three minutes and then runs its body, a no-op in this
process, which fails and is retried. Then the same without a body, since the pull never succeeds; both on all backends.
The time of the bodies is subtracted. Of each attempt the fastest round counts, so that other load on the machine does
not matter.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from flytekitplugins_podtriage import Policy
from flytekitplugins_podtriage.core.accounting import Failure, Limits
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.local.attempts import run_task
from flytekitplugins_podtriage.local.backends import BACKENDS, backend
from flytekitplugins_podtriage.report.as_json import runs_json
from flytekitplugins_podtriage.sandbox.cluster import BodyEnd, SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan

ATTEMPTS, ROUNDS = 1001, 5
GOAL = 1.0
"""Milliseconds per attempt, without its body."""
PLANS = {
    "429 for three minutes of back-off, then the body": "every attempt pull: 429 x4",
    "429 until the backend gives up": "pull: 429",
}
_POD = {
    "metadata": {"name": "f3a91c-n0", "annotations": {"primary_container_name": "primary"}},
    "spec": {"restartPolicy": "Never", "containers": [{"name": "primary", "image": "docker.io/acme/app:1"}]},
}
_AGAIN = Failure(ErrorKind.USER, "USER:Recoverable", "try me again")


class _Body:
    """A body that does nothing, and measures itself."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.calls = 0
        self.stamps: list[float] = []
        """When each attempt started, without the time of bodies."""

    def pod(self, attempt: int) -> Mapping[str, Any]:
        """Return the manifest of an attempt."""
        self.stamps.append(time.perf_counter() - self.seconds)
        return _POD

    def __call__(self, manifest: Mapping[str, Any], attempt: int | None) -> BodyEnd:
        """Run it."""
        began = time.perf_counter()
        end = BodyEnd(0)
        self.calls += 1
        self.seconds += time.perf_counter() - began
        return end


def attempts(plan: str, on: str) -> tuple[TaskRun, list[float], int]:
    """Return a task's run, the duration of each attempt without its body in milliseconds, and the number of bodies."""
    body = _Body()
    cluster = SandboxCluster(Plan.parse(plan), body=body)
    coroutine = run_task(
        cluster,
        body.pod,
        task="app.train",
        namespace="flytesnacks-development",
        backend=backend(on, Policy()),
        limits=Limits(retries=ATTEMPTS - 1),
        policy=Policy(),
        read_error=lambda _: _AGAIN,
    )
    run = asyncio.run(coroutine)
    body.pod(-1)
    return run, [(later - earlier) * 1e3 for earlier, later in pairwise(body.stamps)], body.calls


def main() -> int:
    """Print the table; return 1 if a goal is missed."""
    missed = False
    for title, plan in PLANS.items():
        print(title)
        for on in BACKENDS:
            rounds = [attempts(plan, on) for _ in range(ROUNDS)]
            run, _, bodies = rounds[0]
            cost = statistics.mean(map(min, zip(*(costs for _, costs, _ in rounds), strict=True)))
            identical = len({runs_json([(one, ())]) for one, _, _ in rounds}) == 1
            good = cost <= GOAL and identical
            missed |= not good
            print(
                f"  {on:10} {len(run.attempts):5} attempts of {run.attempts[0].duration}, {bodies:5} bodies   "
                f"{cost:6.3f} ms an attempt   "
                f"goal <= {GOAL:.0f}   identical {ROUNDS} times: {'yes' if identical else 'NO'}   "
                f"{'ok' if good else 'MISSED'}"
            )
    return 1 if missed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
