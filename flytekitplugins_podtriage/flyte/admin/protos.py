"""From flyteidl's messages to attempts. Pure: what is asked for and when is ``executions.py``'s business."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from flyteidl.core import execution_pb2
from flyteidl.event import event_pb2

from flytekitplugins_podtriage.core.attempt_history import Attempt, ExecutionRef, Subtask
from flytekitplugins_podtriage.core.model import ErrorKind
from flytekitplugins_podtriage.flyte.admin.task_definitions import TaskFacts

LOST = frozenset({"FAILED", "RETRYABLE_FAILED"})
"""Phases of a task execution that is over and lost. Propeller 1.16.8 reports both kinds of failure as FAILED."""
FAILED_NODE = frozenset({"FAILED", "FAILING", "TIMED_OUT"})
"""Phases of a node execution that is over and lost, or about to be."""

NOT_RUN = frozenset({"UNDEFINED", "QUEUED", "SKIPPED", "RECOVERED"})
"""Phases of a node execution that has nothing inside it (RECOVERED: the outputs of an earlier execution)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def execution_ref(identifier: Any) -> ExecutionRef:
    """Return a ``WorkflowExecutionIdentifier`` as a value."""
    return ExecutionRef(identifier.project, identifier.domain, identifier.name)


def task_attempt(
    node: Any, path: tuple[str, ...], found: Any, facts: TaskFacts, followed: bool, execution: ExecutionRef
) -> Attempt:
    """Return a ``TaskExecution`` as an attempt.

    Args:
        node: the ``NodeExecution`` that it belongs to.
        path: the nodes around that.
        found: the ``TaskExecution``.
        facts: what is known of its task.
        followed: whether another attempt of the same node was made after it: then it was lost, even if its record says
            no more than that it was ended.
        execution: the execution that it belongs to.
    """
    closure = found.closure
    phase = _name(execution_pb2.TaskExecution.Phase, closure.phase)
    kind, code, message = _error(closure)
    metadata = closure.metadata if closure.HasField("metadata") else None
    return Attempt(
        execution=execution,
        node=node.id.node_id,
        phase=phase,
        failed=phase in LOST or (phase == "ABORTED" and followed),
        spec_node=_spec_id(node),
        path=path,
        task=found.id.task_id.name or None,
        version=found.id.task_id.version or None,
        task_type=closure.task_type or None,
        retry_attempt=found.id.retry_attempt,
        reported=kind,
        code=code,
        message=message,
        created_at=_moment(closure, "created_at"),
        started_at=_moment(closure, "started_at"),
        updated_at=_moment(closure, "updated_at"),
        retries=facts.retries,
        interruptible=_interruptible(metadata, facts),
        pod=(metadata.generated_name or None) if metadata is not None else None,
        subtasks=_lost_subtasks(metadata),
    )


def node_failure(node: Any, path: tuple[str, ...], execution: ExecutionRef) -> Attempt:
    """Return the failure of a ``NodeExecution`` that no attempt of a task accounts for."""
    closure = node.closure
    kind, code, message = _error(closure)
    return Attempt(
        execution=execution,
        node=node.id.node_id,
        phase=_name(execution_pb2.NodeExecution.Phase, closure.phase),
        failed=True,
        spec_node=_spec_id(node),
        path=path,
        reported=kind,
        code=code,
        message=message,
        created_at=_moment(closure, "created_at"),
        started_at=_moment(closure, "started_at"),
        updated_at=_moment(closure, "updated_at"),
        launched=launched_execution(node),
    )


def execution_failure(whole: Any, execution: ExecutionRef) -> Attempt | None:
    """Return the failure of an ``Execution`` itself (it could not be started, say); None if it has not failed."""
    closure = whole.closure
    kind, code, message = _error(closure)
    if kind is None:
        return None
    return Attempt(
        execution=execution,
        node="",
        phase=_name(execution_pb2.WorkflowExecution.Phase, closure.phase),
        failed=True,
        reported=kind,
        code=code,
        message=message,
        created_at=_moment(closure, "created_at"),
        started_at=_moment(closure, "started_at"),
        updated_at=_moment(closure, "updated_at"),
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
    """Return the node's id in its own workflow; records of old versions have the other one only."""
    return str(node.metadata.spec_node_id or node.id.node_id)


def _error(closure: Any) -> tuple[ErrorKind | None, str | None, str | None]:
    """Return the kind, the code and the message of a closure's error."""
    if closure.WhichOneof("output_result") != "error":
        return None, None, None
    error = closure.error
    name = _name(execution_pb2.ExecutionError.ErrorKind, error.kind)
    kind = ErrorKind(name) if name in ErrorKind.__members__ else ErrorKind.UNKNOWN
    return kind, error.code or None, error.message or None


def _interruptible(metadata: Any, facts: TaskFacts) -> bool | None:
    """Say how the attempt ran; failing that, what its task asks for."""
    if metadata is None:
        return facts.interruptible
    return bool(metadata.instance_class == event_pb2.TaskExecutionMetadata.INTERRUPTIBLE)


def _lost_subtasks(metadata: Any) -> tuple[Subtask, ...]:
    """Return the lost tries of a map's elements. One without a retry of its own after it must have failed itself."""
    if metadata is None:
        return ()
    found = []
    tries = {(item.index, item.retry_attempt) for item in metadata.external_resources}
    for item in metadata.external_resources:
        phase = _name(execution_pb2.TaskExecution.Phase, item.phase)
        followed = (item.index, item.retry_attempt + 1) in tries
        if phase in LOST or (phase == "ABORTED" and followed):
            found.append(Subtask(item.index, item.retry_attempt, phase, item.external_id))
    return tuple(found)


def _moment(closure: Any, field: str) -> datetime | None:
    """Return a timestamp as an aware datetime; None where it is absent or not a time."""
    if not closure.HasField(field):
        return None
    stamp = getattr(closure, field)
    try:
        return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    except OverflowError:
        return None


def _name(enum: Any, number: int) -> str:
    """Return the name of an enum's value; a value that this flyteidl does not know is its number."""
    try:
        return str(enum.Name(number))
    except ValueError:
        return str(number)
