"""What is read before an act is decided: the pod, its task, its node and its namespace.

The pod is read anew for each decision. What many pods share is read once for all of them: the resource of an execution
at most once a second, a node and a namespace every few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Protocol, TypeVar, Union

import attrs
import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.guard.owned_pod import controller
from flytekitplugins_podtriage.core.guard.policy import OPT_OUT_LABEL
from flytekitplugins_podtriage.core.guard.values import Confirmed, Facts, Read, ReadFailed, TaskRecord
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodSnapshot
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.error_mapping import response_error
from flytekitplugins_podtriage.kube.client.errors import Forbidden, NotFound
from flytekitplugins_podtriage.kube.client.http import Timeouts, send
from flytekitplugins_podtriage.kube.client.objects import Page, PartialObject
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import decode, fetch
from flytekitplugins_podtriage.kube.client.status import Details, read_status

RECORD_HOLDS: Final = 1.0
"""For how many seconds the resource of an execution is not read again."""
_LAUNCHES_FAIL: Final = timedelta(seconds=60)
"""For how long pods are taken not to be creatable after one could not be created."""
_NODE_HOLDS: Final = 5.0
_NAMESPACE_HOLDS: Final = 5.0
_NODE_SILENT: Final = timedelta(minutes=6)
"""A node is not taken to be Ready if its kubelet has not reported so for that long: kubelets report every five minutes
where nothing changes (``nodeStatusReportFrequency``). The node controller sets Ready to Unknown after 50 s
(``node-monitor-grace-period``), unless it is away itself."""
_MOST: Final = 2_000
"""How many answers are kept of each sort."""

Value = TypeVar("Value")
Result = TypeVar("Result")


class GuardedCluster(Protocol):
    """What the guard needs of a cluster: ``KubeCluster``, or several namespaces of one."""

    def now(self) -> datetime:
        """Return the cluster's time."""
        ...

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return a pod of the cache."""
        ...

    def freshness(self, snapshot: PodSnapshot) -> Freshness:
        """Return up to which moment a pod is known to be complete."""
        ...

    async def refresh(self, snapshot: PodSnapshot) -> None:
        """Read a pod into the cache."""
        ...

    async def request(self, operation: Operation, function: Callable[..., Result], *arguments: Any) -> Result:
        """Make a request in a thread."""
        ...


@attrs.frozen(kw_only=True)
class TaskSource:
    """Where a backend records its tasks, and how that is read."""

    group: str
    """API group and version."""
    resource: str
    """The plural."""
    read: Callable[[bytes], Any]
    """Decodes the resource, once for all pods of an execution; a text: why it cannot be read."""
    record: Callable[[Any, wire.Pod, Limits], Union[TaskRecord, str]]  # noqa: UP007  # evaluated on Python 3.10 too
    """Returns the record of a pod's task; a text: why there is none."""
    launch_failed: Callable[[Sequence[wire.Event], datetime], bool] | None = None
    """Whether Events about resources of the kind say that pods could not be created since a moment; None: the backend
    says so in the resource, or it does not matter to it."""
    kind: str = ""
    """The kind that those Events are about."""

    def operation(self, namespace: str, name: str) -> Operation:
        """Return what reads the resource of a pod's owner."""
        return Operation("get", self.resource, namespace, name, group=self.group)


