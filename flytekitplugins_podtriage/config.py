"""The composition root: where the command line meets flyteadmin and the cluster, through the parts that know them.

Nothing is imported until it is used: flytekit alone takes more than a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flytekitplugins_podtriage.report.attempts import Attempt


class Unreachable(Exception):
    """Flyteadmin or the cluster did not answer, or not with what was asked for; the message says which and why."""


def attempts_of_execution(
    config: str | None, project: str, domain: str, name: str, node: str | None = None
) -> Iterator[Attempt]:
    """Yield the attempts of an execution, as flyteadmin keeps them.

    Args:
        config: path of Flyte's configuration; None for what flytekit finds by itself.
        project: the execution's project.
        domain: its domain.
        name: its name.
        node: only this node; None for all.

    Raises:
        Unreachable: flyteadmin did not answer, or knows no such execution.
    """
    with _asking("flyteadmin"):
        from flytekitplugins_podtriage.flyte import executions

        for attempt in executions.attempts_of_execution(_client(config), project, domain, name, node=node):
            yield _attempt(attempt)


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
        Unreachable: flyteadmin did not answer.
    """
    with _asking("flyteadmin"):
        from flytekitplugins_podtriage.flyte import executions

        for attempt in executions.failed_attempts(_client(config), project, domain, since, until=until, limit=limit):
            yield _attempt(attempt)


def _client(config: str | None) -> Any:
    """Return a client of flyteadmin, as FlyteRemote would make it."""
    from flytekit.clients.friendly import SynchronousFlyteClient
    from flytekit.configuration import Config

    return SynchronousFlyteClient(Config.auto(config_file=config).platform)


def _attempt(found: Any) -> Attempt:
    """Return an attempt as the report has it."""
    from flytekitplugins_podtriage.report.attempts import Attempt

    return Attempt(
        message=found.message or "",
        kind=str(found.kind) if found.kind else None,
        code=found.code or None,
        execution=found.execution,
        task=found.task or None,
        node=found.node or None,
        number=found.retry_attempt,
        phase=str(found.phase) if found.phase else None,
        started_at=found.started_at,
        updated_at=found.updated_at,
        retries=found.retries,
    )


def pod_of_cluster(name: str, namespace: str | None, context: str | None) -> tuple[bytes, list[bytes]]:
    """Return a pod of a live cluster and its events, as JSON.

    Args:
        name: the pod's name.
        namespace: its namespace; None for the context's.
        context: the context of the kubeconfig; None for the current one.

    Raises:
        Unreachable: there is no kubeconfig, the cluster did not answer, or it has no such pod.
    """
    with _asking("the cluster"):
        from flytekitplugins_podtriage.kube import cluster

        reached = cluster.connect(context)
        space = namespace or reached.namespace
        pod = cluster.read_pod(reached, space, name)
        return pod, cluster.read_events(reached, space, name)


@contextmanager
def _asking(whom: str) -> Iterator[None]:
    """Turn whatever goes wrong on the way into one line: the clients raise many kinds of errors."""
    try:
        yield
    except (Unreachable, GeneratorExit):
        raise
    except Exception as error:
        raise Unreachable(f"{whom}: {_why(error)}") from error


def _why(error: Exception) -> str:
    """Say in a line what a client's error says in a page."""
    details = getattr(error, "details", None)
    if callable(details):  # grpc.RpcError
        try:
            said = details()
        except Exception:  # noqa: BLE001  # a half-made RpcError; its own text will do
            said = None
        if said:
            return str(said)
    reason, status = getattr(error, "reason", None), getattr(error, "status", None)
    if isinstance(status, int) and status:  # kubernetes.client.ApiException
        return f"HTTP {status} {reason or ''}".strip()
    return f"{type(error).__name__}: {str(error).strip() or 'no more is said'}"
