"""The connector of this process, wired from the settings; the entry point serves it."""

from __future__ import annotations

import functools

from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.service import PodTriageConnector
from flytekitplugins_podtriage.kube.namespaces import MultiNamespaceCluster
from flytekitplugins_podtriage.kube.open_cluster import open_cluster
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster


@functools.cache
def connector() -> PodTriageConnector:
    """Return this process's connector, on the cluster that it runs in or that the kubeconfig names.

    The cluster is opened by the first call: errors of settings, kubeconfig or cluster appear in the responses.
    """
    hook = TriageHook()
    opened: list[KubeCluster | MultiNamespaceCluster] = []

    async def cluster() -> KubeCluster | MultiNamespaceCluster:
        opened.append(await open_cluster(hook.settings.context or None, hook.settings.namespaces))
        return opened[-1]

    async def execution_over(namespace: str, execution: str) -> bool | None:
        return await opened[-1].execution_over(namespace, execution) if opened else None

    return PodTriageConnector(cluster, hook, execution_over)
