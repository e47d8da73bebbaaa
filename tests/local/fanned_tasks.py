"""Tasks that make tasks: dynamic ones and mapped ones, as a user writes them."""

from __future__ import annotations

import functools
import typing

from flytekit import dynamic, map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException

from flytekitplugins_podtriage import PodTriage

IMAGE = "docker.io/acme/app:1"
TRIED: dict[str, int] = {}


def tried(name: str) -> int:
    TRIED[name] = TRIED.get(name, 0) + 1
    return TRIED[name]


@task(task_config=PodTriage(), container_image=IMAGE, retries=1)
def half(n: int) -> int:
    if n % 2:
        raise ValueError(f"{n} is odd")
    return n // 2


@task(task_config=PodTriage(), container_image=IMAGE, retries=1)
def moody(n: int) -> int:
    if tried(f"moody {n}") == 1:
        raise FlyteRecoverableException("not at once")
    return n


@task(task_config=PodTriage(), container_image=IMAGE)
def note(n: int) -> None:
    tried("note")


@task(task_config=PodTriage(), container_image=IMAGE)
def added(a: int, b: int) -> int:
    return a + b


@dynamic(task_config=PodTriage(), container_image=IMAGE)
def halves(n: int) -> list[int]:
    return [half(n=2 * i) for i in range(n)]


@dynamic(task_config=PodTriage(), container_image=IMAGE)
def notes(n: int) -> None:
    for i in range(n):
        note(n=i)


@dynamic(task_config=PodTriage(), container_image=IMAGE)
def odd() -> int:
    number: int = half(n=3)
    return number


@dynamic(task_config=PodTriage(), container_image=IMAGE, retries=2)
def unlucky(n: int) -> int:
    if tried("unlucky") < 3:
        raise FlyteRecoverableException("not at once")
    number: int = half(n=n)
    return number


@workflow
def all_halves(ns: list[int]) -> list[int]:
    numbers: list[int] = map_task(half, concurrency=2)(n=ns)
    return numbers


@workflow
def most_halves(ns: list[int]) -> list[typing.Optional[int]]:  # noqa: UP045  # flytekit's own wording
    numbers: list[typing.Optional[int]] = map_task(half, min_success_ratio=0.5)(n=ns)  # noqa: UP045
    return numbers


@workflow
def all_moody(ns: list[int]) -> list[int]:
    numbers: list[int] = map_task(moody)(n=ns)
    return numbers


@workflow
def all_added(ns: list[int]) -> list[int]:
    numbers: list[int] = map_task(functools.partial(added, b=10))(a=ns)
    return numbers


@workflow
def all_notes(ns: list[int]) -> None:
    map_task(note)(n=ns)
