"""Two image pulls hit HTTP 429, a platform failure. The task has no retries, and with podtriage it needs none.

FLYTE_PODTRIAGE_PLAN=@examples/workflows/01_rate_limited.plan pyflyte run examples/workflows/01_rate_limited.py wf
"""

from flytekit import task, workflow

from flytekitplugins_podtriage import PodTriage


@task(task_config=PodTriage(), container_image="docker.io/acme/report:1", retries=0)
def report(rows: int) -> str:
    return f"{rows} rows, {sum(range(rows))} in all"


@workflow
def wf(rows: int = 1000) -> str:
    return report(rows=rows)
