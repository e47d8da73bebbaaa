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
    value = _get(_get(_get(pod, "metadata"), "labels"), name)
    return value if isinstance(value, str) and value else None


KEPT_LABELS = ("execution-id", "task-name", "node-id", "flyte.org/managed", "podtriage.flyte.org/task")
"""The labels that say what a pod is to Flyte."""


def is_of_flyte(labels: Mapping[str, str]) -> bool:
    """Whether a pod with these labels is run by FlytePropeller, Flyte 2 or podtriage's connector."""
    of_propeller, of_flyte_2, of_connector = KEPT_LABELS[0], KEPT_LABELS[3], KEPT_LABELS[4]
    return of_propeller in labels or labels.get(of_flyte_2) == "true" or of_connector in labels


def attempts_before_name(name: str) -> int:
    """Return how many attempts preceded that of a pod of Flyte, from its name alone."""
    match = _NAME.search(name)
    return int(match[1]) if match else 0


def attempts_before(pod: Mapping[str, object]) -> int:
    """Return how many attempts preceded this pod's: from its environment, else from its name, else 0."""
    containers = _get(_get(pod, "spec"), "containers")
    for container in containers if isinstance(containers, list) else ():
        env = _get(container, "env")
        for entry in env if isinstance(env, list) else ():
            if _get(entry, "name") == _ATTEMPT:
                value = _get(entry, "value")
                if isinstance(value, str) and value.isdecimal() and len(value) < 4:
                    return min(int(value), _MOST)
    if label(pod, "execution-id") is None:
        return 0
    name = _get(_get(pod, "metadata"), "name")
    return attempts_before_name(name) if isinstance(name, str) else 0


def _get(value: object, key: str) -> object:
    """Return a member of a JSON object; None if the value is no object or lacks it."""
    return value.get(key) if isinstance(value, Mapping) else None
