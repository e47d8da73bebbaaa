"""A connector of flytekit's own making whose ``get`` returns a constant: what podtriage's is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flyteidl.core.execution_pb2 import TaskExecution
from flytekit.extend.backend.base_connector import AsyncConnectorBase, ConnectorRegistry, Resource, ResourceMeta


@dataclass
class ConstantMeta(ResourceMeta):
    """What a connector keeps of a job, at the least."""

    job: str


class ConstantConnector(AsyncConnectorBase):
    """Says that the job runs, whatever it is asked."""

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
