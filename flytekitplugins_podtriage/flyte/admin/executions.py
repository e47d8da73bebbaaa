"""Past executions and their attempts, as flyteadmin records them; reading them needs no permissions in a cluster.

This relies on how flyteadmin 1.16.8 responds (flyteadmin/pkg/manager/impl): a list of nodes has those of the top level,
or the children of one node; a branch is not marked as a parent; lists of nodes and executions cut error messages after
100 bytes, lists of task executions do not; filters are joined by ``+``, so a time in a filter must end in ``Z``;
archived executions are left out unless the state is filtered; tokens are offsets, so pages need a sort order.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterator
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from flyteidl.admin import common_pb2, execution_pb2, node_execution_pb2, task_execution_pb2
from flyteidl.core import identifier_pb2

from flytekitplugins_podtriage.core.attempt_history import Attempt, ExecutionRef
from flytekitplugins_podtriage.flyte.admin.client import AdminClient
from flytekitplugins_podtriage.flyte.admin.errors import FlyteNotFound
from flytekitplugins_podtriage.flyte.admin.protos import (
    FAILED_NODE,
    NOT_RUN,
    execution_failure,
    execution_ref,
    launched_execution,
    node_failure,
    node_phase,
    task_attempt,
)
from flytekitplugins_podtriage.flyte.admin.task_definitions import TaskDefinitions

_MAX_DEPTH = 64
"""How deep nodes may be nested; subworkflows and dynamic tasks rarely reach ten."""
_REMEMBERED = 1000
"""How many executions are remembered while paging, since new ones move older ones to later pages."""
_SHOWN_NODES = 20


def attempts_of_execution(
    client: Any, project: str, domain: str, name: str, node: str | None = None
) -> Iterator[Attempt]:
    """Yield the attempts of an execution, each node's in order, a node before those inside it.

    Nodes inside nodes are included (subworkflows, branches, dynamic tasks, maps); the execution that a launch plan's
    node launched is not, but is named by ``Attempt.launched``. The failure of a node, or of the execution, that no
    attempt accounts for is yielded as an attempt without ``retry_attempt``, after the others.

    ``client`` is flytekit's ``SynchronousFlyteClient`` (``FlyteRemote(...).client``). A ``node`` restricts this to one
    node and those inside it: an id in its workflow (``n0``; several nodes may have it), the unique id that flyteadmin
    lists, or a path (``n0/dn1``).

    Raises:
        FlyteNotFound: there is no such execution, or no such node in it.
        FlyteUnreachable: flyteadmin cannot be called, or a call failed.
    """
    admin = AdminClient(client)
    execution = ExecutionRef(project, domain, name)
    request = execution_pb2.WorkflowExecutionGetRequest(id=_identifier(execution))
    # flyteadmin lists the nodes of an execution that does not exist as an empty list, without an error.
    message = admin.call("get_execution", request, f"execution {execution}")
    walk = _Walk(admin, TaskDefinitions(admin), execution, node)
    explained = yield from walk.attempts()
    if node is None and not explained:
        failure = execution_failure(message, execution)
        if failure is not None:
            yield failure
    if node is not None and not walk.matched:
        nodes = ", ".join(walk.nodes[:_SHOWN_NODES]) + (", ..." if len(walk.nodes) > _SHOWN_NODES else "")
        raise FlyteNotFound(f"execution {execution}: no node {node[:80]!r}; allowed: {nodes or 'it has no nodes yet'}")


def failed_attempts(
    client: Any,
    project: str,
    domain: str,
    since: datetime,
    until: datetime | None = None,
    limit: int | None = None,
) -> Iterator[Attempt]:
    """Yield the failed attempts of all executions created in a span of time, the newest execution first.

    Executions that succeeded or still run are included, since an attempt that was retried has been charged; so are
    archived ones. Memory is bounded by the largest node, not by the number of executions.

    ``client`` is flytekit's ``SynchronousFlyteClient``; ``since`` and ``until`` are aware, and both inclusive; at most
    ``limit`` attempts are yielded.

    Raises:
        ValueError: a time without a zone, or a negative limit.
        FlyteUnreachable: flyteadmin cannot be called, or a call failed.
    """
    if limit is not None and limit < 0:
        raise ValueError(f"invalid limit {limit}; allowed: None, 0 or more")
    admin = AdminClient(client)
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=project, domain=domain),
        filters=_filters(since, until),
        sort_by=common_pb2.Sort(key="execution_created_at", direction=common_pb2.Sort.DESCENDING),
    )
    return islice(_failed_attempts(admin, request, f"executions in {project}/{domain}"), limit)


def _failed_attempts(admin: AdminClient, request: Any, about: str) -> Iterator[Attempt]:
    definitions = TaskDefinitions(admin)
    visited: OrderedDict[str, None] = OrderedDict()
    for execution in admin.pages("list_executions_paginated", request, "executions", about):
        if execution.id.name in visited:
            continue
        visited[execution.id.name] = None
        if len(visited) > _REMEMBERED:
            visited.popitem(last=False)
        attempts = _Walk(admin, definitions, execution_ref(execution.id), None).attempts()
        yield from (attempt for attempt in attempts if attempt.failed)


def _filters(since: datetime, until: datetime | None) -> str:
    """Return the filter of executions in flyteadmin's syntax (pkg/manager/impl/util/filters.go)."""
    parts = [f"gte(execution_created_at,{_utc(since, 'since')})"]
    if until is not None:
        parts.append(f"lte(execution_created_at,{_utc(until, 'until')})")
    parts.append("value_in(state,0;1)")  # active and archived (ExecutionState)
    return "+".join(parts)


