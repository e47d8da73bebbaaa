"""The names that Flyte's backends give to the pods of a task's attempts.

flytepropeller 1.16.8: pkg/controller/nodes/common/utils.go (``GenerateUniqueID``), nodes/task/taskexec_context.go
(``ComputeRawOutputPrefix``), nodes/task/k8s/plugin_manager.go (``addObjectMetadata``), pkg/utils/k8s.go
(``SanitizeLabelValue``), flyteplugins pluginmachinery/encoding/encoder.go and utils/dns.go. Flyte 2 (6fadb90):
executor/pkg/plugin/task_exec_metadata.go (``buildGeneratedName``) and k8s/plugin_manager.go.
"""

from __future__ import annotations

import base64
import re
from typing import Final

_UNIQUE_ID: Final = 20
"""How long the unique id of a node is at most (``maxUniqueIDLength``)."""
_POD_NAME: Final = 50
"""How long the name of a pod is at most (``IDMaxLength``)."""
_LABEL: Final = 63
_OBJECT_NAME: Final = 253
_NO_LABEL: Final = re.compile(r"[^-a-z0-9]+")
_VALID: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_CAMEL: Final = re.compile(r"([a-z0-9])([A-Z])")
_INVALID: Final = re.compile(r"[^-.a-z0-9]")
_ALPHABET: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"abcdefghijklmnopqrstuvwxyz123456")
_FNV_OFFSET: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193


def unique_node_id(parent: tuple[str, int] | None, node: str) -> str:
    """Return the id of a node that is unique in its execution.

    Args:
        parent: the unique id and the attempt, from 0, of the node that contains it (a subworkflow's, a branch's, a
            dynamic task's, a mapped task's); None: it is a node of the workflow itself.
        node: its own id, which is unique only among the nodes beside it.
    """
    parts = (node,) if parent is None else (parent[0], str(parent[1]), node)
    return _bounded(_UNIQUE_ID, *parts)


def propeller_pod_name(execution: str, unique_id: str, attempt: int) -> str:
    """Return the name of the pod of a node's attempt, from 0, on Flyte 1.16."""
    return object_name(_bounded(_POD_NAME, execution, unique_id, str(attempt)))


def task_action_pod_name(task_action: str, attempts: int) -> str:
    """Return the name of the pod of a TaskAction on Flyte 2, which counts ``status.attempts`` from 1.

    Every restart for a SYSTEM failure has the same name: only the uid tells these pods apart.
    """
    return object_name(f"{task_action}-{max(attempts, 1) - 1}")


def node_label(node: str) -> str:
    """Return the label ``node-id`` of the pods of a node: its own id, as far as a label can hold it."""
    return _NO_LABEL.sub("-", node.lower())[:_LABEL].strip("-")


def object_name(name: str) -> str:
    """Return what a backend makes of a name that Kubernetes would refuse (ConvertToDNS1123SubdomainCompatibleString).

    The id of a node may be chosen by people and hold capitals and underscores.
    """
    if len(name) <= _OBJECT_NAME and _VALID.fullmatch(name):
        return name
    name = _INVALID.sub("", _CAMEL.sub(r"\1-\2", name).lower()).strip(".-")
    if len(name) <= _OBJECT_NAME:
        return name
    return f"{name[: _OBJECT_NAME - _UNIQUE_ID - 1]}-{_bounded(_UNIQUE_ID, name)}"


def _bounded(most: int, *parts: str) -> str:
    """Return the parts joined by ``-``; their hash if that is longer than ``most`` bytes.

    ``FixedLengthUniqueIDForParts``: nothing separates an empty beginning from what follows.
    """
    joined = ""
    for part in parts:
        joined = f"{joined}-{part}" if joined else part
    data = joined.encode("utf-8", "surrogatepass")
    return joined if len(data) <= most else f"f{_hashed(data)}"


def _hashed(data: bytes) -> str:
    """Return FNV-1a of 32 bits in Flyte's own base 32, 7 characters."""
    value = _FNV_OFFSET
    for byte in data:
        value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return base64.b32encode(value.to_bytes(4, "big")).rstrip(b"=").translate(_ALPHABET).decode("ascii")
