"""Workflows for the tests of `podtriage rehearse`."""

from __future__ import annotations

from flytekit import eager, task, workflow

from flytekitplugins_podtriage import PodTriage

LATER = 3


@task(task_config=PodTriage(), container_image="docker.io/acme/report:1", retries=1)
def count(rows: int) -> int:
    print(f"counting {rows} rows")  # noqa: T201
    if rows < 0:
        raise ValueError("fewer than none; password=hunter2hunter2")
    return rows


@task
def plain(rows: int) -> int:
    if rows > 99:
        raise KeyError("too many")
    return rows


@workflow
def wf(rows: int, name: str = "x") -> int:
    number: int = count(rows=rows)
    return number


@workflow
def mixed(rows: int = 1) -> int:
    number: int = plain(rows=count(rows=rows))
    return number


@task(task_config=PodTriage(enabled=False))
def disabled(rows: int) -> int:
    return rows


@workflow
def stock(rows: int = 1) -> int:
    number: int = disabled(rows=rows)
    return number


@task(task_config=PodTriage(), container_image="docker.io/acme/report:1", retries=1)
async def awaited(rows: int) -> int:
    return rows


@eager
async def orchestrated(rows: int) -> int:
    number: int = count(rows=await awaited(rows=rows))
    return number
