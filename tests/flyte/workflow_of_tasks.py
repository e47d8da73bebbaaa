"""Tasks of the type podtriage, as a user writes them; a pod's process imports this file by its name."""

from __future__ import annotations

from typing import NamedTuple

from flytekit import dynamic, task, workflow
from flytekit.core.task import TaskPlugins

from flytekitplugins_podtriage.flyte.task import PodTriage, PodTriageFunctionTask


class InPod(PodTriageFunctionTask):
    """For tests of what happens in a pod: nothing is run locally."""


class Config(PodTriage):
    pass


TaskPlugins.register_pythontask_plugin(Config, InPod)


class Two(NamedTuple):
    first: int
    second: str


@task(task_config=Config(), container_image="docker.io/acme/app:1")
def twice(n: int) -> int:
    return 2 * n


@task(task_config=Config(), container_image="docker.io/acme/app:1")
def two(n: int) -> Two:
    return Two(n, str(n))


@task(task_config=Config(), container_image="docker.io/acme/app:1", retries=2)
def silent(n: int) -> None:
    if n < 0:
        raise ValueError(f"{n} is negative")


@dynamic(task_config=Config(), container_image="docker.io/acme/app:1")
def several(n: int) -> None:
    for i in range(n):
        silent(n=twice(n=i))


@workflow
def flow(n: int = 1) -> int:
    silent(n=n)
    doubled: int = twice(n=n)
    return doubled
