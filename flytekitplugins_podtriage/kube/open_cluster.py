"""Opening a Kubernetes cluster whose pods are watched."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs

from flytekitplugins_podtriage.kube.client.connection import RequestObserver, connect
from flytekitplugins_podtriage.kube.namespaces import MultiNamespaceCluster
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster


async def open_cluster(
    context: str | None, namespaces: Sequence[str] = (), *, observe: RequestObserver | None = None
) -> KubeCluster | MultiNamespaceCluster:
    """Connect to a cluster and start to watch its pods.

    Args:
        context: the context of the kubeconfig; None for the current one, or the pod's service account.
        namespaces: the namespaces to watch, one watch each (a Role in each is enough); none: one watch of all.
        observe: called after each request; None: nobody counts them.

    Raises:
        ClusterDenied: there is no kubeconfig, or it cannot be used.
    """
    # Logging in may run a program, which takes time.
    connection = await asyncio.get_running_loop().run_in_executor(None, connect, context)
    connection = attrs.evolve(connection, observe=observe)
    clusters = {name: KubeCluster(connection, name) for name in namespaces}
    cluster = MultiNamespaceCluster(clusters) if clusters else KubeCluster(connection)
    await cluster.start()
    return cluster
