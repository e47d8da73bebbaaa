"""Many calls of ``create`` at a time, as ``pyflyte serve connector`` serves them: how long each takes until its reply.

    python -m benchmarks.connector_creates            the figures
    python -m benchmarks.connector_creates --check    the same, and exit 1 if a goal is missed

The connector, its API server and its client are processes of their own, as for a user. Each call to the object store
takes 5 ms. That many calls are in flight all the time: the next one begins when one has been replied to. So with many
in flight the processor time of a call decides, and most of it is not podtriage's: gRPC's, and flytekit's to parse the
request. What is left without podtriage is measured in turn with it, in the same process: a minimal connector whose
``create`` returns at once. The ratio of the medians is what has a goal. In the end the API server does not respond.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import grpc
from flyteidl.service import agent_pb2_grpc

from benchmarks.connector_load import Replica, creation
from benchmarks.watching_server import WatchingServer

CALLS, ROUNDS, IN_FLIGHT = 1_000, 3, (32, 200)
KINDS: Final = ("constant", "podtriage")
RATIO, LONGER = 4.0, 1.0
"""The goals with the most in flight: the median relative to the constant's; and by how many seconds 99 % of the calls
may take longer while the API server hangs than while it responds. (``connector_load`` checks that all are replied to
within a second then, with as many in flight as one connector keeps up with.)"""


class Calls(NamedTuple):
    """How long each call took, in order of length, and the connector's processor time for each, in seconds."""

    took: list[float]
    cpu: float

    @property
    def median(self) -> float:
        """The median of the times."""
        return statistics.median(self.took)

    @property
    def nearly_all(self) -> float:
        """What 99 % of the calls take at most."""
        return self.took[int(0.99 * len(self.took))]


async def calls(port: int, kind: str, first: int, in_flight: int) -> list[float]:
    """Create tasks; return how long each call took."""
    requests = iter([creation(kind, f"f{number:06d}") for number in range(first, first + CALLS)])
    took: list[float] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await asyncio.wait_for(channel.channel_ready(), 60)
        stub = agent_pb2_grpc.AsyncAgentServiceStub(channel)

        async def caller() -> None:
            for request in requests:
                began = time.perf_counter()
                await stub.CreateTask(request)
                took.append(time.perf_counter() - began)

        await asyncio.gather(*(caller() for _ in range(in_flight)))
    return took


def client(port: int, kind: str, first: int, in_flight: int) -> list[float]:
    """Do the same, in the client's process."""
    return asyncio.run(calls(port, kind, first, in_flight))


def until_created(server: WatchingServer, pods: int) -> None:
    """Wait until so many pods have been created, at most five minutes."""
    end = time.monotonic() + 300
    while server.created < pods:
        if time.monotonic() > end:
            raise TimeoutError(f"{server.created} pods have been created, not {pods}")
        time.sleep(0.1)


def figures(replica: Replica, server: WatchingServer, pool: ProcessPoolExecutor) -> tuple[float, float]:
    """Print the figures; return those that have goals."""
    made = 0

    def measure(kind: str, in_flight: int) -> Calls:
        nonlocal made
        before = replica.processor_time()
        took = pool.submit(client, replica.port, kind, made, in_flight).result()
        spent = replica.processor_time() - before
        made += CALLS
        return Calls(sorted(took), spent / CALLS)

    created, ratio, responding = 0, 0.0, 0.0
    for kind in KINDS:
        measure(kind, 4)  # all code is loaded
    for in_flight in IN_FLIGHT:
        rounds: list[tuple[Calls, Calls]] = []
        for _ in range(ROUNDS):
            created += CALLS
            until_created(server, created)  # what the last round has left to do does not count for this one
            rounds.append((measure("constant", in_flight), measure("podtriage", in_flight)))
        ratio = _median(rounds, lambda constant, ours: ours.median / constant.median)
        responding = _median(rounds, lambda _, ours: ours.nearly_all)
        for index, kind in enumerate(KINDS):
            _print(in_flight, kind, [pair[index] for pair in rounds])
        print(f"{in_flight:4} in flight, ratio              median {ratio:5.2f}")
    until_created(server, created + CALLS)
    server.creates.clear()
    hanging = measure("podtriage", IN_FLIGHT[-1])
    _print(IN_FLIGHT[-1], "API server hangs", [hanging])
    return ratio, hanging.nearly_all - responding


def _print(in_flight: int, what: str, rounds: Sequence[Calls]) -> None:
    median, nearly_all, cpu = (
        statistics.median(getattr(each, name) for each in rounds) * 1e3 for name in ("median", "nearly_all", "cpu")
    )
    times = f"median {median:5.0f} ms, 99 % {nearly_all:5.0f} ms"
    print(f"{in_flight:4} in flight, {what:16}   {times}, {cpu:.2f} ms of processor time a call")


def _median(rounds: list[tuple[Calls, Calls]], figure: Callable[[Calls, Calls], float]) -> float:
    return statistics.median(figure(*pair) for pair in rounds)


def main(arguments: list[str]) -> int:
    """Print the figures; return the exit code."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        server = WatchingServer((), folder)
        replica = Replica(Path(folder), server.url)
        try:
            ratio, longer = figures(replica, server, pool)
        except BaseException:
            sys.stderr.write((Path(folder) / "log").read_text(errors="replace")[-4000:])
            raise
        finally:
            replica.close()
            server.close()
    print(f"goals: ratio <= {RATIO:g}; 99 % at most {LONGER:g} s longer while the API server hangs ({longer:+.2f} s)")
    return 1 if (ratio > RATIO or longer > LONGER) and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
