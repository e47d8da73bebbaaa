"""The retries in a task's own definition. Requested once for each task; a task without a definition is no error."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import attrs
from flyteidl.admin import common_pb2

from flytekitplugins_podtriage.flyte.admin.client import AdminClient
from flytekitplugins_podtriage.flyte.admin.errors import FlyteForbidden, FlyteNotFound, FlyteRefused


@attrs.frozen(slots=True)
class TaskDefinition:
    """The fields of a task's definition that concern retries; None: not known."""

    retries: int | None = None
    """``@task(retries=N)``: how many user retries the task has."""
    interruptible: bool | None = None
    """Whether the task is interruptible; None too where the definition does not say."""


UNKNOWN = TaskDefinition()


class TaskDefinitions:
    """Reads task definitions, and keeps as many as ``limit`` of those that were needed last."""

    def __init__(self, admin: AdminClient, limit: int = 1024) -> None:
        self._admin = admin
        self._limit = limit
        self._definitions: OrderedDict[tuple[str, str, str, str], TaskDefinition] = OrderedDict()

    def get(self, identifier: Any) -> TaskDefinition:
        """Return the definition of a task, given by flyteidl's ``Identifier``.

        A task that was deleted, that this login may not see, or that was never registered (the elements of a map have
        made-up names), is unknown.

        Raises:
            FlyteUnreachable: flyteadmin cannot be called any more.
        """
        key = (identifier.project, identifier.domain, identifier.name, identifier.version)
        if not all(key):
            return UNKNOWN
        if key in self._definitions:
            self._definitions.move_to_end(key)
            return self._definitions[key]
        definition = self._definitions[key] = self._request(identifier, "/".join(key))
        if len(self._definitions) > self._limit:
            self._definitions.popitem(last=False)
        return definition

    def _request(self, identifier: Any, name: str) -> TaskDefinition:
        try:
            task = self._admin.call("get_task", common_pb2.ObjectGetRequest(id=identifier), f"task {name}")
        except (FlyteNotFound, FlyteForbidden, FlyteRefused):
            return UNKNOWN
        template = task.closure.compiled_task.template
        if not template.HasField("metadata"):
            return UNKNOWN
        metadata = template.metadata
        has_interruptible = metadata.WhichOneof("interruptible_value") is not None
        return TaskDefinition(
            retries=int(metadata.retries.retries) if metadata.HasField("retries") else None,
            interruptible=bool(metadata.interruptible) if has_interruptible else None,
        )
