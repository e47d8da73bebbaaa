"""Tasks that are run locally with their pods in a cluster."""

from __future__ import annotations

from flytekit import dynamic, task

from flytekitplugins_podtriage import PodTriage, PodTriageContainerTask


@task(task_config=PodTriage(), container_image="docker.io/library/app:1", retries=1)
def double(a: int) -> int:
    return 2 * a


@task(task_config=PodTriage(), container_image="docker.io/library/app:1")
def silent(a: int) -> None:
    if a < 0:
        raise ValueError("negative")


@dynamic(task_config=PodTriage(), container_image="docker.io/library/app:1")
def twice(a: int) -> int:
    done: int = double(a=double(a=a))
    return done


greet = PodTriageContainerTask(name="greet", image="docker.io/library/app:1", command=["true"])
