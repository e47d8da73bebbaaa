"""The pod, the paths and the refusals that the tests of ``KubeCluster`` request and script."""

from __future__ import annotations

from typing import Any

from flytekitplugins_podtriage.kube.pod_cluster import TASK_LABEL
from tests.builders import NAMESPACE as NS
from tests.builders import pod
from tests.kube.model import status

PODS = f"/api/v1/namespaces/{NS}/pods"
POD = f"{PODS}/f1-n0-0"
MANIFEST = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "f1-n0-0", "labels": {TASK_LABEL: "x"}}, "spec": {}}
MADE = pod(name="f1-n0-0", version=10, uid="u1", labels={TASK_LABEL: "x"})
NO_RIGHT = 'User "ann" cannot {verb} resource "{resource}" in API group "" in the namespace "' + NS + '"'


def forbidden(message: str) -> dict[str, Any]:
    details = {"name": "f1-n0-0", "kind": "pods"}
    return status(403, message, reason="Forbidden", details=details)
