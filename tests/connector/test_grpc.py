"""The connector as FlytePropeller calls it: flytekit's own service, over gRPC on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from flyteidl.admin import agent_pb2
from flyteidl.core.errors_pb2 import ErrorDocument
from flyteidl.core.execution_pb2 import ExecutionError, TaskExecution
from flyteidl.service import agent_pb2_grpc
from flytekit.extend.backend.base_connector import ConnectorRegistry
from flytekit.extend.backend.connector_service import AsyncConnectorService, ConnectorMetadataService

from flytekitplugins_podtriage import plugin
from flytekitplugins_podtriage.connector import factory
from flytekitplugins_podtriage.flyte.task import TASK_TYPE
from tests.connector.templates import execution_metadata, template
from tests.connector.world import World, run

Stub = agent_pb2_grpc.AsyncAgentServiceStub


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[[World, Callable[[Any], Awaitable[None]]], None]:
    """Serve a world's connector as ``pyflyte serve connector`` does, and run a test against it."""

    def serve(here: World, test: Callable[[Any], Awaitable[None]]) -> None:
        monkeypatch.setattr(factory, "connector", lambda: here.connector)

        async def both() -> None:
            server = grpc.aio.server()
            agent_pb2_grpc.add_AsyncAgentServiceServicer_to_server(AsyncConnectorService(), server)
            agent_pb2_grpc.add_AgentMetadataServiceServicer_to_server(ConnectorMetadataService(), server)
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            try:
                async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                    await test(channel)
            finally:
                await here.connector.close()
                await server.stop(None)

        run(both())

    return serve


def request(here: World, attempt: int = 0, **of_template: Any) -> agent_pb2.CreateTaskRequest:
    return agent_pb2.CreateTaskRequest(
        template=template(**of_template).to_flyte_idl(),
        output_prefix=str(here.prefix(attempt)),
        task_execution_metadata=execution_metadata(attempt=attempt).to_flyte_idl(),
    )


async def get(stub: Any, meta: bytes) -> Any:
    category = agent_pb2.TaskCategory(name=TASK_TYPE, version=0)
    response = await stub.GetTask(agent_pb2.GetTaskRequest(task_category=category, resource_meta=meta))
    return response.resource


async def until_over(here: World, stub: Any, meta: bytes) -> Any:
    from flytekitplugins_podtriage.connector.resource_meta import PodMeta

    pod = PodMeta.decode(meta)
    await here.created(pod)
    for _ in range(1000):
        resource = await get(stub, meta)
        if resource.phase in (TaskExecution.SUCCEEDED, TaskExecution.FAILED, TaskExecution.RETRYABLE_FAILED):
            return resource
        await here.cluster.wait_for_change(pod.namespace, pod.pod, here.cluster.now() + timedelta(minutes=1))
    raise AssertionError("the attempt is not over")


def test_the_entry_point_registers_the_connector_for_version_0_of_the_task_type() -> None:
    assert plugin.TASK_TYPE == TASK_TYPE
    connector = ConnectorRegistry.get_connector(TASK_TYPE, 0)
    assert connector.name == "PodTriage Connector"
    assert list(ConnectorRegistry.get_connector_metadata(connector.name).supported_task_types).count(TASK_TYPE) == 1


def test_flytepropeller_gets_the_task_type(world: Any, served: Any) -> None:
    async def test(channel: Any) -> None:
        stub = agent_pb2_grpc.AgentMetadataServiceStub(channel)
        agents = (await stub.ListAgents(agent_pb2.ListAgentsRequest())).agents
        types = [(one.name, one.version) for agent in agents for one in agent.supported_task_categories]
        assert (TASK_TYPE, 0) in types

    served(world(), test)


@pytest.mark.parametrize(
    ("plan", "outputs", "phase", "origin"),
    [
        ("docker.io: 429", ("o0",), TaskExecution.SUCCEEDED, ExecutionError.SYSTEM),
        ("pull: not found", ("o0",), TaskExecution.SUCCEEDED, ExecutionError.USER),
        ("pull: not found", (), TaskExecution.RETRYABLE_FAILED, ExecutionError.USER),
        ("node: shutdown at 30s\nbody: 5m", (), TaskExecution.RETRYABLE_FAILED, ExecutionError.USER),
        ("body: 2s", ("o0",), TaskExecution.SUCCEEDED, None),
    ],
)
def test_an_attempt_is_created_polled_and_deleted(
    world: Any, served: Any, plan: str, outputs: tuple[str, ...], phase: int, origin: int | None
) -> None:
    here = world(plan)

    async def test(channel: Any) -> None:
        stub = Stub(channel)
        meta = (await stub.CreateTask(request(here, outputs=outputs))).resource_meta
        resource = await until_over(here, stub, meta)
        document = here.error_document()
        assert resource.phase == phase
        assert (document and document.error.origin) == origin
        assert resource.custom_info["podtriage"]["namespace"] == "flytesnacks-development"
        await stub.DeleteTask(
            agent_pb2.DeleteTaskRequest(task_category=agent_pb2.TaskCategory(name=TASK_TYPE), resource_meta=meta)
        )
        await here.settle_down()
        assert here.pods() == []

    served(here, test)


def test_system_retries_are_charged_down_to_the_reserve_then_user_retries(
    world: Any, served: Any, tmp_path: Path
) -> None:
    here = world("pod: evicted at 30s\nbody: 5m")
    charged: list[int] = []

    async def test(channel: Any) -> None:
        stub = Stub(channel)
        for attempt in range(4):
            meta = (await stub.CreateTask(request(here, attempt, retries=1))).resource_meta
            await until_over(here, stub, meta)
            document = here.error_document(attempt)
            assert isinstance(document, ErrorDocument)
            charged.append(document.error.origin)

    served(here, test)
    system, user = ExecutionError.SYSTEM, ExecutionError.USER
    assert charged == [system, system, user, system]


def test_an_invalid_meta_does_not_fail_the_call(world: Any, served: Any) -> None:
    async def test(channel: Any) -> None:
        stub = Stub(channel)
        for data in (b"", b"{", b"\xff\x00", b'{"v": 7}'):
            assert (await get(stub, data)).phase == TaskExecution.WAITING_FOR_RESOURCES

    served(world(), test)


def test_many_concurrent_calls_settle_an_attempt_once(world: Any, served: Any) -> None:
    here = world("body: exit 3")

    async def test(channel: Any) -> None:
        stub = Stub(channel)
        meta = (await stub.CreateTask(request(here))).resource_meta
        first = await until_over(here, stub, meta)
        answers = await asyncio.gather(*(get(stub, meta) for _ in range(50)))
        assert all(answer == first for answer in answers)

    served(here, test)
