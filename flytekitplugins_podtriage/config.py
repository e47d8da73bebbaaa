"""The composition root: where the command line meets flyteadmin and the cluster, through the parts that know them.

Nothing is imported until it is used: flytekit alone takes more than a second.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flytekitplugins_podtriage.connector.service import PodTriageConnector
    from flytekitplugins_podtriage.core import attempt_history as flyte_attempt
    from flytekitplugins_podtriage.flyte.settings import Settings
    from flytekitplugins_podtriage.kube.namespaces import Namespaces
    from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster
    from flytekitplugins_podtriage.report.attempts import Attempt


class Unreachable(Exception):
    """Flyteadmin or the cluster could not be asked, or not for that; the message is one line, and says what helps."""


def attempts_of_execution(
    execution: str, *, project: str | None, domain: str | None, node: str | None, config: str | None
) -> tuple[str, Iterator[Attempt]]:
    """Return the name of an execution and its attempts, as flyteadmin keeps them.

    Args:
        execution: a name, ``PROJECT/DOMAIN/NAME``, the console's address, or a ``flyte://`` URI.
        project: the project of a bare name; None for the configuration's.
        domain: its domain, likewise.
        node: only this node; None for the one that the execution's address names, or all.
        config: path of Flyte's configuration; None for what flytekit finds by itself.

    Raises:
        Unreachable: it names no execution, or flyteadmin could not be asked; reading on may raise it too.
    """
    from flytekitplugins_podtriage.flyte.admin.errors import FlyteUnreachable, InvalidExecution
    from flytekitplugins_podtriage.flyte.admin.execution_ref import parse_execution
    from flytekitplugins_podtriage.flyte.admin.executions import attempts_of_execution as ask
    from flytekitplugins_podtriage.flyte.admin.login import connect

    try:
        # What it is called is checked before anybody is asked: a typing error needs no configuration.
        parse_execution(execution, project or "p", domain or "d")
        reached = connect(config, project, domain)
        named = parse_execution(execution, reached.project, reached.domain)
    except (FlyteUnreachable, InvalidExecution) as error:
        raise Unreachable(str(error)) from error
    where = named.execution
    found = ask(reached.client, where.project, where.domain, where.name, node=node or named.node)
    return str(where), _read(found)


def failed_attempts(
    config: str | None,
    project: str,
    domain: str,
    *,
    since: datetime,
    until: datetime | None = None,
    limit: int | None = None,
) -> Iterator[Attempt]:
    """Yield the failed attempts of a project and domain in a span of time, as flyteadmin keeps them.

    Raises:
        Unreachable: flyteadmin could not be asked.
    """
    from flytekitplugins_podtriage.flyte.admin.errors import FlyteUnreachable
    from flytekitplugins_podtriage.flyte.admin.executions import failed_attempts as ask
    from flytekitplugins_podtriage.flyte.admin.login import connect

    try:
        reached = connect(config, project, domain)
    except FlyteUnreachable as error:
        raise Unreachable(str(error)) from error
    yield from _read(ask(reached.client, project, domain, since, until=until, limit=limit))


def _read(found: Iterator[flyte_attempt.Attempt]) -> Iterator[Attempt]:
    """Yield attempts as the report has them."""
    from flytekitplugins_podtriage.flyte.admin.errors import FlyteUnreachable
    from flytekitplugins_podtriage.report.attempts import Attempt

    try:
        for one in found:
            yield Attempt(
                message=one.message or "",
                kind=str(one.charged) if one.charged else None,
                code=one.code or None,
                execution=str(one.execution),
                task=one.task or None,
                node=one.where or None,
                number=one.retry_attempt,
                phase=one.phase or None,
                started_at=one.started_at or one.created_at,
                updated_at=one.updated_at,
                retries=one.retries,
                lost=one.failed,
            )
    except FlyteUnreachable as error:
        raise Unreachable(str(error)) from error


def pod_of_cluster(name: str, namespace: str | None, context: str | None) -> tuple[bytes, list[bytes]]:
    """Return a pod of a live cluster and its events, as JSON.

    Who may read pods may not always read events: then there are none, and the answer rests on the pod alone.

    Args:
        name: the pod's name.
        namespace: its namespace; None for the context's.
        context: the context of the kubeconfig; None for the current one.

    Raises:
        Unreachable: there is no kubeconfig, the cluster did not answer, or it has no such pod.
    """
    from flytekitplugins_podtriage.core.decode import read_pod
    from flytekitplugins_podtriage.core.errors import InvalidPod
    from flytekitplugins_podtriage.kube import pod_reader
    from flytekitplugins_podtriage.kube.client.errors import ClusterForbidden, ClusterUnreachable

    try:
        reached = pod_reader.connect(context)
        space = namespace or reached.namespace
        pod = pod_reader.read_pod(reached, space, name)
        metadata = read_pod(pod).metadata
        try:
            return pod, pod_reader.read_events(reached, space, name, metadata.uid if metadata else None)
        except ClusterForbidden:
            return pod, []
    except (ClusterUnreachable, InvalidPod) as error:
        raise Unreachable(str(error)) from error


async def open_cluster(settings: Settings) -> KubeCluster | Namespaces:
    """Open the Kubernetes that the settings name, and begin to watch its pods.

    Raises:
        ClusterError: there is no kubeconfig, or it cannot be used.
    """
    from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied
    from flytekitplugins_podtriage.kube.client.connection import connect
    from flytekitplugins_podtriage.kube.client.errors import ClusterUnreachable
    from flytekitplugins_podtriage.kube.namespaces import Namespaces
    from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster

    try:
        # A login may be run, which takes its time.
        reached = await asyncio.get_running_loop().run_in_executor(None, connect, settings.context or None)
    except ClusterUnreachable as error:
        raise ClusterDenied(str(error)) from error
    # One watch is enough for all namespaces together; where some are named, a Role in each gives a watch of each.
    some = {name: KubeCluster(reached, name) for name in settings.namespaces}
    found = Namespaces(some) if some else KubeCluster(reached)
    await found.start()
    return found


@functools.cache
def connector() -> PodTriageConnector:
    """Return this process's connector, on the cluster that it runs in or that the kubeconfig names.

    Nothing is opened before it is asked: what is wrong with settings, kubeconfig or cluster is told by its answers.
    """
    from flytekitplugins_podtriage.connector.hook import TriageHook
    from flytekitplugins_podtriage.connector.service import PodTriageConnector

    hook = TriageHook()
    opened: list[KubeCluster | Namespaces] = []

    async def cluster() -> KubeCluster | Namespaces:
        opened.append(await open_cluster(hook.settings))
        return opened[-1]

    async def over(namespace: str, execution: str) -> bool | None:
        return await opened[-1].execution_over(namespace, execution) if opened else None

    return PodTriageConnector(pod_reader, hook, over)
