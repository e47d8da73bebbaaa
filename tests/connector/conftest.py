"""The connector on the sandbox's cluster, in virtual time, with output prefixes in a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.errors_pb2 import ErrorDocument
from flytekit import FlyteContext
from flytekit.core.data_persistence import FileAccessProvider
from flytekit.extend.backend.base_connector import Resource

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.service import PodTriageConnector
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodCluster
from flytekitplugins_podtriage.flyte.settings import Settings
from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from tests.connector.templates import execution_metadata, template

OVER = (idl.SUCCEEDED, idl.FAILED, idl.RETRYABLE_FAILED)


class World:
    """One task's attempts: a cluster, a connector on it, and the folder of their output prefixes."""

    def __init__(self, folder: Path, plan: str, settings: Settings, cluster: Any = None) -> None:
        self.folder = folder
        self.settings = settings
        self.cluster: Any = cluster or SandboxCluster(Plan.parse(plan))
        self.connector = self.replica()

    def replica(self, cluster: Any = None, hook: TriageHook | None = None, **options: Any) -> PodTriageConnector:
        """Return another connector on the same cluster and folder: a second replica, or the first after a restart."""

        async def opened() -> PodCluster:
            found: PodCluster = self.cluster if cluster is None else cluster
            return found

        hook = hook or TriageHook(settings=self.settings)
        return PodTriageConnector(opened, hook, **options)

    def prefix(self, attempt: int = 0) -> Path:
        """Return an attempt's output prefix."""
        return self.folder / "n0" / "data" / str(attempt)

    async def create(self, attempt: int = 0, connector: Any = None, **of_template: Any) -> PodMeta:
        """Have propeller create an attempt."""
        meta: PodMeta = await (connector or self.connector).create(
            task_template=template(**of_template),
            output_prefix=str(self.prefix(attempt)),
            inputs=None,
            task_execution_metadata=execution_metadata(attempt=attempt),
        )
        return meta

    async def get(self, meta: PodMeta, connector: Any = None) -> Resource:
        """Have propeller ask once, with what it has kept of the meta."""
        response = await (connector or self.connector).get(resource_meta=PodMeta.decode(meta.encode()))
        resource: Resource = Resource.from_flyte_idl(await response.to_flyte_idl())
        return resource

    async def until_over(self, meta: PodMeta, connector: Any = None) -> tuple[Resource, list[Resource]]:
        """Ask again and again, as the pod changes, until the attempt is over; return the answer and those before it."""
        before: list[Resource] = []
        for _ in range(1000):
            found = await self.get(meta, connector)
            if found.phase in OVER:
                return found, before
            before.append(found)
            until = self.cluster.now() + timedelta(minutes=1)
            await self.cluster.wait_for_change(meta.namespace, meta.pod, until)
        raise AssertionError(f"the attempt is not over after {self.cluster.now()}: {before[-1]}")

    async def create_in_background(self, connector: Any = None, **of_template: Any) -> PodMeta:
        """Have propeller create an attempt whose pod is not made at once; wait until its first try is under way."""
        connector = connector or self.connector
        connector._reply_wait = 0
        with suppress(ClusterError):
            await connector._cluster.get()  # so that its clock is the cluster's
        meta = await self.create(connector=connector, **of_template)
        launch = connector._launcher.get(meta)
        while launch is not None and launch.error is None and not self._is_asked("create"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        return meta

    def _is_asked(self, call: str) -> bool:
        return call in getattr(self.cluster, "calls", ())

    async def until_over_with_turns(self, meta: PodMeta) -> tuple[Resource, list[Resource]]:
        """The same as :meth:`until_over` where the pod is made in the background meanwhile."""
        while self.connector._launcher.get(meta) is not None or not self.pods():
            await asyncio.sleep(0)
            found = await self.get(meta)
            if found.phase in OVER:
                return found, []
        return await self.until_over(meta)

    async def settle_down(self, connector: Any = None) -> None:
        """Wait until nothing goes on in the background."""
        connector = connector or self.connector
        while connector._launcher._launches or connector._background:  # noqa: ASYNC110
            await asyncio.sleep(0)

    def error(self, attempt: int = 0) -> ErrorDocument | None:
        """Return what ``error.pb`` of an attempt says."""
        path = self.prefix(attempt) / "error.pb"
        return ErrorDocument.FromString(path.read_bytes()) if path.exists() else None

    def pods(self) -> list[str]:
        """Return the names of the pods that are there and are not being deleted."""
        return sorted(
            snapshot.pod.metadata.name
            for snapshot in self.cluster.list_cached()
            if snapshot.pod.metadata.deletion_timestamp is None
        )


@pytest.fixture
def world(tmp_path: Path) -> Callable[..., World]:
    """Return what makes a world of a plan of faults."""

    def made(plan: str = "", cluster: Any = None, **settings: Any) -> World:
        return World(tmp_path, plan, Settings(**settings), cluster)

    return made


@pytest.fixture(autouse=True)
def _local_files(tmp_path: Path) -> Iterator[None]:
    context = FlyteContext.current_context()
    access = FileAccessProvider(str(tmp_path / "sandbox"), str(tmp_path / "raw"))
    from flytekit.core.context_manager import FlyteContextManager

    with FlyteContextManager.with_context(context.with_file_access(access)):
        yield


def run(story: Coroutine[Any, Any, Any]) -> Any:
    """Run a test's story."""
    return asyncio.run(story)
