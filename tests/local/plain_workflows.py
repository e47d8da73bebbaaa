"""Workflows in flytekit's terms only: nothing here knows of podtriage."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from functools import partial

import flytekit
from flytekit import (
    Cache,
    Deck,
    PodTemplate,
    Resources,
    Secret,
    StructuredDatasetType,
    conditional,
    dynamic,
    eager,
    map_task,
    task,
    workflow,
)
from flytekit.extras.tasks.shell import OutputLocation, ShellTask
from flytekit.models import literals
from flytekit.types.file import FlyteFile
from flytekit.types.structured.structured_dataset import (
    StructuredDataset,
    StructuredDatasetDecoder,
    StructuredDatasetEncoder,
    StructuredDatasetTransformerEngine,
)

IMAGE = "docker.io/acme/plain:1"


class Frame(list[list[str]]):
    """A dataframe of the simplest kind: flytekit's data layer does with it what it does with any other."""


class Encoder(StructuredDatasetEncoder):
    def __init__(self) -> None:
        super().__init__(Frame, supported_format="csv")

    def encode(
        self, ctx: flytekit.FlyteContext, dataset: StructuredDataset, kind: StructuredDatasetType
    ) -> literals.StructuredDataset:
        path = ctx.file_access.get_random_local_path()
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(dataset.dataframe)
        uri = f"{ctx.file_access.get_random_remote_directory()}/frame.csv"
        ctx.file_access.put_data(path, uri)
        kind.format = "csv"
        return literals.StructuredDataset(uri, literals.StructuredDatasetMetadata(kind))


class Decoder(StructuredDatasetDecoder):
    def __init__(self) -> None:
        super().__init__(Frame, supported_format="csv")

    def decode(
        self,
        ctx: flytekit.FlyteContext,
        flyte_value: literals.StructuredDataset,
        current_task_metadata: literals.StructuredDatasetMetadata,
    ) -> Frame:
        path = ctx.file_access.get_random_local_path()
        ctx.file_access.get_data(flyte_value.uri, path)
        with open(path, encoding="utf-8", newline="") as file:
            return Frame(csv.reader(file))


for handler in (Encoder(), Decoder()):
    StructuredDatasetTransformerEngine.register(handler, default_format_for_type=True, override=True)


@dataclass
class Point:
    x: int
    y: int


@task(container_image=IMAGE, retries=1, requests=Resources(cpu="1", mem="200Mi"), environment={"COLOUR": "green"})
def square(n: int) -> int:
    """Square a number."""
    return n * n


@task(container_image=IMAGE)
def say(text: str) -> None:
    if not text:
        raise ValueError("no text")


@task(container_image=IMAGE, pod_template=PodTemplate(primary_container_name="mine", labels={"team": "a"}))
def templated(point: Point) -> Point:
    return Point(point.y, point.x)


@task(container_image=IMAGE, cache=Cache(version="1"))
def remembered(n: int) -> int:
    return n + 1


@task(container_image=IMAGE, secret_requests=[Secret(group="db", key="password")])
def with_secret() -> int:
    return len(flytekit.current_context().secrets.get("db", "password"))


@task(container_image=IMAGE)
def doubled(frame: Frame) -> Frame:
    return Frame([*frame, *frame])


@task(container_image=IMAGE)
def written(text: str) -> FlyteFile:
    path = os.path.join(flytekit.current_context().working_directory, "text")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return FlyteFile(path)


@task(container_image=IMAGE, enable_deck=True)
def with_deck(n: int) -> int:
    Deck("mine", "<p>deck</p>")
    return n


@task(container_image=IMAGE)
async def awaited(n: int) -> int:
    return n + 10


@task(container_image=IMAGE)
def scaled(n: int, by: int) -> int:
    return n * by


@dynamic(container_image=IMAGE)
def squares(n: int) -> list[int]:
    return [square(n=i) for i in range(n)]


@dynamic(container_image=IMAGE)
def say_all(texts: list[str]) -> None:
    for text in texts:
        say(text=text)


shell = ShellTask(
    name="shell",
    script="echo {inputs.n} > {outputs.out}",
    inputs=flytekit.kwtypes(n=int),
    output_locs=[OutputLocation(var="out", var_type=FlyteFile, location="out.txt")],
)


@eager
async def orchestrated(n: int) -> int:
    number: int = square(n=await awaited(n=n))
    return number


@workflow
def chosen(n: int) -> int:
    number: int = conditional("size").if_(n > 10).then(square(n=n)).else_().then(remembered(n=n))
    return number


@workflow
def everything(n: int = 3) -> tuple[list[int], list[int], list[int], int, Point]:
    say(text="hello")
    numbers = squares(n=n)
    say_all(texts=["a", "b"])
    mapped = map_task(square)(n=numbers)
    partly = map_task(partial(scaled, by=2))(n=numbers)
    return numbers, mapped, partly, chosen(n=n), templated(point=Point(1, 2))
