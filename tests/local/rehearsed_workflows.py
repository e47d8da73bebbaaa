"""Workflows of many tasks, to be rehearsed."""

from __future__ import annotations

import typing

from flytekit import dynamic, map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException

from flytekitplugins_podtriage import PodTriage

TRIED: set[int] = set()


@task(task_config=PodTriage(), container_image="ghcr.io/acme/app:1", retries=1)
def step(n: int) -> int:
    return n + 1


@task(task_config=PodTriage(), container_image="docker.io/acme/train:1", retries=1)
def train(n: int) -> int:
    return n + 1


@task(task_config=PodTriage(), container_image="docker.io/acme/fetch:1", retries=1)
def fetch(n: int) -> int:
    return n


@task(task_config=PodTriage(), container_image="ghcr.io/acme/app:1", retries=1)
def moody(n: int) -> int:
    if n == 7 and n not in TRIED:
        TRIED.add(n)
        raise FlyteRecoverableException("not at once")
    return n


@task(task_config=PodTriage(), container_image="ghcr.io/acme/app:1")
def even(n: int) -> int:
    if n % 2:
        raise ValueError(f"{n} is odd")
    return n


@task(task_config=PodTriage(), container_image="ghcr.io/acme/app:1")
def total(ns: list[int]) -> int:
    return sum(ns)


@task
def plain(n: int) -> int:
    if n:
        raise KeyError(n)
    return n


@dynamic(task_config=PodTriage(), container_image="docker.io/acme/dyn:1", retries=1)
def dyn(n: int) -> int:
    for _ in range(2):
        n = step(n=n)
    return n


@dynamic(task_config=PodTriage(), container_image="ghcr.io/acme/dyn:1", retries=1)
def dyn_of_train(n: int) -> int:
    number: int = train(n=n)
    return number


@workflow
def twelve() -> int:
    n = 1
    for _ in range(6):
        n = step(n=n)
    n = train(n=n)
    for _ in range(4):
        n = step(n=n)
    number: int = step(n=n)
    return number


@workflow
def mapped() -> int:
    number: int = total(ns=map_task(fetch)(n=list(range(20))))
    return number


@workflow
def mapped_with_an_odd_one() -> list[int]:
    TRIED.clear()
    numbers: list[int] = map_task(moody)(n=list(range(20)))
    return numbers


@workflow
def mapped_with_ratio() -> list[typing.Optional[int]]:  # noqa: UP045  # flytekit's own wording
    numbers: list[typing.Optional[int]] = map_task(even, min_success_ratio=0.5)(n=[2, 3, 4])  # noqa: UP045
    return numbers


@workflow
def with_dynamic() -> int:
    number: int = step(n=dyn(n=step(n=1)))
    return number


@workflow
def with_dynamic_of_train() -> int:
    number: int = step(n=dyn_of_train(n=step(n=1)))
    return number


@workflow
def with_plain() -> int:
    number: int = step(n=plain(n=step(n=1)))
    return number


@workflow
def two_limited() -> int:
    number: int = fetch(n=train(n=1))
    return number


def _alike(retries: int) -> typing.Any:
    return task(task_config=PodTriage(), container_image="docker.io/acme/app:1", retries=retries)


@_alike(retries=1)
def first(n: int) -> int:
    return n


@_alike(retries=1)
def second(n: int) -> int:
    return n


@_alike(retries=1)
def third(n: int) -> int:
    return n


@_alike(retries=1)
def fourth(n: int) -> int:
    return n


@_alike(retries=2)
def odd(n: int) -> int:
    return n


@workflow
def five(n: int = 1) -> int:
    number: int = odd(n=fourth(n=third(n=second(n=first(n=n)))))
    return number
