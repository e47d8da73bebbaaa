"""Tasks with PodTriage as a user has them; ``pyflyte-execute`` imports this file by its name."""

from __future__ import annotations

import csv
import os
import sys
import typing

import flytekit
from flytekit import FlyteContext, StructuredDatasetType, dynamic, task
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.models import literals
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekit.types.structured.structured_dataset import (
    StructuredDataset,
    StructuredDatasetDecoder,
    StructuredDatasetEncoder,
    StructuredDatasetTransformerEngine,
)

from flytekitplugins_podtriage import PodTriage

IMAGE = "docker.io/acme/app:1"


class Rows(list[list[str]]):
    """A dataframe of the simplest kind: flytekit's data layer does with it what it does with any other."""


class Encoder(StructuredDatasetEncoder):
    def __init__(self) -> None:
        super().__init__(Rows, supported_format="csv")

    def encode(
        self, ctx: FlyteContext, structured_dataset: StructuredDataset, structured_dataset_type: StructuredDatasetType
    ) -> literals.StructuredDataset:
        path = ctx.file_access.get_random_local_path()
        with open(path, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(typing.cast("Rows", structured_dataset.dataframe))
        uri = f"{ctx.file_access.get_random_remote_directory()}/rows.csv"
        ctx.file_access.put_data(path, uri)
        structured_dataset_type.format = "csv"
        return literals.StructuredDataset(uri, literals.StructuredDatasetMetadata(structured_dataset_type))


class Decoder(StructuredDatasetDecoder):
    def __init__(self) -> None:
        super().__init__(Rows, supported_format="csv")

    def decode(
        self,
        ctx: FlyteContext,
        flyte_value: literals.StructuredDataset,
        current_task_metadata: literals.StructuredDatasetMetadata,
    ) -> Rows:
        path = ctx.file_access.get_random_local_path()
        ctx.file_access.get_data(flyte_value.uri, path)
        with open(path, encoding="utf-8", newline="") as file:
            return Rows(csv.reader(file))


for handler in (Encoder(), Decoder()):
    StructuredDatasetTransformerEngine.register(handler, default_format_for_type=True, override=True)


def _path(name: str) -> str:
    return os.path.join(flytekit.current_context().working_directory, name)


@task(task_config=PodTriage(), container_image=IMAGE)
def upper(file: FlyteFile) -> FlyteFile:
    path = _path("upper.txt")
    with open(file, encoding="utf-8") as read, open(path, "w", encoding="utf-8") as write:
        write.write(read.read().upper())
    return FlyteFile(path)


@task(task_config=PodTriage(), container_image=IMAGE)
def folder(names: list[str]) -> FlyteDirectory:
    path = _path("folder")
    os.makedirs(path)
    for name in names:
        with open(os.path.join(path, name), "w", encoding="utf-8") as file:
            file.write(name)
    return FlyteDirectory(path)


@task(task_config=PodTriage(), container_image=IMAGE)
def doubled(rows: Rows) -> Rows:
    return Rows([*rows, *rows])


@task(task_config=PodTriage(), container_image=IMAGE)
def several(a: int, b: str = "b") -> tuple[int, str, list[int], dict[str, float], bool | None]:
    return a + 1, b * 2, [a], {"a": a / 2}, None


@task(task_config=PodTriage(), container_image=IMAGE)
def silent() -> None:
    sys.stdout.write("silent, but here\n")


@task(task_config=PodTriage(), container_image=IMAGE)
def failing(recoverable: bool) -> int:
    if recoverable:
        raise FlyteRecoverableException("try me again")
    if not recoverable:
        raise ValueError("never again")
    return 0


@task(task_config=PodTriage(), container_image=IMAGE, retries=3)
def attempted() -> str:
    return os.environ["FLYTE_ATTEMPT_NUMBER"]


@dynamic(task_config=PodTriage(), container_image=IMAGE)
def fan(n: int) -> list[int]:
    return [several(a=i)[0] for i in range(n)]


@dynamic(task_config=PodTriage(), container_image=IMAGE)
def quiet(n: int) -> None:
    for _ in range(n):
        silent()
