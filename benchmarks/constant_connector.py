"""A minimal connector whose ``get`` returns a constant, to compare podtriage's with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.extend.backend.base_connector import AsyncConnectorBase, ConnectorRegistry, Resource, ResourceMeta


@dataclass
class ConstantMeta(ResourceMeta):
    """The least that a connector keeps of a job."""

    job: str


class ConstantConnector(AsyncConnectorBase):
    """Reports every job as running."""

    name = "Constant Connector"

    def __init__(self) -> None:
        super().__init__(task_type_name="constant", metadata_type=ConstantMeta)

    async def create(self, task_template: Any, **_: Any) -> ConstantMeta:
        """Return a job."""
        return ConstantMeta("job")

    async def get(self, resource_meta: ConstantMeta, **_: Any) -> Resource:
        """Return that it runs."""
        return Resource(phase=TaskExecution.RUNNING)

    async def delete(self, resource_meta: ConstantMeta, **_: Any) -> None:
        """Do nothing."""


ConnectorRegistry.register(ConstantConnector())