class FactReader:
    """Reads what :class:`~flytekitplugins_podtriage.core.guard.values.Read` asks for.

    Args:
        cluster: the cluster.
        source: where the backend records its tasks.
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, cluster: GuardedCluster, source: TaskSource, *, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._source = source
        self._records: _Shared[Any] = _Shared(RECORD_HOLDS, clock)
        self._nodes: _Shared[tuple[bool | None, str]] = _Shared(_NODE_HOLDS, clock)
        self._namespaces: _Shared[bool] = _Shared(_NAMESPACE_HOLDS, clock)
        self._launches: _Shared[bool] = _Shared(RECORD_HOLDS, clock)

    async def read(self, plan: Read, limits: Limits) -> Confirmed | ReadFailed:
        """Read a pod and what belongs to it; ``limits`` are the backend's."""
        cluster = self._cluster
        snapshot = cluster.get_cached(plan.namespace, plan.name)
        if snapshot is None or _uid(snapshot) != plan.uid:
            return Confirmed(Facts(snapshot=None, freshness=Freshness.current(cluster.now())))
        try:
            await cluster.refresh(snapshot)
            snapshot = cluster.get_cached(plan.namespace, plan.name)
            if snapshot is None or snapshot.gone or _uid(snapshot) != plan.uid:
                return Confirmed(Facts(snapshot=None, freshness=Freshness.current(cluster.now())))
            facts = await self._facts(snapshot, limits)
        except ClusterError as error:
            return ReadFailed(str(error))
        return Confirmed(facts)

    async def _facts(self, snapshot: PodSnapshot, limits: Limits) -> Facts:
        namespace = (snapshot.pod.metadata.namespace if snapshot.pod.metadata is not None else None) or ""
        record, node, opted_out = await asyncio.gather(
            self._record(snapshot.pod, limits), self._node(snapshot.pod), self.opted_out(namespace)
        )
        task, problem, gone = record
        node_ready, kubelet = node
        return Facts(
            snapshot=snapshot,
            freshness=self._cluster.freshness(snapshot),
            task=task,
            task_problem=problem,
            task_gone=gone,
            node_ready=node_ready,
            kubelet=kubelet,
            namespace_opted_out=opted_out,
        )

    # The task

    async def _record(self, pod: wire.Pod, limits: Limits) -> tuple[TaskRecord | None, str, bool]:
        """Return the record of a pod's task; or why there is none, and whether its resource is gone."""
        owner, metadata = controller(pod), pod.metadata
        if owner is None or metadata is None or not owner.name:
            return None, "the pod has no owner", False
        operation = self._source.operation(metadata.namespace or "", owner.name)
        if operation.invalid_name is not None:
            return None, f"{operation}: not a valid name", False

        async def request() -> Any:
            return await self._cluster.request(operation, _resource, self._source.read)

        try:
            resource = await self._records.get((operation.namespace, operation.name), request)
        except Forbidden as error:
            return None, str(error), False
        except NotFound:
            return None, f"{operation}: it does not exist", True
        record = resource if isinstance(resource, str) else self._source.record(resource, pod, limits)
        if isinstance(record, str):
            return None, record, False
        if not record.launch_errors and await self._launch_fails(operation.namespace or ""):
            record = attrs.evolve(record, launch_errors=True)
        return record, "", record.uid != owner.uid

    async def _launch_fails(self, namespace: str) -> bool:
        """Whether the backend could not create pods in a namespace lately, by its Events."""
        failed, kind = self._source.launch_failed, self._source.kind
        if failed is None:
            return False
        since = self._cluster.now() - _LAUNCHES_FAIL

        async def request() -> bool:
            return failed(await self._cluster.request(Operation("list", "events", namespace), _events, kind), since)

        return await self._launches.get(namespace, request)

    def cached_record(self, pod: wire.Pod, limits: Limits) -> TaskRecord | None:
        """Return the record of a pod's task, if its resource was read within a second."""
        owner, metadata = controller(pod), pod.metadata
        if owner is None or metadata is None:
            return None
        resource = self._records.cached((metadata.namespace, owner.name))
        if resource is None or isinstance(resource, str):
            return None
        record = self._source.record(resource, pod, limits)
        return record if isinstance(record, TaskRecord) else None

    # The node and the namespace

    async def _node(self, pod: wire.Pod) -> tuple[bool | None, str]:
        """Return whether a pod's node is Ready, and its kubelet's version; None if it cannot be known."""
        name = pod.spec.node_name if pod.spec is not None else None
        operation = Operation("get", "nodes", None, name or "")
        if operation.invalid_name is not None:
            return None, ""

        async def request() -> tuple[bool | None, str]:
            try:
                node = await self._cluster.request(operation, _node)
            except NotFound:
                return False, ""
            except Forbidden:
                return None, ""
            return node.ready(self._cluster.now()), node.kubelet

        return await self._nodes.get(name, request)

    def cached_opt_out(self, name: str) -> bool | None:
        """Return whether a namespace opts out, if it was read within some seconds."""
        return self._namespaces.cached(name)

    async def opted_out(self, name: str) -> bool:
        """Whether a namespace opts out. A guard without the right to read it does not heed the label.

        Raises:
            ClusterError: it could not be read.
        """
        operation = Operation("get", "namespaces", None, name)
        if operation.invalid_name is not None:
            return False

        async def request() -> bool:
            try:
                namespace = await self._cluster.request(operation, _namespace)
            except (Forbidden, NotFound):
                return False
            labels = (namespace.metadata.labels if namespace.metadata is not None else None) or {}
            return labels.get(OPT_OUT_LABEL) == "off"

        return await self._namespaces.get(name, request)


