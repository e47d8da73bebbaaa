"""The log lines about attempts: one for each verdict that changes, and one for each attempt that is put on record.

``docs/observability.md`` documents their fields.
"""

from __future__ import annotations

import logging
from typing import Final

from flytekitplugins_podtriage.connector.attempt_record import Record
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix
from flytekitplugins_podtriage.connector.pod_manifest import EXECUTION, annotation
from flytekitplugins_podtriage.connector.settlement import AttemptEnd
from flytekitplugins_podtriage.core.model import Verdict
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.telemetry.log_fields import LogFields

_log = logging.getLogger("flytekitplugins_podtriage")
FIELDS: Final = (
    *("event", "execution", "node", "attempt", "namespace", "pod", "output_prefix"),
    *("phase", "kind", "category", "rule", "code", "charged", "why", "retryable"),
)
"""The fields of the lines, in their order; a line has those that it has values for."""
_EXECUTION_LABEL = "execution-id"
_NODE_LABEL = "node-id"


def log_verdict(prefix: OutputPrefix, verdict: Verdict, snapshot: PodSnapshot | None, *, pod: tuple[str, str]) -> None:
    """Log a verdict that changed; ``pod`` is the pod's namespace and name."""
    _log.info(LogFields("verdict changed", {"event": "verdict", **_attempt(prefix, snapshot, pod), **_cause(verdict)}))


def log_end(end: AttemptEnd, record: Record) -> None:
    """Log the end of an attempt that was just put on record: what was charged, and why."""
    verdict = record.verdict or end.verdict
    fields = {
        **_attempt(end.prefix, end.snapshot, (record.namespace, record.pod)),
        **_cause(verdict),
        "code": verdict.code,
        "charged": record.charged,
        "why": record.why,
        "retryable": end.recoverable if record.charged is not None else None,
    }
    if record.charged is None:
        _log.info(LogFields("attempt succeeded", {"event": "success", **fields}))
    else:
        _log.info(LogFields("attempt charged", {"event": "charge", **fields}))


def _attempt(prefix: OutputPrefix, snapshot: PodSnapshot | None, pod: tuple[str, str]) -> dict[str, object]:
    metadata = snapshot.pod.metadata if snapshot is not None else None
    labels = (metadata.labels if metadata is not None else None) or {}
    execution = annotation(snapshot, EXECUTION) if snapshot is not None else ""
    of_path = _execution_and_node(prefix.path)
    return {
        "execution": execution or labels.get(_EXECUTION_LABEL) or of_path[0],
        "node": labels.get(_NODE_LABEL) or of_path[1],
        "attempt": prefix.attempt,
        "namespace": pod[0],
        "pod": pod[1],
        "output_prefix": prefix.path,
    }


def _cause(verdict: Verdict) -> dict[str, object]:
    return {"phase": verdict.phase, "kind": verdict.kind, "category": verdict.category, "rule": verdict.rule}


def _execution_and_node(path: str) -> tuple[str, str]:
    """Return what an output prefix says of execution (project-domain-name) and node, where no pod has their labels.

    It is ``.../EXECUTION/NODE/data/ATTEMPT``, and with ``/NODE/ATTEMPT`` behind it for a node inside that one
    (flytepropeller nodes/task/transformer); both are empty if it is neither.
    """
    parts = path.rstrip("/").split("/")
    for at in range(2, len(parts) - 1):
        if parts[at] == "data" and parts[at + 1].isdecimal():
            return parts[at - 2], parts[at - 1] if len(parts) == at + 2 else parts[-2]
    return "", ""
