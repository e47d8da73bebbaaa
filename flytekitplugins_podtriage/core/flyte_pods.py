"""What Flyte writes into a pod: labels, and the number of the attempt.

Sources: flytepropeller pkg/controller/nodes/executors (labels of a node), flyteplugins flytek8s/k8s_resource_adds.go
(``FLYTE_ATTEMPT_NUMBER``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ATTEMPT = "FLYTE_ATTEMPT_NUMBER"
_NAME = re.compile(r"-(\d{1,3})\Z")
_MOST = 1000


def label(pod: Mapping[str, object], name: str) -> str | None:
    """Return a label of a pod; None if it does not have it."""
    metadata = pod.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    value = labels.get(name) if isinstance(labels, Mapping) else None
    return value if isinstance(value, str) and value else None


def attempts_before(pod: Mapping[str, object]) -> int:
    """Return how many attempts preceded this pod's: from its environment, else from its name, else 0."""
    spec = pod.get("spec")
    containers = spec.get("containers") if isinstance(spec, Mapping) else None
    for container in containers if isinstance(containers, list) else ():
        env = container.get("env") if isinstance(container, Mapping) else None
        for entry in env if isinstance(env, list) else ():
            if isinstance(entry, Mapping) and entry.get("name") == _ATTEMPT:
                value = entry.get("value")
                if isinstance(value, str) and value.isdecimal() and len(value) < 4:
                    return min(int(value), _MOST)
    if label(pod, "execution-id") is None:
        return 0
    metadata = pod.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    match = _NAME.search(name) if isinstance(name, str) else None
    return int(match[1]) if match else 0
