"""What is read before an act is decided, and how seldom."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.accounting import Counters, Limits
from flytekitplugins_podtriage.core.guard.policy import OPT_OUT_LABEL
from flytekitplugins_podtriage.core.guard.values import Confirmed, Facts, Read, ReadFailed, TaskRecord
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, PodSnapshot
from flytekitplugins_podtriage.guard.facts import FactReader, TaskSource
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.builders import NAME, NAMESPACE, NOW, ago
from tests.guard.cluster import FakeCluster, snapshot
from tests.kube.model import status
from tests.kube.scripted import Scripted

WORKFLOW = f"/apis/flyte.lyft.com/v1alpha1/namespaces/{NAMESPACE}/flyteworkflows/f3a91c"
NODE = "/api/v1/nodes/n1"
NS = f"/api/v1/namespaces/{NAMESPACE}"
EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
READ = Read(NAMESPACE, NAME, f"uid-{NAME}")
RECORD = TaskRecord(execution="f3a91c", uid="w1", attempt=0, counters=Counters(), limits=Limits())


def node(ready: str = "True", age: float = 5, version: str = "v1.34.4") -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "lastHeartbeatTime": ago(age)}
    return {"kind": "Node", "status": {"conditions": [condition], "nodeInfo": {"kubeletVersion": version}}}


def missing(resource: str, name: str, group: str = "") -> dict[str, Any]:
    return status(404, "not found", reason="NotFound", details={"name": name, "group": group, "kind": resource})


class World:
    """A reader of facts, and what it reads."""

    def __init__(self, script: Scripted, connection: Connection, **source: Any) -> None:
        self.script = script
        self.cluster = FakeCluster(connection)
        self.cluster.put(snapshot())
        self.time = 0.0
        self.recorded: list[bytearray] = []
        made = TaskSource(
            group="flyte.lyft.com/v1alpha1",
            resource="flyteworkflows",
            read=bytearray,
            record=self._record,
        )
        self.reader = FactReader(self.cluster, attrs.evolve(made, **source), clock=lambda: self.time)
        self.answers: TaskRecord | str = RECORD

    def _record(self, resource: bytearray, pod: wire.Pod, limits: Limits) -> TaskRecord | str:
        self.recorded.append(resource)
        return self.answers

    def usual(self) -> None:
        """Script the usual responses."""
        self.script.reply("GET", WORKFLOW, 200, b"the workflow")
        self.script.reply("GET", NODE, 200, node())
        self.script.reply("GET", NS, 200, {"kind": "Namespace", "metadata": {"name": NAMESPACE}})

    async def facts(self) -> Facts:
        answer = await self.reader.read(READ, Limits())
        assert isinstance(answer, Confirmed), answer
        return answer.facts

    def count(self, path: str) -> int:
        return sum(request.path == path for request in self.script.requests)


@pytest.fixture
def world(script: Scripted, scripted: Connection) -> World:
    return World(script, scripted)


async def test_the_pod_its_task_its_node_and_its_namespace_are_read(world: World) -> None:
    world.usual()
    facts = await world.facts()
    assert world.cluster.refreshed == [NAME]
    assert facts.snapshot is world.cluster.pods[NAMESPACE, NAME]
    assert facts.freshness.as_of == NOW
    assert (facts.task, facts.task_problem, facts.task_gone) == (RECORD, "", False)
    assert (facts.node_ready, facts.kubelet, facts.namespace_opted_out) == (True, "v1.34.4", False)
    assert world.recorded == [b"the workflow"]


async def test_what_pods_share_is_read_once_for_some_time(world: World) -> None:
    world.usual()
    await asyncio.gather(*(world.reader.read(READ, Limits()) for _ in range(20)))
    assert (world.count(WORKFLOW), world.count(NODE), world.count(NS)) == (1, 1, 1)
    world.time = 1.1
    await world.facts()
    assert (world.count(WORKFLOW), world.count(NODE), world.count(NS)) == (2, 1, 1)
    world.time = 6.2
    await world.facts()
    assert (world.count(WORKFLOW), world.count(NODE), world.count(NS)) == (3, 2, 2)


@pytest.mark.parametrize("cached", [None, snapshot(uid="another"), snapshot(gone=True)])
async def test_a_pod_that_is_gone_is_none(world: World, cached: PodSnapshot | None) -> None:
    world.usual()

    def go(_: PodSnapshot) -> None:
        world.cluster.pods = {} if cached is None else {(NAMESPACE, NAME): cached}

    world.cluster.on_refresh = go
    assert (await world.facts()).snapshot is None
    assert world.script.requests == []


async def test_a_pod_that_cannot_be_read_is_a_failure(world: World) -> None:
    def fail(_: PodSnapshot) -> None:
        raise ClusterBusy("the watch does not report it")

    world.cluster.on_refresh = fail
    assert await world.reader.read(READ, Limits()) == ReadFailed("the watch does not report it")


@pytest.mark.parametrize(
    ("code", "body", "problem", "gone"),
    [
        (404, missing("flyteworkflows", "f3a91c", "flyte.lyft.com"), "does not exist", True),
        (403, status(403, "forbidden", reason="Forbidden"), "may not get flyteworkflows", False),
    ],
)
async def test_why_there_is_no_record(world: World, code: int, body: Any, problem: str, gone: bool) -> None:
    world.usual()
    world.script._replies.pop(("GET", WORKFLOW))
    world.script.reply("GET", WORKFLOW, code, body)
    facts = await world.facts()
    assert facts.task is None
    assert problem in facts.task_problem
    assert facts.task_gone == gone


@pytest.mark.parametrize(("code", "body"), [(404, missing("", "")), (404, b"<html>"), (500, status(500, "etcd"))])
async def test_an_api_that_does_not_answer_is_no_reason_to_believe_that_the_task_is_gone(
    world: World, code: int, body: Any
) -> None:
    world.usual()
    world.script._replies.pop(("GET", WORKFLOW))
    world.script.reply("GET", WORKFLOW, code, body)
    assert isinstance(await world.reader.read(READ, Limits()), ReadFailed)


async def test_a_resource_without_a_record_says_why(world: World) -> None:
    world.usual()
    world.answers = "the node is not in the resource"
    facts = await world.facts()
    assert (facts.task, facts.task_problem, facts.task_gone) == (None, "the node is not in the resource", False)


async def test_another_resource_of_the_owners_name_means_that_the_owner_is_gone(world: World) -> None:
    world.usual()
    world.answers = attrs.evolve(RECORD, uid="w2")
    assert (await world.facts()).task_gone


@pytest.mark.parametrize(
    ("code", "body", "ready"),
    [
        (200, node("False"), False),
        (200, node("Unknown"), False),
        (200, node(age=400), False),
        (200, {"kind": "Node"}, False),
        (404, missing("nodes", "n1"), False),
        (403, status(403, "forbidden", reason="Forbidden"), None),
    ],
)
async def test_whether_the_node_is_ready(world: World, code: int, body: Any, ready: bool | None) -> None:
    world.usual()
    world.script._replies.pop(("GET", NODE))
    world.script.reply("GET", NODE, code, body)
    assert (await world.facts()).node_ready is ready


@pytest.mark.parametrize(("value", "opted_out"), [("off", True), ("on", False)])
async def test_the_label_of_the_namespace(world: World, value: str, opted_out: bool) -> None:
    world.usual()
    world.script._replies.pop(("GET", NS))
    world.script.reply("GET", NS, 200, {"metadata": {"name": NAMESPACE, "labels": {OPT_OUT_LABEL: value}}})
    assert world.reader.cached_opt_out(NAMESPACE) is None
    assert (await world.facts()).namespace_opted_out == opted_out
    assert world.reader.cached_opt_out(NAMESPACE) == opted_out


async def test_a_namespace_that_may_not_be_read_has_not_opted_out(world: World) -> None:
    world.usual()
    world.script._replies.pop(("GET", NS))
    world.script.reply("GET", NS, 403, status(403, "forbidden", reason="Forbidden"))
    assert not (await world.facts()).namespace_opted_out


async def test_a_record_at_hand_holds_for_a_second(world: World) -> None:
    world.usual()
    cached = world.cluster.pods[NAMESPACE, NAME].pod
    assert world.reader.cached_record(cached, Limits()) is None
    await world.facts()
    assert world.reader.cached_record(cached, Limits()) == RECORD
    world.time = 1.1
    assert world.reader.cached_record(cached, Limits()) is None


async def test_launch_errors_are_read_from_the_events_of_the_kind(script: Scripted, scripted: Connection) -> None:
    asked: list[Any] = []

    def failed(events: Any, since: Any) -> bool:
        asked.append((len(events), since))
        return True

    world = World(script, scripted, launch_failed=failed, kind="TaskAction")
    world.usual()
    script.reply("GET", EVENTS, 200, {"kind": "EventList", "items": [{"reason": "FailedPluginHandle"}]})
    facts = await world.facts()
    assert facts.task is not None
    assert facts.task.launch_errors
    assert asked == [(1, NOW - timedelta(seconds=60))]
    (request,) = [request for request in script.requests if request.path == EVENTS]
    assert request.query == {"fieldSelector": "involvedObject.kind=TaskAction"}
