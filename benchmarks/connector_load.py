"""The connector under load: one replica, 10,000 live tasks, as ``pyflyte serve connector`` serves it.

    python -m benchmarks.connector_load            the figures
    python -m benchmarks.connector_load --check    the same, and exit 1 if a goal is missed

It is compared with a minimal connector in the same process whose ``get`` returns a constant. The two are called in
turn, by one client with several calls at a time; the result is the median of the rounds' ratios, once of the calls a
second and once of the processor time of a call, which other programs on the machine disturb less. A fake API server
counts the requests to it, those for FlyteWorkflows apart: the garbage collector makes one for each execution in half an
hour, here 5.6 a second. Memory is the process's resident set: once the first tasks are known and were polled, so that
all code is loaded, and once all of them were.

``create`` is called by as many workers as FlytePropeller has by default, with an object store of which each call takes
5 ms; then by more of them, while the API server does not respond to requests for new pods.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
from flyteidl.admin import agent_pb2
from flyteidl.service import agent_pb2_grpc
from google.protobuf import json_format

from benchmarks.watching_server import WatchingServer

TASKS, FIRST, ROUNDS, CALLS, CONCURRENT = 10_000, 200, 9, 4_000, 32
CREATES, WORKERS = 1_000, 4
"""Calls of ``create``, and the workers of FlytePropeller by default."""
THROUGHPUT, MEMORY, REPLY = 0.90, 8.0, 1.0
"""The goals: share of the constant's throughput, by processor time; kilobytes a task; seconds until ``create`` replies,
come what may."""
ROOT = Path(__file__).parent.parent


class Replica:
    """The process of the connector."""

    def __init__(self, folder: Path, api_server: str) -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": api_server}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        }
        (folder / "kubeconfig").write_text(json.dumps(config))
        (folder / "config.yaml").write_text("admin: {}\n")
        self.port, metrics = _free_port(), _free_port()
        environment = {
            **os.environ,
            "HOME": str(folder),
            "KUBECONFIG": str(folder / "kubeconfig"),
            "FLYTECTL_CONFIG": str(folder / "config.yaml"),
            "PYTHONPATH": str(ROOT),
        }
        command = [
            *(str(Path(sys.executable).parent / "pyflyte"), "serve", "connector"),
            *("--port", str(self.port), "--prometheus_port", str(metrics)),
            *("--modules", "benchmarks.constant_connector", "--modules", "benchmarks.slow_store"),
        ]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command, env=environment, cwd=folder, stdout=log, stderr=log
            )

    def memory(self) -> float:
        """Return the resident set, in kilobytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))

    def processor_time(self) -> float:
        """Return the processor time of all its threads so far, in seconds."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime and stime

    def close(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


async def call(stub: Any, kind: str, metas: list[bytes], calls: int) -> float:
    """Make this number of calls; return how many a second were answered."""
    category = agent_pb2.TaskCategory(name=kind, version=0)
    requests = [agent_pb2.GetTaskRequest(task_category=category, resource_meta=meta) for meta in metas]
    left = iter(range(calls))

    async def worker() -> None:
        for number in left:
            await stub.GetTask(requests[number % len(requests)])

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(CONCURRENT)))
    return calls / (time.perf_counter() - began)


async def create(stub: Any, kind: str, workers: int, calls: int) -> list[float]:
    """Create this number of tasks, with that number of workers; return how long each call took, in order of length."""
    took: list[float] = []
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            request = creation(kind, f"f{next(_numbers):06d}")
            began = time.perf_counter()
            await stub.CreateTask(request)
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(worker() for _ in range(workers)))
    return sorted(took)


def creation(kind: str, execution: str) -> agent_pb2.CreateTaskRequest:
    """Return the request to create a task, as FlytePropeller sends it."""
    request = agent_pb2.CreateTaskRequest()
    request.CopyFrom(_request(kind))
    request.output_prefix = f"slow://bucket/metadata/p-d-{execution}/n0/data/0"
    metadata = request.task_execution_metadata
    metadata.labels.update({"execution-id": execution, "node-id": "n0"})
    metadata.task_execution_id.node_execution_id.execution_id.name = execution
    return request


@functools.cache
def _request(kind: str) -> agent_pb2.CreateTaskRequest:
    """Return what all requests to create tasks have in common."""
    request = agent_pb2.CreateTaskRequest()
    json_format.ParseDict({**_TEMPLATE, "type": kind}, request.template)
    json_format.ParseDict(_METADATA, request.task_execution_metadata)
    return request


_numbers = itertools.count()
_TASK = {"resource_type": "TASK", "project": "p", "domain": "d", "name": "app.workflows.train", "version": "v1"}
_TEMPLATE = {
    "id": _TASK,
    "metadata": {"retries": {"retries": 3}},
    "interface": {"outputs": {"variables": {"o0": {"type": {"simple": "STRING"}}}}},
    "config": {"primary_container_name": "primary"},
    "k8s_pod": {
        "metadata": {"labels": {"team": "a"}},
        "pod_spec": {
            "containers": [
                {
                    "name": "primary",
                    "image": "registry.example/team/app:1",
                    "args": [
                        "pyflyte-execute",
                        "--inputs",
                        "s3://bucket/inputs.pb",
                        "--output-prefix",
                        "s3://bucket/0",
                    ],
                    "env": [{"name": f"FLYTE_INTERNAL_{number}", "value": "p"} for number in range(20)],
                    "resources": {"limits": {"cpu": "2", "memory": "4Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}},
                }
            ],
            "tolerations": [{"key": "flyte", "operator": "Exists"}],
        },
    },
}
_METADATA: dict[str, Any] = {
    "namespace": "flytesnacks-development",
    "task_execution_id": {"task_id": _TASK, "node_execution_id": {"node_id": "n0"}},
}


async def poll_until_known(stub: Any, metas: list[bytes]) -> None:
    """Poll every task until it is known to run or to be held."""
    category = agent_pb2.TaskCategory(name="podtriage", version=0)
    for meta in metas:
        while True:
            request = agent_pb2.GetTaskRequest(task_category=category, resource_meta=meta)
            resource = (await stub.GetTask(request)).resource
            if "podtriage" in resource.custom_info:
                break


async def measure(replica: Replica, server: WatchingServer) -> dict[str, float]:
    """Return the figures."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{replica.port}") as channel:
        await asyncio.wait_for(channel.channel_ready(), 60)
        stub = agent_pb2_grpc.AsyncAgentServiceStub(channel)
        constant = [json.dumps({"job": f"job-{number}"}).encode() for number in range(TASKS)]
        await call(stub, "constant", constant, TASKS)
        first, others = server.metas
        await call(stub, "podtriage", [b"{}"], TASKS)
        server.send_pods(0)
        await poll_until_known(stub, first)
        before = replica.memory()
        server.send_pods(1)
        await poll_until_known(stub, others)
        memory = (replica.memory() - before) / len(others)
        requests, questions = server.requests, server.questions
        rounds = []
        spent = []
        for _ in range(ROUNDS):
            times = [replica.processor_time()]
            theirs = await call(stub, "constant", constant, CALLS)
            times.append(replica.processor_time())
            ours = await call(stub, "podtriage", others, CALLS)
            times.append(replica.processor_time())
            rounds.append((theirs, ours))
            spent.append((times[1] - times[0], times[2] - times[1]))
        requests, questions = server.requests - requests, server.questions - questions
        return {
            **await creations(stub, server),
            "constant": statistics.median(theirs for theirs, _ in rounds),
            "podtriage": statistics.median(ours for _, ours in rounds),
            "ratio": statistics.median(ours / theirs for theirs, ours in rounds),
            "cpu_ratio": statistics.median(theirs / ours for theirs, ours in spent),
            "cpu": statistics.median(ours for _, ours in spent) / CALLS,
            "lowest": min(ours / theirs for theirs, ours in rounds),
            "highest": max(ours / theirs for theirs, ours in rounds),
            "requests": float(requests),
            "questions": float(questions),
            "memory": memory,
        }


