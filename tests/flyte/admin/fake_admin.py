"""A fake flyteadmin: flyteidl's own service over loopback, which behaves like the real one where it matters.

As in flyteadmin 1.16.8: pages by offset, sort keys must be columns, filters joined by ``+``, archived executions left
out, nodes listed by parent, messages of nodes cut after 100 bytes in lists.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import grpc
from flyteidl.admin import (
    execution_pb2,
    node_execution_pb2,
    task_execution_pb2,
    task_pb2,
)
from flyteidl.core import execution_pb2 as core_pb2
from flyteidl.core import identifier_pb2, tasks_pb2
from flyteidl.event import event_pb2
from flyteidl.service import admin_pb2_grpc

T0 = datetime(2026, 8, 1, 12, 0, 0, tzinfo=timezone.utc)
P, D = "flytesnacks", "development"
_FILTER = re.compile(r"(.+)\((.+),\s?(.+)\)")
_COLUMNS = {"execution_created_at", "created_at", "phase", "state"}


class FakeAdmin(admin_pb2_grpc.AdminServiceServicer):
    """The registered tasks and the executions of a flyteadmin, and how its service misbehaves."""

    def __init__(self) -> None:
        self.executions: dict[str, Any] = {}
        self.archived: set[str] = set()
        self.nodes: list[tuple[str, Any, str, tuple[str, int] | None]] = []
        self.attempts: dict[tuple[str, str], list[Any]] = {}
        self.tasks: dict[str, Any] = {}
        self.page = 1000
        self.max_bytes = 0
        self.failures: dict[str, tuple[grpc.StatusCode, str]] = {}
        self.calls: list[str] = []
        self.requests: list[Any] = []
        self.between_pages: Any = None

    # Recording executions

    def execution(self, name: str = "f1", phase: str = "FAILED", hours: float = 0, **closure: Any) -> str:
        self.executions[name] = execution_pb2.Execution(
            id=_execution_id(name),
            closure=execution_pb2.ExecutionClosure(phase=phase, created_at=T0 + timedelta(hours=hours), **closure),
        )
        return name

    def node(
        self,
        node: str,
        phase: str = "SUCCEEDED",
        execution: str = "f1",
        parent: str = "",
        parent_task: tuple[str, int] | None = None,
        spec: str | None = None,
        metadata: dict[str, Any] | None = None,
        **closure: Any,
    ) -> str:
        node_execution = node_execution_pb2.NodeExecution(
            id=identifier_pb2.NodeExecutionIdentifier(node_id=node, execution_id=_execution_id(execution)),
            closure=node_execution_pb2.NodeExecutionClosure(phase=phase, created_at=T0, **closure),
            metadata=node_execution_pb2.NodeExecutionMetaData(
                spec_node_id=node if spec is None else spec, **(metadata or {})
            ),
        )
        self.nodes.append((execution, node_execution, parent, parent_task))
        return node

    def attempt(
        self,
        node: str,
        retry: int = 0,
        phase: str = "FAILED",
        execution: str = "f1",
        task: str = "wf.train",
        is_parent: bool = False,
        **closure: Any,
    ) -> None:
        closure.setdefault("metadata", {"generated_name": f"{execution}-{node}-{retry}"})
        task_execution = task_execution_pb2.TaskExecution(
            id=identifier_pb2.TaskExecutionIdentifier(
                task_id=_task_id(task),
                node_execution_id=identifier_pb2.NodeExecutionIdentifier(
                    node_id=node, execution_id=_execution_id(execution)
                ),
                retry_attempt=retry,
            ),
            closure=task_execution_pb2.TaskExecutionClosure(
                phase=phase, task_type="python-task", created_at=T0, updated_at=T0 + timedelta(minutes=3), **closure
            ),
            is_parent=is_parent,
        )
        self.attempts.setdefault((execution, node), []).append(task_execution)

    def task(self, name: str = "wf.train", **metadata: Any) -> None:
        definition = task_pb2.Task(id=_task_id(name))
        template = definition.closure.compiled_task.template
        template.id.CopyFrom(_task_id(name))
        template.metadata.CopyFrom(tasks_pb2.TaskMetadata(**metadata))
        self.tasks[name] = definition

    # The service

    def GetExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enter("GetExecution", request, context)
        execution = self.executions.get(request.id.name)
        if execution is None or (request.id.project, request.id.domain) != (P, D):
            context.abort(grpc.StatusCode.NOT_FOUND, f"missing entity of type execution with identifier {request.id}")
        return execution

    def ListExecutions(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enter("ListExecutions", request, context)
        executions = [item for item in self.executions.values() if (request.id.project, request.id.domain) == (P, D)]
        with_archived = False
        for expression in request.filters.split("+") if request.filters else ():
            parsed = _FILTER.fullmatch(expression)
            if parsed is None or parsed[2] not in _COLUMNS:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"invalid value for filters: {expression}")
                raise AssertionError("abort raises")
            function, field, value = parsed.groups()
            if field == "state":
                with_archived = function == "value_in" and set(value.split(";")) == {"0", "1"}
                continue
            bound = datetime.fromisoformat(value.replace("Z", "+00:00"))
            executions = [item for item in executions if _compare(function, _at(item.closure.created_at), bound)]
        if not with_archived:
            executions = [item for item in executions if item.id.name not in self.archived]
        self._sort(executions, request, context)
        items, token = self._page(executions, request, context)
        return execution_pb2.ExecutionList(executions=items, token=token)

    def ListNodeExecutions(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enter("ListNodeExecutions", request, context)
        name = request.workflow_execution_id.name
        if request.unique_parent_id and not any(
            execution == name and item.id.node_id == request.unique_parent_id for execution, item, *_ in self.nodes
        ):
            context.abort(grpc.StatusCode.NOT_FOUND, "missing entity of type NODE_EXECUTION")
        nodes = [
            item
            for execution, item, parent, parent_task in self.nodes
            if execution == name and parent == request.unique_parent_id and parent_task is None
        ]
        items, token = self._page(nodes, request, context)
        return node_execution_pb2.NodeExecutionList(node_executions=[_trimmed(item) for item in items], token=token)

    def ListNodeExecutionsForTask(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enter("ListNodeExecutionsForTask", request, context)
        attempt = request.task_execution_id
        key = (attempt.node_execution_id.node_id, attempt.retry_attempt)
        nodes = [item for _, item, _, parent_task in self.nodes if parent_task == key]
        items, token = self._page(nodes, request, context)
        return node_execution_pb2.NodeExecutionList(node_executions=items, token=token)

    def GetNodeExecution(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enter("GetNodeExecution", request, context)
        for execution, item, *_ in self.nodes:
            if execution == request.id.execution_id.name and item.id.node_id == request.id.node_id:
                return item
        return context.abort(grpc.StatusCode.NOT_FOUND, "missing entity of type NODE_EXECUTION")

    def ListTaskExecutions(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enter("ListTaskExecutions", request, context)
        node = request.node_execution_id
        attempts = self.attempts.get((node.execution_id.name, node.node_id), [])
        items, token = self._page(attempts, request, context)
        return task_execution_pb2.TaskExecutionList(task_executions=items, token=token)

    def GetTask(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._enter("GetTask", request, context)
        definition = self.tasks.get(request.id.name)
        if definition is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "missing entity of type TASK")
        return definition

    def _enter(self, method: str, request: Any, context: grpc.ServicerContext) -> None:
        self.calls.append(method)
        self.requests.append(request)
        if method in self.failures:
            context.abort(*self.failures[method])

    def _sort(self, items: list[Any], request: Any, context: grpc.ServicerContext) -> None:
        if request.sort_by.key not in _COLUMNS:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"invalid sort key '{request.sort_by.key}'")
        items.sort(key=lambda item: _at(item.closure.created_at), reverse=request.sort_by.direction == 0)

    def _page(self, items: list[Any], request: Any, context: grpc.ServicerContext) -> tuple[list[Any], str]:
        if request.limit == 0:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "invalid value for limit")
        if request.sort_by.key not in _COLUMNS:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a page needs a sort order")
        offset = int(request.token or 0)
        limit = min(request.limit, self.page)
        page = items[offset : offset + limit]
        if self.max_bytes and sum(item.ByteSize() for item in page) > self.max_bytes:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "trying to send message larger than max (9 vs. 8)")
        if self.between_pages is not None:
            self.between_pages()
        return page, str(offset + len(page)) if len(page) == limit else ""


def _compare(function: str, one: datetime, other: datetime) -> bool:
    return {"gte": one >= other, "lte": one <= other}[function]


def _at(stamp: Any) -> datetime:
    moment: datetime = stamp.ToDatetime(tzinfo=timezone.utc)
    return moment


def _execution_id(name: str) -> Any:
    return identifier_pb2.WorkflowExecutionIdentifier(project=P, domain=D, name=name)


def _task_id(name: str) -> Any:
    kind = identifier_pb2.ResourceType.Value("TASK")
    return identifier_pb2.Identifier(resource_type=kind, project=P, domain=D, name=name, version="v1")


def _trimmed(item: Any) -> Any:
    if item.closure.WhichOneof("output_result") != "error":
        return item
    copy = node_execution_pb2.NodeExecution()
    copy.CopyFrom(item)
    copy.closure.error.message = copy.closure.error.message.encode()[:100].decode(errors="ignore")
    return copy


def execution_error(kind: str | int, code: str, message: str) -> Any:
    """Return an ``ExecutionError``; the kind may be a number that flyteidl does not have."""
    return core_pb2.ExecutionError(kind=kind, code=code, message=message)


def map_metadata(*elements: tuple[int, int, str]) -> Any:
    """Return the metadata of a map task with elements of (index, retry attempt, phase)."""
    return event_pb2.TaskExecutionMetadata(
        external_resources=[
            event_pb2.ExternalResourceInfo(index=i, retry_attempt=r, phase=phase, external_id=f"pod-n{i}-{r}")
            for i, r, phase in elements
        ]
    )