def _utc(moment: datetime, argument: str) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"{argument}: {moment.isoformat()} has no time zone; allowed: an aware datetime")
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _identifier(execution: ExecutionRef) -> Any:
    return identifier_pb2.WorkflowExecutionIdentifier(
        project=execution.project, domain=execution.domain, name=execution.name
    )


def _oldest_first() -> Any:
    return common_pb2.Sort(key="created_at", direction=common_pb2.Sort.ASCENDING)


class _Walk:
    """One walk over the nodes of an execution."""

    def __init__(
        self, admin: AdminClient, definitions: TaskDefinitions, execution: ExecutionRef, wanted: str | None
    ) -> None:
        self._admin = admin
        self._definitions = definitions
        self._execution = execution
        self._wanted = wanted
        self.matched = False
        self.nodes: list[str] = []
        """The nodes of the top level, for the message about a node that does not exist."""

    def attempts(self) -> Generator[Attempt, None, bool]:
        """Yield all attempts; return whether a node has failed."""
        failed = False
        for node in self._list_nodes(None, f"nodes of execution {self._execution}"):
            if self._wanted is not None and len(self.nodes) <= _SHOWN_NODES:
                self.nodes.append(node.metadata.spec_node_id or node.id.node_id)
            failed |= yield from self._node(node, (), self._wanted is None)
        return failed

    def _node(self, node: Any, path: tuple[str, ...], inside: bool) -> Generator[Attempt, None, bool]:
        """Yield the attempts of a node and of those inside it, and its own failure if none of them accounts for it.

        Return whether an attempt accounts for a failure of the node.
        """
        spec = node.metadata.spec_node_id or node.id.node_id
        if spec in ("start-node", "end-node"):
            return False
        if not inside and self._wanted in (spec, node.id.node_id, "/".join((*path, spec))):
            self.matched = inside = True
        about = f"node {'/'.join((*path, spec))} of execution {self._execution}"
        explained = False
        request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=node.id, sort_by=_oldest_first())
        pages = self._admin.pages("list_task_executions_paginated", request, "task_executions", about)
        task_executions = sorted(pages, key=lambda item: item.id.retry_attempt)
        for item in task_executions:
            if inside:
                definition = self._definitions.get(item.id.task_id)
                followed = item.id.retry_attempt < task_executions[-1].id.retry_attempt
                attempt = task_attempt(node, path, item, definition, followed, self._execution)
                explained = explained or (attempt.failed and not followed)
                yield attempt
        for child in self._children(node, task_executions, about, len(path)):
            explained |= yield from self._node(child, (*path, spec), inside)
        if inside and not explained and node_phase(node) in FAILED_NODE:
            # The message in the list is cut.
            get_request = node_execution_pb2.NodeExecutionGetRequest(id=node.id)
            yield node_failure(self._admin.call("get_node_execution", get_request, about), path, self._execution)
            explained = True
        return explained

    def _children(self, node: Any, attempts: list[Any], about: str, depth: int) -> Iterator[Any]:
        """Yield the nodes inside a node."""
        if depth >= _MAX_DEPTH:
            return
        for attempt in attempts:
            if attempt.is_parent:  # event version 0 of FlytePropeller: the attempt is the parent
                request = node_execution_pb2.NodeExecutionForTaskListRequest(
                    task_execution_id=attempt.id, sort_by=_oldest_first()
                )
                yield from self._admin.pages(
                    "list_node_executions_for_task_paginated", request, "node_executions", about
                )
        childless = node_phase(node) in NOT_RUN or launched_execution(node) is not None
        if node.metadata.is_parent_node or not (attempts or childless):
            yield from self._list_nodes(node.id.node_id, about)

    def _list_nodes(self, parent: str | None, about: str) -> Iterator[Any]:
        """Return the nodes of the top level, or those inside a node, given by its unique id."""
        request = node_execution_pb2.NodeExecutionListRequest(
            workflow_execution_id=_identifier(self._execution), sort_by=_oldest_first(), unique_parent_id=parent
        )
        return self._admin.pages("list_node_executions_paginated", request, "node_executions", about)
