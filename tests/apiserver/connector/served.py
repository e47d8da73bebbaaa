"""The connector as propeller has it: flytekit's own ``pyflyte serve connector`` in a process, and a gRPC client of it."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import urllib3
from flyteidl.admin import agent_pb2
from flyteidl.core.errors_pb2 import ErrorDocument
from flyteidl.core.execution_pb2 import TaskExecution
from flyteidl.service import agent_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from tests.apiserver.process import Process
from tests.connector.templates import execution_metadata, template

_PATIENCE = 60.0
OVER = (TaskExecution.SUCCEEDED, TaskExecution.FAILED, TaskExecution.RETRYABLE_FAILED)
_numbers = itertools.count(1)
_turn = threading.Event()  # never set
_POLL = 0.02
"""How long the others have their turn between two questions, in seconds."""


class Served:
    """A replica of the connector, which may be killed and started again.

    Args:
        kubeconfig: whose cluster, as which user.
        home: an empty folder.
        settings: of the plugin, as in the environment: ``system_patience="0s"``.
    """

    def __init__(self, kubeconfig: str, home: Path, **settings: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        (home / "config.yaml").write_text("admin: {}\n")
        self._log = home / "connector.log"
        environment = {
            "HOME": str(home),
            "KUBECONFIG": kubeconfig,
            "FLYTECTL_CONFIG": str(home / "config.yaml"),
            "NO_COLOR": "1",
            **{f"FLYTE_PODTRIAGE_{name.upper()}": value for name, value in settings.items()},
        }
        self._environment = [f"{name}={value}" for name, value in environment.items()]
        self._process: Process | None = None
        self._channel: grpc.Channel | None = None
        self._port = self._metrics_port = 0

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._port, self._metrics_port = _free_ports()
        pyflyte = str(Path(sys.executable).parent / "pyflyte")
        serve = ["serve", "connector", "--port", str(self._port), "--prometheus_port", str(self._metrics_port)]
        self._process = Process(["env", *self._environment, pyflyte, *serve], self._log)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{self._port}")
        try:
            grpc.channel_ready_future(self._channel).result(_PATIENCE)
        except grpc.FutureTimeoutError:
            raise AssertionError(f"the connector does not answer:\n{self.log_tail()}") from None

    def kill(self) -> None:
        """End it as a crash does."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            self._process.end(signal.SIGKILL)
            self._process = None

    def log_tail(self) -> str:
        """Return the last of what it has logged."""
        return self._log.read_text(errors="replace")[-8000:] if self._log.exists() else ""

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of its log about an event, oldest first."""
        lines = (json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == event]

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a metric that have these labels."""
        with urllib3.PoolManager(retries=False) as pool:
            text = pool.request("GET", f"http://127.0.0.1:{self._metrics_port}/metrics", timeout=10.0).data.decode()
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    @property
    def stub(self) -> Any:
        """The client."""
        return agent_pb2_grpc.AsyncAgentServiceStub(self._channel)


class Task:
    """One task's attempts, as propeller asks for them.

    Args:
        folder: where the output prefixes are.
        namespace: where the pods are.
        of_template: what the task is like, see :func:`~tests.connector.templates.template`.
    """

    def __init__(self, folder: Path, namespace: str, **of_template: Any) -> None:
        self._folder = folder / f"f{next(_numbers)}" / "n0" / "data"
        self.execution = self._folder.parent.parent.name
        self._namespace = namespace
        self._template = of_template

    def prefix(self, attempt: int = 0) -> Path:
        """Return an attempt's output prefix."""
        return self._folder / str(attempt)

    def create(self, served: Served, attempt: int = 0) -> bytes:
        """Have an attempt created; return the meta that propeller keeps."""
        request = agent_pb2.CreateTaskRequest(
            template=template(**self._template).to_flyte_idl(),
            output_prefix=str(self.prefix(attempt)),
            task_execution_metadata=execution_metadata(
                attempt=attempt, namespace=self._namespace, execution=self.execution
            ).to_flyte_idl(),
        )
        meta: bytes = served.stub.CreateTask(request, timeout=10).resource_meta
        return meta

    def get(self, served: Served, meta: bytes) -> Any:
        """Ask once."""
        category = agent_pb2.TaskCategory(name="podtriage", version=0)
        request = agent_pb2.GetTaskRequest(task_category=category, resource_meta=meta, output_prefix=str(self.prefix()))
        return served.stub.GetTask(request, timeout=10).resource

    def until(self, served: Served, meta: bytes, condition: Callable[[Any], bool]) -> Any:
        """Ask until an answer fulfils a condition; return that."""
        until = time.monotonic() + _PATIENCE
        while True:
            resource = self.get(served, meta)
            if condition(resource):
                return resource
            assert time.monotonic() < until, f"not reported in time; last: {resource}\n{served.log_tail()}"
            _turn.wait(_POLL)

    def until_over(self, served: Served, meta: bytes) -> Any:
        """Ask until the attempt is over."""
        return self.until(served, meta, lambda resource: resource.phase in OVER)

    def delete(self, served: Served, meta: bytes) -> None:
        """Have an attempt given up."""
        category = agent_pb2.TaskCategory(name="podtriage", version=0)
        served.stub.DeleteTask(agent_pb2.DeleteTaskRequest(task_category=category, resource_meta=meta), timeout=10)

    def error(self, attempt: int = 0) -> ErrorDocument | None:
        """Return what ``error.pb`` of an attempt says."""
        path = self.prefix(attempt) / "error.pb"
        return ErrorDocument.FromString(path.read_bytes()) if path.exists() else None


def eventually(condition: Callable[[], bool], what: str = "it") -> None:
    """Wait until something is so."""
    until = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < until, f"{what} has not come about in time"
        _turn.wait(_POLL)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]
