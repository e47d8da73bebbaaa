"""One attempt of a task, as a backend has recorded it."""

from __future__ import annotations

from datetime import datetime

import attrs

from flytekitplugins_podtriage.core.accounting import charged_kind
from flytekitplugins_podtriage.core.model import ErrorKind


@attrs.frozen(slots=True)
class ExecutionRef:
    """The name of an execution: ``WorkflowExecutionIdentifier`` of flyteidl."""

    project: str
    domain: str
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.project, self.domain, self.name) if part)


@attrs.frozen(slots=True)
class Subtask:
    """One try of one element of a map task. Flyteadmin keeps no error of it, only of the map as a whole."""

    index: int
    """Its index in the map, from 0."""
    retry_attempt: int
    """Which try, from 0."""
    phase: str
    """``TaskExecution.Phase`` of flyteidl."""
    pod: str
    """``ExternalResourceInfo.external_id``: the name of its pod where the element is a task."""


@attrs.frozen(slots=True, kw_only=True)
class Attempt:
    """One attempt of a task, or the failure of a node that never had one.

    What a backend reports is kept verbatim. Messages are not masked: the report does that.
    """

    execution: ExecutionRef | None = None
    node: str = ""
    """The node's id, which is unique within the execution; empty: the execution itself failed, and no node says why."""
    phase: str = ""
    """``TaskExecution.Phase`` of flyteidl; of the node (or execution) where ``retry_attempt`` is None."""
    failed: bool = False
    """Whether the attempt is over and failed, or was aborted (a timeout) and another was made after it."""
    spec_node: str = ""
    """The node's id in the workflow that it is written in; not unique."""
    path: tuple[str, ...] = ()
    """The ``spec_node`` of each node around it (subworkflow, branch, dynamic, map), the outermost first."""
    task: str | None = None
    """Name of the task; None for a node without one."""
    version: str | None = None
    task_type: str | None = None
    """The type as registered (``python-task``, ``container_array``)."""
    retry_attempt: int | None = None
    """Which attempt of the node, from 0; None: the node failed and no attempt of a task says why."""
    reported: ErrorKind | None = None
    """``closure.error.kind``; None where there is no error."""
    code: str | None = None
    message: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    """When it began to run; None if it never did."""
    updated_at: datetime | None = None
    """When its phase changed last: for one that is over, its end."""
    retries: int | None = None
    """The task's own number of retries; None if unknown. A ``with_overrides`` of the node is not recorded."""
    interruptible: bool | None = None
    """Whether the attempt ran as interruptible (on spot); None if unknown."""
    pod: str | None = None
    """The name that propeller gave it (``generated_name``): that of its pod, for a task that is one pod."""
    subtasks: tuple[Subtask, ...] = ()
    """Of a map task: the failed tries of its elements."""
    launched: ExecutionRef | None = None
    """The execution that the node launched (a launch plan): its attempts are in there."""

    @property
    def node_path(self) -> str:
        """The node, from the outermost around it: ``n0/dn1/n2``."""
        return "/".join((*self.path, self.spec_node or self.node))

    @property
    def charged(self) -> ErrorKind | None:
        """The budget that paid, as far as the record tells; None where there is no error."""
        return charged_kind(self.code or "", self.message or "", self.reported)
