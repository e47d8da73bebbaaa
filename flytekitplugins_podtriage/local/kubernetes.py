"""A task's local run in a real Kubernetes: the same attempts and the same accounting, with pods of a kubeconfig's.

The pods read their inputs and leave their outputs where flytekit's raw output data go, so that has to be a place that
they reach too. Flyte's own additions to a pod (copilot, defaults, secrets) are a backend's, and are not made here.
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
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodCluster
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.flyte.settings import InvalidSettings, Settings
from flytekitplugins_podtriage.kube.open_cluster import open_cluster
from flytekitplugins_podtriage.local import task_data
from flytekitplugins_podtriage.local.attempts import run_task
from flytekitplugins_podtriage.local.backends import backend
from flytekitplugins_podtriage.local.runner import finish, policy_of, seconds_of, told


def outputs(task: Any, ctx: FlyteContext, settings: Settings, inputs: literals.LiteralMap) -> literals.LiteralMap:
    """Take a task through its attempts in the cluster; return its outputs.

    Raises:
        FlyteValidationException: the task, or where its data go, is nothing for a cluster.
        PodTriageUserError: it failed for good, by the task's own doing.
        PodTriageSystemError: it failed for good, by the platform's doing, or there is no cluster.
    """
    if settings.run_on != "connector":
        raise InvalidSettings(f"run-on {settings.run_on!r} with cluster 'kubernetes'; allowed: connector")
    marked = bool(task.marked)
    if _is_container(task) and (inputs.literals or not marked):
        raise FlyteValidationException(
            f"task {task.name}: its inputs and outputs are for Flyte's copilot, which a backend adds; allowed in a "
            "local run on a cluster: container tasks without any"
        )
    place = task_data.Place.new(ctx)
    if place.prefix.startswith((flyte_tmp_dir, str(ctx.file_access.local_sandbox_dir))):  # flytekit's own defaults
        raise FlyteValidationException(
            f"task {task.name}: its data would go to {place.prefix}, which no pod reaches; allowed: "
            "pyflyte run --raw-output-data-prefix PLACE, with a PLACE that this machine and the pods share"
        )
    place.put_inputs(inputs)
    try:
        run = _awaited(_run(task, ctx, settings, place))
    except ClusterError as error:
        raise task_data.PodTriageSystemError(f"task {task.name}: {error}") from error
    told(run)
    finish(task, run, None)
    if marked and _is_container(task):
        return literals.LiteralMap({})
    found = place.outputs(run.attempts[-1].number - 1)
    if found is None:
        raise task_data.PodTriageUserError(f"task {task.name}: its container ended well, but left no outputs")
    return found


def not_mapped(task: Any) -> FlyteValidationException:
    """Return why a mapped task is not run."""
    return FlyteValidationException(
        f"task {task.name}: a mapped task runs in no cluster (nor can Flyte 1.16 map a connector's task); allowed: the "
        "setting cluster: sandbox"
    )


async def _run(task: Any, ctx: FlyteContext, settings: Settings, place: task_data.Place) -> TaskRun:
    cluster = await open_cluster(settings.context or None, settings.namespaces)
    namespace = (*settings.namespaces, cluster.default_namespace)[0]
    pod = _pod(task, ctx, place)
    policy = policy_of(task, settings)
    try:
        return await run_task(
            cluster,
            lambda number: _of_attempt(pod, place, number),
            task=task.name,
            namespace=namespace,
            backend=backend("connector", policy, settings.system_reserve),
            limits=settings.limits(task.metadata.retries or 0, interruptible=bool(task.metadata.interruptible)),
            policy=policy,
            timeout=seconds_of(task.metadata.timeout),
            left_behind=place.failure,
        )
    except asyncio.CancelledError:  # Ctrl-C: nothing is left behind
        await _removed(cluster, namespace, pod["metadata"]["labels"])
        raise
    finally:
        await cluster.close()


def _pod(task: Any, ctx: FlyteContext, place: task_data.Place) -> dict[str, Any]:
    """Return the pod of a task without what differs between attempts."""
    pod = task_data.manifest(task, ctx)
    prefix = OutputPrefix(f"{place.prefix}/0")
    metadata = pod["metadata"]
    # The end of the name is the attempt's number, which is added when that is known.
    metadata["name"] = pod_manifest.pod_name(prefix, task_data.pod_name(task.name)).rpartition("-")[0]
    metadata["labels"][pod_manifest.TASK] = pod_manifest.task_hash(prefix)
    metadata["annotations"][task_data.TASK_NAME] = task.name
    return pod


def _of_attempt(pod: Mapping[str, Any], place: task_data.Place, number: int) -> dict[str, Any]:
    """Return an attempt's pod, with its arguments filled in."""
    made = task_data.of_attempt(pod, number)
    made["metadata"]["annotations"][pod_manifest.PREFIX] = f"{place.prefix}/{number}"
    made["metadata"]["labels"] = {**made["metadata"]["labels"], pod_manifest.ATTEMPT: str(number)}
    containers = [
        {**one, **{key: place.rendered(one[key], number) for key in ("command", "args") if one.get(key)}}
        for one in pod["spec"]["containers"]
    ]
    return {**made, "spec": {**pod["spec"], "containers": containers}}


async def _removed(cluster: PodCluster, namespace: str, labels: Mapping[str, str]) -> None:
    try:
        for snapshot in await cluster.list(namespace, {pod_manifest.TASK: labels[pod_manifest.TASK]}):
            if snapshot.pod.metadata is not None:
                await cluster.delete(namespace, snapshot.pod.metadata.name or "", uid=snapshot.pod.metadata.uid)
    except ClusterError:
        pass  # what is left is told by its label


def _awaited(coroutine: Coroutine[Any, Any, TaskRun]) -> TaskRun:
    """Run a coroutine to its end in a loop of its own: flytekit may be running one in this thread."""
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
        asyncio.run_coroutine_threadsafe(_rest(), loop).result()
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        # It holds the exception, whose traceback holds this frame and with it flytekit's context, which is to clean up
        # its temporary directories in order.
        del future


async def _rest() -> None:
    """Wait until what was cancelled has ended."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.gather(*others, return_exceptions=True)


def _is_container(task: Any) -> bool:
    from flytekit import ContainerTask

    return isinstance(task, ContainerTask)
