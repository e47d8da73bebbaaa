"""Many calls of the connector's ``create`` at a time, without gRPC: how long each takes until its reply.

    python -m benchmarks.connector_creates            the figures
    python -m benchmarks.connector_creates --check    the same, and exit 1 if a goal is missed

Each call to the object store takes 5 ms, each to the API server 10 ms; in the end the API server hangs. That many calls
are in flight all the time: the next one begins when one has been replied to.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import statistics
import sys
import time
from datetime import datetime, timezone
from typing import Any

from flytekit.models.task import TaskExecutionMetadata, TaskTemplate

import benchmarks.slow_store  # noqa: F401  # the object store
from benchmarks.connector_load import creation
from flytekitplugins_podtriage.connector.service import PodTriageConnector

CALLS, IN_FLIGHT = 1_000, (1, 4, 32, 200)
MEDIAN, NEARLY_ALL, ALL = 0.060, 0.300, 1.0
"""The goals with the most in flight: the median, 99 % of the calls, and all while the API server hangs, in seconds."""


_numbers = itertools.count()


class Cluster:
    """An API server that creates pods only; see :class:`~flytekitplugins_podtriage.core.pod_cluster.PodCluster`."""

    hangs = False
    created = 0

    def now(self) -> datetime:
        """Return the time."""
        return datetime.now(timezone.utc)

    async def create(self, namespace: str, pod: Any) -> str:
        """Create a pod, or hang."""
        await asyncio.sleep(3600 if self.hangs else 0.01)
        Cluster.created += 1
        return "uid"


async def measure(connector: PodTriageConnector, in_flight: int, calls: int) -> list[float]:
    """Make calls; return how long each took, in order of length."""
    requests = [creation("podtriage", f"f{number:06d}") for number in itertools.islice(_numbers, calls)]
    arguments = [
        {
            "task_template": TaskTemplate.from_flyte_idl(request.template),
            "output_prefix": request.output_prefix,
            "task_execution_metadata": TaskExecutionMetadata.from_flyte_idl(request.task_execution_metadata),
        }
        for request in requests
    ]
    took: list[float] = []
    before = Cluster.created
    left = iter(arguments)

    async def caller() -> None:
        for each in left:
            began = time.perf_counter()
            await connector.create(**each)
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(caller() for _ in range(in_flight)))
    while Cluster.created < before + calls and not Cluster.hangs:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    return sorted(took)


async def figures() -> tuple[float, float, float]:
    """Print the figures; return those that have goals."""

    async def open_cluster() -> Any:
        return Cluster()

    connector = PodTriageConnector(open_cluster)
    await measure(connector, 1, 10)  # all code is loaded
    median = nearly_all = 0.0
    for in_flight in IN_FLIGHT:
        took = await measure(connector, in_flight, CALLS if in_flight > 1 else 100)
        median, nearly_all = statistics.median(took), took[int(0.99 * len(took))]
        print(f"{in_flight:4} in flight           median {median * 1e3:5.0f} ms, 99 % {nearly_all * 1e3:5.0f} ms")
    Cluster.hangs = True
    longest = (await measure(connector, IN_FLIGHT[-1], CALLS))[-1]
    print(f"{IN_FLIGHT[-1]:4}, API server hangs   at most {longest * 1e3:.0f} ms")
    await connector.close()
    return median, nearly_all, longest


def main(arguments: list[str]) -> int:
    """Print the figures; return the exit code."""
    logging.disable()
    missed = any(figure > goal for figure, goal in zip(asyncio.run(figures()), (MEDIAN, NEARLY_ALL, ALL), strict=True))
    return 1 if missed and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
