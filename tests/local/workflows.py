"""Workflows as a user writes them; a pod's process imports this file by its name."""

from __future__ import annotations

import os

import flytekit
from flytekit import dynamic, map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.types.file import FlyteFile

from flytekitplugins_podtriage import PodTriage, Policy

IMAGE = "docker.io/acme/greeter:1"


@task(task_config=PodTriage(), container_image=IMAGE, retries=0)
def greet(name: str) -> str:
    return f"Hello, {name}, from process {os.getpid()}"


@task(task_config=PodTriage(), container_image=IMAGE, retries=2)
def patient(n: int) -> int:
    return n + 1


@task(task_config=PodTriage(), container_image=IMAGE)
def silent(n: int) -> None:
    if n < 0:
        raise ValueError(f"{n} is negative")


@task(task_config=PodTriage(), container_image=IMAGE, retries=1)
def unlucky(n: int) -> int:
    if n:
        raise FlyteRecoverableException("try me again")
    return n


@task(task_config=PodTriage(policy=Policy(system_patience=60)), container_image=IMAGE)
def impatient() -> int:
    return 1


@task(task_config=PodTriage(), container_image=IMAGE)
def write(text: str) -> FlyteFile:
    path = os.path.join(flytekit.current_context().working_directory, "out.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return FlyteFile(path)


@dynamic(task_config=PodTriage(), container_image=IMAGE)
def several(n: int) -> int:
    total = 0
    for i in range(n):
        silent(n=i)
        total += 1
    return total


@workflow
def hello(name: str = "Flyte") -> str:
    greeting: str = greet(name=name)
    silent(n=1)
    return greeting


@workflow
def mapped(ns: list[int]) -> list[int]:
    numbers: list[int] = map_task(patient)(n=ns)
    return numbers
