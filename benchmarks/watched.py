"""Lines of a watch: pods of the connector and their Events as the API server writes them, all different."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

from benchmarks.pods import NOW, rate_limited_pod

SIZE = 7 * 1024
"""The size of a pod, in bytes."""
EVENTS = 4
"""The number of Events of each pod."""
_TEMPLATE = rate_limited_pod(0, SIZE).decode()
_FIRST = hashlib.sha256(f"0/{SIZE}".encode()).hexdigest()


def watched_pod(number: int) -> dict[str, Any]:
    """Return a pod as the connector creates it, waiting for its image."""
    mark = hashlib.sha256(f"{number}/{SIZE}".encode()).hexdigest()
    text = _TEMPLATE
    for part in (slice(None), slice(19), slice(6), slice(8, 12), slice(20, 32)):
        text = text.replace(_FIRST[part], mark[part])
    pod: dict[str, Any] = json.loads(text)
    metadata = pod["metadata"]
    metadata |= {"uid": f"{mark[:8]}-{mark[8:12]}-4{mark[13:16]}-8{mark[17:20]}-{mark[20:32]}"}
    metadata["resourceVersion"] = str(10_000_000 + number)
    execution = metadata["labels"]["execution-id"]
    prefix = f"s3://flyte-bucket/metadata/propeller/flytesnacks-development-{execution}/n0/data/0"
    meta = {"v": 1, "n": metadata["namespace"], "p": metadata["name"], "o": prefix, "t": 1772366400 + number, "r": 3}
    metadata["labels"] |= {"podtriage.flyte.org/task": mark[:12], "podtriage.flyte.org/attempt": "0"}
    metadata["annotations"] |= {
        "podtriage.flyte.org/output-prefix": prefix,
        "podtriage.flyte.org/meta": json.dumps(meta),
        "podtriage.flyte.org/execution": execution,
    }
    return pod


def watched_events(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a pod whose pull is rate limited, as a kubelet writes them."""
    metadata, container = pod["metadata"], pod["spec"]["containers"][0]
    image = container["image"]
    cause = pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"].partition("ErrImagePull: ")[2]
    rows = [
        ("Normal", "Scheduled", f"Successfully assigned {metadata['namespace']}/{metadata['name']} to a node", 1),
        ("Normal", "Pulling", f'Pulling image "{image}"', 4),
        ("Warning", "Failed", f'Failed to pull image "{image}": {cause}', 4),
        ("Normal", "BackOff", f'Back-off pulling image "{image}"', 9),
    ]
    events = []
    for index, (kind, reason, message, count) in enumerate(rows):
        mark = f"{metadata['uid'][:-4]}{index:04x}"
        first = (NOW - timedelta(seconds=200 - index)).strftime("%Y-%m-%dT%H:%M:%SZ")
        last = (NOW - timedelta(seconds=20 - index)).strftime("%Y-%m-%dT%H:%M:%SZ")
        reference = {
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "apiVersion": "v1",
            "resourceVersion": metadata["resourceVersion"],
        }
        if index:
            reference["fieldPath"] = f"spec.containers{{{container['name']}}}"
        events.append(
            {
                "kind": "Event",
                "apiVersion": "v1",
                "metadata": {
                    "name": f"{metadata['name']}.{mark[-16:]}",
                    "namespace": metadata["namespace"],
                    "uid": mark,
                    "resourceVersion": str(int(metadata["resourceVersion"]) * 8 + index),
                    "creationTimestamp": first,
                },
                "involvedObject": reference,
                "reason": reason,
                "message": message,
                "source": {"component": "kubelet", "host": pod["spec"]["nodeName"]},
                "firstTimestamp": first,
                "lastTimestamp": last,
                "count": count,
                "type": kind,
                "eventTime": None,
                "reportingComponent": "kubelet",
                "reportingInstance": pod["spec"]["nodeName"],
            }
        )
    return events


def line(kind: str, item: dict[str, Any]) -> bytes:
    """Return a line of a watch."""
    return json.dumps({"type": kind, "object": item}, separators=(",", ":")).encode()
