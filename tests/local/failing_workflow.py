"""A workflow whose body may fail, as a user writes it; ``pyflyte run`` and a pod's process import this file."""

from __future__ import annotations

from flytekit import task, workflow

from flytekitplugins_podtriage import PodTriage


def helper(n: int) -> float:
    return 1 / n


@task(task_config=PodTriage(), container_image="docker.io/acme/app:1", retries=1)
def divide(n: int) -> float:
    print("the body says this")  # noqa: T201
    return helper(n)


@workflow
def wf(n: int = 0) -> float:
    quotient: float = divide(n=n)
    return quotient
