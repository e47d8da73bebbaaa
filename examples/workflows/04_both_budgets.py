"""Preemptions and a crash of the task itself: podtriage spends both budgets, and the task succeeds.

FLYTE_PODTRIAGE_PLAN=@examples/workflows/04_both_budgets.plan pyflyte run examples/workflows/04_both_budgets.py wf
"""

from flytekit import task, workflow

from flytekitplugins_podtriage import PodTriage


@task(task_config=PodTriage(), container_image="docker.io/acme/train:1", retries=3)
def train(epochs: int) -> int:
    return epochs


@workflow
def wf(epochs: int = 3) -> int:
    return train(epochs=epochs)
