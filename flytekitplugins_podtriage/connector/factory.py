"""The connector of this process, wired from the settings; the entry point serves it."""

from __future__ import annotations

import functools
from collections.abc import Callable

from flytekitplugins_podtriage.connector import serving_log
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.metrics import Metrics
from flytekitplugins_podtriage.connector.service import PodTriageConnector
from flytekitplugins_podtriage.connector.telemetry import Telemetry
from flytekitplugins_podtriage.kube.namespaces import MultiNamespaceCluster
from flytekitplugins_podtriage.kube.open_cluster import open_cluster
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster


@functools.cache
def connector() -> PodTriageConnector:
    """Return this process's connector, on the cluster that it runs in or that the kubeconfig names.

    The cluster is opened by the first call: errors of settings, kubeconfig or cluster appear in the responses.
    """
    opened: list[KubeCluster | MultiNamespaceCluster] = []
    metrics = _metrics(lambda: opened[-1].view_age() if opened else None)
    telemetry = Telemetry(metrics, repeated=serving_log.configure())
    hook = TriageHook(observer=telemetry)

    async def cluster() -> KubeCluster | MultiNamespaceCluster:
        observe = metrics.api_request if metrics is not None else None
        opened.append(await open_cluster(hook.settings.context or None, hook.settings.namespaces, observe=observe))
        return opened[-1]

    async def execution_over(namespace: str, execution: str) -> bool | None:
        return await opened[-1].execution_over(namespace, execution) if opened else None

    return PodTriageConnector(cluster, hook, execution_over, telemetry=telemetry)


def _metrics(view_age: Callable[[], float | None]) -> Metrics | None:
    """Return metrics in the registry that ``pyflyte serve connector`` exports; None without Prometheus's client."""
    try:
        from prometheus_client import REGISTRY
    except ImportError:
        return None
    return Metrics(REGISTRY, view_age)
