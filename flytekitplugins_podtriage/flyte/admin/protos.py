"""Converting flyteidl's messages to attempts, without any calls: those are in ``executions.py``."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from flyteidl.core import execution_pb2
from flyteidl.event import event_pb2

from flytekitplugins_podtriage.core.attempt_history import Attempt, ExecutionRef, Subtask
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.flyte.admin.task_definitions import TaskDefinition

FAILED_TASK = frozenset({"FAILED", "RETRYABLE_FAILED"})
"""Phases of a task execution that has failed. FlytePropeller 1.16.8 reports both kinds of failure as FAILED."""
FAILED_NODE = frozenset({"FAILED", "FAILING", "TIMED_OUT"})
"""Phases of a node execution that has failed, or is about to."""

NOT_RUN = frozenset({"UNDEFINED", "QUEUED", "SKIPPED", "RECOVERED"})
"""Phases of a node execution without anything inside (RECOVERED: it has the outputs of an earlier execution)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def execution_ref(identifier: Any) -> ExecutionRef:
    """Return a ``WorkflowExecutionIdentifier`` as a value."""
    return ExecutionRef(identifier.project, identifier.domain, identifier.name)


def task_attempt(
    node: Any,
    path: tuple[str, ...],
    task_execution: Any,
    definition: TaskDefinition,
    followed: bool,
    execution: ExecutionRef,
) -> Attempt:
    """Return a ``TaskExecution`` of a ``NodeExecution`` as an attempt; ``path`` has the nodes around that one.

    An attempt that is followed by another has failed, even if its record only says that it was aborted.
    """
    closure = task_execution.closure
    phase = _name(execution_pb2.TaskExecution.Phase, closure.phase)
    metadata = closure.metadata if closure.HasField("metadata") else None
    return Attempt(
        execution=execution,
        node=node.id.node_id,
        phase=phase,
        failed=phase in FAILED_TASK or (phase == "ABORTED" and followed),
        spec_node=_spec_id(node),
        path=path,
        task=task_execution.id.task_id.name or None,
        version=task_execution.id.task_id.version or None,
        task_type=closure.task_type or None,
        retry_attempt=task_execution.id.retry_attempt,
        retries=definition.retries,
        interruptible=_interruptible(metadata, definition),
        pod=(metadata.generated_name or None) if metadata is not None else None,
        subtasks=_failed_subtasks(metadata),
        **_common_fields(closure),
    )


def node_failure(node: Any, path: tuple[str, ...], execution: ExecutionRef) -> Attempt:
    """Return the failure of a ``NodeExecution`` that no attempt of a task accounts for."""
    closure = node.closure
    return Attempt(
        execution=execution,
        node=node.id.node_id,
        phase=_name(execution_pb2.NodeExecution.Phase, closure.phase),
        failed=True,
        spec_node=_spec_id(node),
        path=path,
        launched=launched_execution(node),
        **_common_fields(closure),
    )


def execution_failure(message: Any, execution: ExecutionRef) -> Attempt | None:
    """Return the failure of an ``Execution`` itself (such as one that could not start); None if it has not failed."""
    closure = message.closure
    if closure.WhichOneof("output_result") != "error":
        return None
    return Attempt(
        execution=execution,
        node="",
        phase=_name(execution_pb2.WorkflowExecution.Phase, closure.phase),
        failed=True,
        **_common_fields(closure),
    )


def launched_execution(node: Any) -> ExecutionRef | None:
    """Return the execution that a ``NodeExecution`` launched; None if it launched none."""
    if node.closure.WhichOneof("target_metadata") != "workflow_node_metadata":
        return None
    return execution_ref(node.closure.workflow_node_metadata.executionId)


def node_phase(node: Any) -> str:
    """Return the phase of a ``NodeExecution`` by name."""
    return _name(execution_pb2.NodeExecution.Phase, node.closure.phase)


def _spec_id(node: Any) -> str:
    """Return the node's id in its own workflow; records of old versions have only the unique one."""
    return str(node.metadata.spec_node_id or node.id.node_id)


def _common_fields(closure: Any) -> dict[str, Any]:
    """Return the fields that the closures of tasks, nodes and executions have: their error and their times."""
    fields: dict[str, Any] = {name: _moment(closure, name) for name in ("created_at", "started_at", "updated_at")}
    if closure.WhichOneof("output_result") == "error":
        error = closure.error
        kind = _name(execution_pb2.ExecutionError.ErrorKind, error.kind)
        fields["reported"] = ErrorKind(kind) if kind in ErrorKind.__members__ else ErrorKind.UNKNOWN
        fields.update(code=error.code or None, message=error.message or None)
    return fields


def _interruptible(metadata: Any, definition: TaskDefinition) -> bool | None:
    """Return whether the attempt ran as interruptible; where that is not recorded, whether its task is."""
    if metadata is None:
        return definition.interruptible
    return bool(metadata.instance_class == event_pb2.TaskExecutionMetadata.INTERRUPTIBLE)


def _failed_subtasks(metadata: Any) -> tuple[Subtask, ...]:
    """Return the failed attempts of a map's elements; an aborted one counts if another attempt follows it."""
    if metadata is None:
        return ()
    tries = {(item.index, item.retry_attempt) for item in metadata.external_resources}
    subtasks = []
    for item in metadata.external_resources:
        phase = _name(execution_pb2.TaskExecution.Phase, item.phase)
        followed = (item.index, item.retry_attempt + 1) in tries
        if phase in FAILED_TASK or (phase == "ABORTED" and followed):
            subtask = Subtask(index=item.index, retry_attempt=item.retry_attempt, phase=phase, pod=item.external_id)
            subtasks.append(subtask)
    return tuple(subtasks)


def _moment(closure: Any, field: str) -> datetime | None:
    """Return a timestamp as an aware datetime; None if it is absent or out of range."""
    if not closure.HasField(field):
        return None
    stamp = getattr(closure, field)
    try:
        return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    except OverflowError:
        return None


def _name(enum: Any, number: int) -> str:
    """Return the name of an enum's value; for a value that this flyteidl does not have, its number."""
    try:
        return str(enum.Name(number))
    except ValueError:
        return str(number)
