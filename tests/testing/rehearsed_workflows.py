"""Workflows as a user has them, most of them without a word about podtriage."""

from __future__ import annotations

from flytekit import dynamic, eager, map_task, task, workflow
from flytekit.core.node_creation import create_node
from flytekit.exceptions.user import FlyteRecoverableException

from flytekitplugins_podtriage import PodTriage

CALLS: list[str] = []


@task(container_image="ghcr.io/acme/load:1")
def load(n: int) -> int:
    CALLS.append("load")
    return n


@task(container_image="docker.io/acme/app:1", retries=1)
def step(n: int) -> int:
    if n < 0:
        raise ValueError(f"{n} is negative")
    return n + 1


@task(container_image="docker.io/acme/app:1")
def quiet(n: int) -> None:
    CALLS.append("quiet")


@dynamic(container_image="quay.io/acme/dyn:1")
def dyn(n: int) -> int:
    total = 0
    for i in range(n):
        total += 1
        step(n=i)
    return total


@workflow
def wf(n: int = 2) -> int:
    loaded = load(n=n)
    quiet(n=loaded)
    total: int = dyn(n=loaded)
    return total


@workflow
def mapped(ns: list[int]) -> list[int | None]:
    numbers: list[int | None] = map_task(step, min_success_ratio=0.5)(n=ns)
    return numbers


@task(container_image="docker.io/acme/app:1", cache=True, cache_version="1")
def cached(n: int) -> int:
    CALLS.append("cached")
    return n


@task(task_config=PodTriage(), container_image="docker.io/acme/app:1")
async def awaited(n: int) -> int:
    return n + 10


@task(container_image="docker.io/acme/app:1")
async def plain_awaited(n: int) -> int:
    return n + 100


@eager
async def orchestrate(n: int) -> int:
    first = await awaited(n=n)
    second = await plain_awaited(n=first)
    total: int = load(n=second)
    return total


@workflow
def with_async_node(n: int) -> int:
    node = create_node(awaited, n=n)
    total: int = node.o0
    return total


@task(container_image="docker.io/acme/app:1", retries=2)
def flaky(n: int) -> int:
    CALLS.append("flaky")
    if len(CALLS) % 2:
        raise FlyteRecoverableException("try me again")
    return n


@task(task_config=PodTriage(enabled=False), container_image="docker.io/acme/app:1")
def left_alone(n: int) -> int:
    return n
