"""The connector on the sandbox's cluster, in virtual time, with output prefixes in a directory."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from flyteidl.core.errors_pb2 import ErrorDocument
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
    """The attempts of one task: a cluster, a connector on it, and the directory of their output prefixes."""

    def __init__(self, directory: Path, plan: str, settings: Settings, cluster: Any = None) -> None:
        self.directory = directory
        self.settings = settings
        self.cluster: Any = cluster or SandboxCluster(Plan.parse(plan))
        self.connector = self.replica()

    def replica(self, cluster: Any = None, hook: TriageHook | None = None, **options: Any) -> PodTriageConnector:
        """Return another connector on the same directory: a second replica, or the first after a restart."""

        async def open_cluster() -> PodCluster:
            opened: PodCluster = self.cluster if cluster is None else cluster
            return opened

        hook = hook or TriageHook(settings=self.settings)
        return PodTriageConnector(open_cluster, hook, **options)

    def prefix(self, attempt: int = 0) -> Path:
        """Return the output prefix of an attempt."""
        return self.directory / "n0" / "data" / str(attempt)

    async def create(self, attempt: int = 0, connector: Any = None, **of_template: Any) -> PodMeta:
        """Create an attempt, as FlytePropeller does, and wait until its pod is there or cannot be created."""
        meta = await self.ask_to_create(attempt, connector, **of_template)
        await self.created(meta, connector)
        return meta

    async def created(self, meta: PodMeta, connector: Any = None) -> None:
        """Wait until the pod of an attempt is there or cannot be created.

        Until then no test may let virtual time pass: faults at a time of the plan would hit no pod.
        """
        connector = connector or self.connector
        while (launch := connector._launcher.get(meta)) is not None:
            if launch.error is not None or launch.task.done():
                break
            await asyncio.sleep(0)

    async def ask_to_create(self, attempt: int = 0, connector: Any = None, **of_template: Any) -> PodMeta:
        """Create an attempt, as FlytePropeller does: its pod is created in the background."""
        meta: PodMeta = await (connector or self.connector).create(
            task_template=template(**of_template),
            output_prefix=str(self.prefix(attempt)),
            inputs=None,
            task_execution_metadata=execution_metadata(attempt=attempt),
        )
        return meta

    async def get(self, meta: PodMeta, connector: Any = None) -> Resource:
        """Return the response to one ``get``, with the resource meta as FlytePropeller has kept it."""
        response = await (connector or self.connector).get(resource_meta=PodMeta.decode(meta.encode()))
        resource: Resource = Resource.from_flyte_idl(await response.to_flyte_idl())
        return resource

    async def until_over(self, meta: PodMeta, connector: Any = None) -> tuple[Resource, list[Resource]]:
        """Call ``get`` at every change of the pod until the attempt is over; return that response and the earlier ones."""
        earlier: list[Resource] = []
        for _ in range(1000):
            response = await self.get(meta, connector)
            if response.phase in OVER:
                return response, earlier
            earlier.append(response)
            until = self.cluster.now() + timedelta(minutes=1)
            await self.cluster.wait_for_change(meta.namespace, meta.pod, until)
        raise AssertionError(f"the attempt is not over after {self.cluster.now()}: {earlier[-1]}")

    async def create_in_background(self, connector: Any = None, **of_template: Any) -> PodMeta:
        """Create an attempt whose pod takes longer; wait until the first request for it is under way."""
        connector = connector or self.connector
        with suppress(ClusterError):
            await connector._cluster.get()  # so that the time of the intent is the cluster's
        meta = await self.ask_to_create(connector=connector, **of_template)
        launch = connector._launcher.get(meta)
        while launch is not None and launch.error is None and not self._is_requested("create"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        return meta

    def _is_requested(self, call: str) -> bool:
        return call in getattr(self.cluster, "calls", ())

    async def until_over_in_background(self, meta: PodMeta) -> tuple[Resource, list[Resource]]:
        """Do the same as :meth:`until_over` while the pod is created in the background."""
        while self.connector._launcher.get(meta) is not None or not self.pods():
            await asyncio.sleep(0)
            response = await self.get(meta)
            if response.phase in OVER:
                return response, []
        return await self.until_over(meta)

    async def settle_down(self, connector: Any = None) -> None:
        """Wait until nothing runs in the background."""
        connector = connector or self.connector
        while connector._launcher._launches or connector._background:  # noqa: ASYNC110
            await asyncio.sleep(0)

    def error_document(self, attempt: int = 0) -> ErrorDocument | None:
        """Return the ``error.pb`` of an attempt; None if there is none."""
        path = self.prefix(attempt) / "error.pb"
        return ErrorDocument.FromString(path.read_bytes()) if path.exists() else None

    def pods(self) -> list[str]:
        """Return the names of the pods that exist and are not being deleted."""
        return sorted(
            snapshot.pod.metadata.name
            for snapshot in self.cluster.list_cached()
            if snapshot.pod.metadata.deletion_timestamp is None
        )


def run(test: Coroutine[Any, Any, Any]) -> Any:
    """Run the coroutine of a test."""
    return asyncio.run(test)