def _uid(snapshot: PodSnapshot) -> str | None:
    return snapshot.pod.metadata.uid if snapshot.pod.metadata is not None else None


class _Shared(Generic[Value]):
    """Answers that hold for some seconds; whoever asks while one is requested gets the same."""

    def __init__(self, holds: float, clock: Callable[[], float]) -> None:
        self._holds = holds
        self._clock = clock
        self._answers: dict[object, tuple[float, Value]] = {}
        self._asked: dict[object, asyncio.Task[Value]] = {}

    def cached(self, key: object) -> Value | None:
        """Return an answer that still holds."""
        answer = self._answers.get(key)
        return answer[1] if answer is not None and self._clock() - answer[0] < self._holds else None

    async def get(self, key: object, request: Callable[[], Awaitable[Value]]) -> Value:
        """Return the answer that holds, or request it."""
        answer = self._answers.get(key)
        if answer is not None and self._clock() - answer[0] < self._holds:
            return answer[1]
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.ensure_future(self._request(key, request))
            task.add_done_callback(lambda _: self._asked.pop(key, None))
        return await asyncio.shield(task)

    async def _request(self, key: object, request: Callable[[], Awaitable[Value]]) -> Value:
        sent = self._clock()
        value = await request()
        if len(self._answers) >= _MOST:
            self._answers = {each: kept for each, kept in self._answers.items() if sent - kept[0] < self._holds}
        self._answers[key] = (sent, value)
        return value


# Requests: each blocks its thread


class _Condition(msgspec.Struct, rename="camel"):
    type: str | None = None
    status: str | None = None
    last_heartbeat_time: wire.Time | None = None


class _NodeInfo(msgspec.Struct, rename="camel"):
    kubelet_version: str | None = None


class _NodeStatus(msgspec.Struct, rename="camel"):
    conditions: list[_Condition] | None = None
    node_info: _NodeInfo | None = None


class _Node(msgspec.Struct):
    status: _NodeStatus | None = None

    @property
    def kubelet(self) -> str:
        """The version of its kubelet."""
        info = self.status.node_info if self.status is not None else None
        return (info.kubelet_version if info is not None else None) or ""

    def ready(self, now: datetime) -> bool:
        """Whether its kubelet reports that it is Ready, and did so lately if it reports when."""
        conditions = (self.status.conditions if self.status is not None else None) or ()
        ready = next((each for each in conditions if each.type == "Ready" and each.status == "True"), None)
        if ready is None:
            return False
        heard = ready.last_heartbeat_time
        return heard is None or now - heard < _NODE_SILENT


def _node(connection: Connection, operation: Operation, timeouts: Timeouts) -> _Node:
    return decode(connection, operation, fetch(connection, operation, timeouts=timeouts), _Node, "a node")


def _events(connection: Connection, operation: Operation, kind: str, timeouts: Timeouts) -> list[wire.Event]:
    body = fetch(connection, operation, {"fieldSelector": f"involvedObject.kind={kind}"}, timeouts=timeouts)
    return decode(connection, operation, body, Page[wire.Event], "a list of Events").items or []


def _namespace(connection: Connection, operation: Operation, timeouts: Timeouts) -> PartialObject:
    body = fetch(connection, operation, timeouts=timeouts)
    return decode(connection, operation, body, PartialObject, "a namespace")


def _resource(connection: Connection, operation: Operation, read: Callable[[bytes], Any], timeouts: Timeouts) -> Any:
    """Return the resource of an execution, decoded.

    Raises:
        NotFound: it does not exist; where its API does not exist there is another error.
    """
    response = send(connection, operation, timeout=timeouts.urllib3())
    if response.status == 200:
        return read(response.body)
    status = read_status(response.body)
    error = response_error(connection, operation, response.status, status)
    details = status.details or Details()
    if isinstance(error, NotFound) and details.name != operation.name:
        raise ClusterError(f"{connection.location}: {operation}: there is no such API: {status.detail}")
    raise error
