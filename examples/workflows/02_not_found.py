"""An image that does not exist, a user failure. It is charged to user retries, here as on stock Flyte.

FLYTE_PODTRIAGE_PLAN=@examples/workflows/02_not_found.plan pyflyte run examples/workflows/02_not_found.py wf
"""

from flytekit import task, workflow

from flytekitplugins_podtriage import PodTriage


@task(task_config=PodTriage(), container_image="ghcr.io/acme/trian:1", retries=1)
def train(epochs: int) -> int:
    return epochs


@workflow
def wf(epochs: int = 3) -> int:
    return train(epochs=epochs)
