"""A node shuts down under a task that has run for ten minutes: a platform failure, and a new attempt.

FLYTE_PODTRIAGE_PLAN=@examples/workflows/03_node_shutdown.plan pyflyte run examples/workflows/03_node_shutdown.py wf
"""

from flytekit import task, workflow

from flytekitplugins_podtriage import PodTriage


@task(task_config=PodTriage(), container_image="docker.io/acme/train:1", retries=0)
def train(epochs: int) -> int:
    return epochs


@workflow
def wf(epochs: int = 3) -> int:
    return train(epochs=epochs)
