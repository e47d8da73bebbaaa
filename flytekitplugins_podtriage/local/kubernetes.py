"""A task's local run on a real cluster: the same attempts and accounting, with pods in the kubeconfig's cluster.

The pods read their inputs from flytekit's raw output data prefix and write their outputs there, so they need access to
it. What a backend adds to a pod (copilot, defaults, secrets) is not added here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import Any

from flytekit import FlyteContext
from flytekit.core.data_persistence import flyte_tmp_dir
from flytekit.exceptions.user import FlyteValidationException
from flytekit.models import literals

from flytekitplugins_podtriage.connector import pod_manifest
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix
from flytekitplugins_podtriage.core.errors import InvalidSettings
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodCluster
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.flyte.settings import Settings
from flytekitplugins_podtriage.kube.open_cluster import open_cluster
from flytekitplugins_podtriage.local import task_data
from flytekitplugins_podtriage.local.attempts import run_task
from flytekitplugins_podtriage.local.backends import backend
from flytekitplugins_podtriage.local.runner import policy_of, raise_if_failed, report_run, seconds_of


def run(task: Any, ctx: FlyteContext, settings: Settings, inputs: literals.LiteralMap) -> literals.LiteralMap:
    """Take a task through its attempts in the cluster; return its outputs.

    Raises:
        FlyteValidationException: the task, or the location of its data, does not suit a cluster.
        PodTriageUserError: it failed for good, with a USER failure.
        PodTriageSystemError: it failed for good, with a SYSTEM failure, or the cluster cannot be reached.
    """
    if settings.run_on != "connector":
        raise InvalidSettings(f"run-on {settings.run_on!r} with cluster 'kubernetes'; allowed: connector")
    marked = bool(task.marked)
    if _is_container(task) and (inputs.literals or not marked):
        raise FlyteValidationException(
            f"task {task.name}: its inputs and outputs need Flyte's copilot, which only a backend adds; allowed in a "
            "local run on a cluster: container tasks without inputs and outputs"
        )
    location = task_data.DataLocation.new(ctx)
    if location.prefix.startswith((flyte_tmp_dir, str(ctx.file_access.local_sandbox_dir))):  # flytekit's own defaults
        raise FlyteValidationException(
            f"task {task.name}: its data would go to {location.prefix}, which pods cannot access; allowed: "
            "pyflyte run --raw-output-data-prefix PREFIX, with a PREFIX that this machine and the pods share"
        )
    location.write_inputs(inputs)
    try:
        result = _await(_run(task, ctx, settings, location))
    except ClusterError as error:
        raise task_data.PodTriageSystemError(f"task {task.name}: {error}") from error
    report_run(result)
    raise_if_failed(task, result, None)
    if marked and _is_container(task):
        return literals.LiteralMap({})
    outputs = location.read_outputs(result.attempts[-1].number - 1)
    if outputs is None:
        raise task_data.PodTriageUserError(f"task {task.name}: its container succeeded, but wrote no outputs")
    return outputs


def map_error(task: Any) -> FlyteValidationException:
    """Return the error for a mapped task."""
    return FlyteValidationException(
        f"task {task.name}: a mapped task cannot run on a cluster (Flyte 1.16 cannot map a connector's task either); "
        "allowed: the setting cluster: sandbox"
    )


async def _run(task: Any, ctx: FlyteContext, settings: Settings, location: task_data.DataLocation) -> TaskRun:
    cluster = await open_cluster(settings.context or None, settings.namespaces)
    namespace = (*settings.namespaces, cluster.default_namespace)[0]
    pod = _pod(task, ctx, location)
    policy = policy_of(task, settings)
    try:
        return await run_task(
            cluster,
            lambda number: _attempt_pod(pod, location, number),
            task=task.name,
            namespace=namespace,
            backend=backend("connector", policy, settings.system_reserve),
            limits=settings.limits(task.metadata.retries or 0, interruptible=bool(task.metadata.interruptible)),
            policy=policy,
            timeout=seconds_of(task.metadata.timeout),
            read_error=location.read_error,
        )
    except asyncio.CancelledError:  # Ctrl-C: its pods are deleted
        await _remove(cluster, namespace, pod["metadata"]["labels"])
        raise
    finally:
        await cluster.close()


def _pod(task: Any, ctx: FlyteContext, location: task_data.DataLocation) -> dict[str, Any]:
    """Return the pod of a task, without what is specific to an attempt."""
    pod = task_data.manifest(task, ctx, build_image=True)
    prefix = OutputPrefix(f"{location.prefix}/0")
    metadata = pod["metadata"]
    # run_task appends the attempt's number to the name.
    metadata["name"] = pod_manifest.pod_name(prefix, task_data.pod_name(task.name)).rpartition("-")[0]
    metadata["labels"][pod_manifest.TASK] = pod_manifest.task_hash(prefix)
    metadata["annotations"][task_data.TASK_NAME] = task.name
    return pod


def _attempt_pod(pod: Mapping[str, Any], location: task_data.DataLocation, number: int) -> dict[str, Any]:
    """Return an attempt's pod, with its arguments filled in."""
    attempt_pod = task_data.of_attempt(pod, number)
    attempt_pod["metadata"]["annotations"][pod_manifest.PREFIX] = f"{location.prefix}/{number}"
    attempt_pod["metadata"]["labels"] = {**attempt_pod["metadata"]["labels"], pod_manifest.ATTEMPT: str(number)}
    containers = [
        {**one, **{key: location.render_arguments(one[key], number) for key in ("command", "args") if one.get(key)}}
        for one in pod["spec"]["containers"]
    ]
    return {**attempt_pod, "spec": {**pod["spec"], "containers": containers}}


async def _remove(cluster: PodCluster, namespace: str, labels: Mapping[str, str]) -> None:
    try:
        for snapshot in await cluster.list(namespace, {pod_manifest.TASK: labels[pod_manifest.TASK]}):
            if snapshot.pod.metadata is not None:
                await cluster.delete(namespace, snapshot.pod.metadata.name or "", uid=snapshot.pod.metadata.uid)
    except ClusterError:
        pass  # its labels identify what is left


def _await(coroutine: Coroutine[Any, Any, TaskRun]) -> TaskRun:
    """Run a coroutine in an event loop of its own: flytekit may be running one in this thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="podtriage-local-run", daemon=True)
    thread.start()
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
    finally:
        asyncio.run_coroutine_threadsafe(_finish_tasks(), loop).result()
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        # It refers to the exception, whose traceback refers to this frame and thus to flytekit's context, which has to
        # clean up its temporary directories in order.
        del future


async def _finish_tasks() -> None:
    """Wait until the cancelled tasks have ended."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.gather(*others, return_exceptions=True)


def _is_container(task: Any) -> bool:
    from flytekit import ContainerTask

    return isinstance(task, ContainerTask)
