"""flytekit's features around PodTriage tasks, as a user writes them; a pod's process imports this file by its name."""

from __future__ import annotations

import os
from datetime import timedelta

import flytekit
from flytekit import Deck, Secret, conditional, task, workflow
from flytekit.core.workflow import ImperativeWorkflow

from flytekitplugins_podtriage import PodTriage

IMAGE = "docker.io/acme/app:1"
CALLS: list[str] = []


@task(task_config=PodTriage(), container_image=IMAGE, cache=True, cache_version="1")
def remembered(n: int) -> int:
    CALLS.append("remembered")
    return n * n


@task(task_config=PodTriage(), container_image=IMAGE, retries=1, timeout=timedelta(minutes=10))
def patient(n: int) -> int:
    return n


@task(task_config=PodTriage(), container_image=IMAGE, interruptible=True)
def on_spot(n: int) -> int:
    return n + 1


@task(task_config=PodTriage(), container_image=IMAGE, secret_requests=[Secret(group="db", key="password")])
def with_secret() -> int:
    return len(flytekit.current_context().secrets.get("db", "password"))


@task(task_config=PodTriage(), container_image=IMAGE, environment={"COLOUR": "green"})
def with_environment() -> str:
    return f"{os.environ['COLOUR']} {os.environ['FLYTE_ATTEMPT_NUMBER']}"


@task(task_config=PodTriage(), container_image=IMAGE, enable_deck=True)
def with_deck(n: int) -> int:
    Deck("of the body", "<p>seen</p>")
    return n


@workflow
def below(n: int) -> int:
    number: int = on_spot(n=n)
    return number


@workflow
def chosen(n: int) -> int:
    number: int = conditional("size").if_(n > 10).then(below(n=n)).else_().then(patient(n=n))
    return number


@workflow
def caught(n: int) -> int:
    on_spot(n=n)
    number: int = patient(n=n)
    return number


imperative = ImperativeWorkflow("features.imperative")
imperative.add_workflow_input("n", int)
_node = imperative.add_entity(on_spot, n=imperative.inputs["n"])
imperative.add_workflow_output("out", _node.outputs["o0"])
