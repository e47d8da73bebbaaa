"""Container tasks as a user writes them."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flytekit import kwtypes, workflow
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile

from flytekitplugins_podtriage import PodTriage, PodTriageContainerTask, Policy

IMAGE = "docker.io/acme/tools:1"
FOLDERS: dict[str, Any] = {"input_data_dir": "/var/inputs", "output_data_dir": "/var/outputs"}


def shell(name: str, script: str, **options: Any) -> PodTriageContainerTask:
    return PodTriageContainerTask(name=name, image=IMAGE, command=["sh", "-c", script], **{**FOLDERS, **options})


add = shell(
    "add",
    "echo $(( $(cat /var/inputs/a) + {{.inputs.b}} )) > /var/outputs/total",
    inputs=kwtypes(a=int, b=int),
    outputs=kwtypes(total=int),
)
silent = shell("silent", "exit {{.inputs.code}}", inputs=kwtypes(code=int), metadata=None)
bare = shell("bare", "true")
forgetful = shell("forgetful", "true", outputs=kwtypes(total=int))
angry = shell("angry", "echo the data is bad > /var/outputs/_ERROR", outputs=kwtypes(total=int))
kinds = shell(
    "kinds",
    "cd /var/outputs; echo 1.5 > f; echo true > b; echo 1h30m > d; echo 2026-03-01T12:00:00Z > t; echo hi > s; "
    "cat /var/inputs/file > file.txt; mkdir folder; cp /var/inputs/folder/* folder/",
    inputs=kwtypes(file=FlyteFile, folder=FlyteDirectory),
    outputs=kwtypes(f=float, b=bool, d=dt.timedelta, t=dt.datetime, s=str, file=FlyteFile, folder=FlyteDirectory),
)
asking = shell(
    "asking",
    "echo $GREETING from $FLYTE_ATTEMPT_NUMBER > $PLACE/said",
    outputs=kwtypes(said=str),
    environment={"GREETING": "hello", "PLACE": "/var/outputs"},
)
unsaid = PodTriageContainerTask(name="unsaid", image=IMAGE, command=[], arguments=["x"])
impatient = shell("impatient", "true", task_config=PodTriage(policy=Policy(system_patience=60)))


@workflow
def twice(a: int) -> int:
    first = add(a=a, b=1)
    second: int = add(a=first, b=10)
    return second
