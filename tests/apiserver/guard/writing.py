"""Acts for the tests, and their steps carried out one by one."""

from __future__ import annotations

import hashlib
from typing import Any

import attrs

from flytekitplugins_podtriage.core.guard.values import Act, ActKind, Step, Write
from flytekitplugins_podtriage.core.model import ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.guard.lease import micro_time
from flytekitplugins_podtriage.guard.writes import WRITE_TIMEOUTS, WriteResult, carry_out, operation_of
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.apiserver.api import Object

CONTROLLER = "podtriage.flyte.org/guard"


def act_on(pod: Object, **changes: Any) -> Act:
    """Return an act on a pod as the API server shows it."""
    metadata = pod["metadata"]
    act = Act(
        kind=ActKind.END_AS_SYSTEM,
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        execution=metadata.get("labels", {}).get("execution-id", ""),
        reason="Terminated",
        message="podtriage guard ended this pod: docker.io answers 429",
        verdict=Verdict(Phase.RETRYABLE_FAILURE, ErrorKind.SYSTEM),
        charge=None,
        why="the failure is the platform's",
    )
    return attrs.evolve(act, **changes)


def event_of(connection: Connection, act: Act) -> Object:
    """Return an Event of an act."""
    digest = hashlib.sha256(f"{act.uid}/{act.kind}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{act.name}.{digest}",
            "namespace": act.namespace,
            "annotations": {"podtriage.flyte.org/execution": act.execution},
        },
        "eventTime": micro_time(connection.clock.now()),
        "reportingController": CONTROLLER,
        "reportingInstance": "test",
        "action": "EndPod",
        "reason": "PodtriageActs",
        "type": "Warning",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "namespace": act.namespace, "name": act.name, "uid": act.uid},
        "note": act.message,
    }


def write(connection: Connection, step: Step, act: Act, version: str = "", *, leads: bool = True) -> WriteResult:
    """Carry out a step."""
    event = event_of(connection, act) if step is Step.EVENT else None
    plan = Write(step, act, version)
    return carry_out(connection, operation_of(step, act), plan, event, lambda: leads, WRITE_TIMEOUTS)
