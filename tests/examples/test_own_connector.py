"""``examples/workflows/05_own_connector.py``: a connector of a user with the hook in it."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flyteidl.core.errors_pb2 import ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError, TaskExecution
from flytekit.extend.backend.base_connector import ConnectorRegistry
from kubernetes.client.exceptions import ApiException

from flytekitplugins_podtriage.core.pod_cluster import PodExists
from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from tests.connector.templates import execution_metadata, template
from tests.paths import ROOT

FILE = ROOT / "examples" / "workflows" / "05_own_connector.py"
NAMESPACE = "flytesnacks-development"


class Api:
    """The calls of ``CoreV1Api`` that the example makes, answered by the sandbox's cluster."""

    def __init__(self, plan: str) -> None:
        # The example asks what time it is: the cluster's begins at the same.
        self.cluster = SandboxCluster(Plan.parse(plan), start=datetime.now(timezone.utc))

    def create_namespaced_pod(self, namespace: str, body: dict[str, Any]) -> None:
        try:
            asyncio.run(self.cluster.create(namespace, body))
        except PodExists as error:
            raise ApiException(status=409, reason=str(error)) from error

    def read_namespaced_pod(self, name: str, namespace: str) -> Any:
        return self._snapshot(namespace, name).pod

    def list_namespaced_event(self, namespace: str, field_selector: str) -> Any:
        assert re.fullmatch("involvedObject.uid=.+", field_selector)
        [name] = {snapshot.pod.metadata.name or "" for snapshot in self.cluster.list_cached()}
        return SimpleNamespace(items=list(self._snapshot(namespace, name).events))

    def delete_namespaced_pod(self, name: str, namespace: str) -> None:
        self._snapshot(namespace, name)
        asyncio.run(self.cluster.delete(namespace, name, grace=0))

    def _snapshot(self, namespace: str, name: str) -> Any:
        snapshot = self.cluster.get_cached(namespace, name)
        if snapshot is None or snapshot.gone:
            raise ApiException(status=404)
        return snapshot

    def wait(self, name: str) -> None:
        """Let time pass until something changes."""
        asyncio.run(self.cluster.wait_for_change(NAMESPACE, name, self.cluster.now() + timedelta(minutes=1)))


@pytest.fixture(scope="module")
def example() -> Any:
    spec = importlib.util.spec_from_file_location("own_connector", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("plan", "origin"),
    [
        ("pod: evicted at 30s\nbody: 5m", ExecutionError.SYSTEM),
        ("node: shutdown at 30s\nbody: 5m", ExecutionError.SYSTEM),
        ("body: exit 3", ExecutionError.USER),
        ("body: oom", ExecutionError.USER),
        ("body: 3s", None),
    ],
)
def test_the_example_charges_the_right_kind(example: Any, tmp_path: Path, plan: str, origin: int | None) -> None:
    api = Api(plan)
    connector = example.LettersConnector(api)
    prefix = tmp_path / "data" / "0"
    asked = {"task_template": template(custom={"image": "letters:1"}), "output_prefix": str(prefix)}
    meta = connector.create(**asked, task_execution_metadata=execution_metadata())
    assert connector.create(**asked, task_execution_metadata=execution_metadata()) == meta
    response = connector.get(example.LettersMeta.decode(meta.encode()))
    while response.phase not in (TaskExecution.SUCCEEDED, TaskExecution.RETRYABLE_FAILED):
        api.wait(meta.pod)
        response = connector.get(meta)
    assert response.phase == TaskExecution.SUCCEEDED
    written = (prefix / "error.pb").read_bytes() if origin is not None else None
    assert (ErrorDocument.FromString(written).error.origin if written else None) == origin
    connector.delete(meta)
    again = connector.get(meta)
    assert (again.phase, again.message) == (response.phase, response.message)


def test_the_example_registers_itself(example: Any) -> None:
    assert ConnectorRegistry.get_connector("letters").name == "Letters Connector"


def test_the_example_of_the_documentation_is_the_tested_one() -> None:
    shown = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "hook.md").read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None and shown[1] in FILE.read_text(encoding="utf-8")