async def creations(stub: Any, server: WatchingServer) -> dict[str, float]:
    """Return the figures of ``create``."""
    await create(stub, "podtriage", WORKERS, WORKERS)  # all code is loaded
    began = time.perf_counter()
    took = await create(stub, "podtriage", WORKERS, CREATES)
    elapsed = time.perf_counter() - began
    await until_created(server)
    server.creates.clear()
    hanging = await create(stub, "podtriage", CONCURRENT, CREATES)
    return {
        "creates": CREATES / elapsed,
        "create_median": statistics.median(took),
        "create_99": took[int(0.99 * len(took))],
        "create_hanging": hanging[-1],
    }


async def until_created(server: WatchingServer) -> None:
    """Wait until no more pods are created."""
    before = -1
    while before != server.created:
        before = server.created
        await asyncio.sleep(1)


def main(arguments: list[str]) -> int:
    """Print the figures; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        server = WatchingServer((FIRST, TASKS - FIRST), f"{folder}/store-of-that-many-characters-as-a-bucket-has")
        replica = Replica(Path(folder), server.url)
        try:
            figures = asyncio.run(measure(replica, server))
        except BaseException:
            sys.stderr.write((Path(folder) / "log").read_text(errors="replace")[-4000:])
            raise
        finally:
            replica.close()
            server.close()
    print(f"{TASKS:,} live tasks, {CONCURRENT} calls at a time, {ROUNDS} rounds of {CALLS:,} each")
    print(f"get, flytekit's constant     {figures['constant']:8,.0f} a second")
    print(f"get, podtriage               {figures['podtriage']:8,.0f} a second")
    print(
        f"ratio, pair by pair          {figures['ratio']:8.2f}   ({figures['lowest']:.2f} to {figures['highest']:.2f})"
    )
    print(f"the same, processor time     {figures['cpu_ratio']:8.2f}   ({figures['cpu'] * 1e6:.0f} us a call)")
    questions = f"and {figures['questions']:.0f} for FlyteWorkflows"
    print(f"requests to the API server   {figures['requests']:8.0f}   during {ROUNDS * CALLS:,} calls, {questions}")
    print(f"memory                       {figures['memory']:8.2f} KB a task (resident set)")
    median, nearly_all, hanging = (figures[f"create_{name}"] * 1e3 for name in ("median", "99", "hanging"))
    rate = f"{figures['creates']:8,.0f} a second"
    print(f"create, {WORKERS} at a time        {rate}; median {median:.0f} ms, 99 % {nearly_all:.0f} ms")
    print(f"create, API server hangs     {hanging:8.0f} ms at most, {CONCURRENT} at a time")
    missed = figures["cpu_ratio"] < THROUGHPUT or figures["memory"] > MEMORY or figures["requests"] > 10
    missed = missed or figures["create_hanging"] > REPLY
    return 1 if missed and "--check" in arguments else 0


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
