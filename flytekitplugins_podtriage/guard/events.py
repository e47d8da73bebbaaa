"""The Events that the guard leaves on pods: one for each act, and one for each act that it would have made.

Bodies of ``events.k8s.io/v1``, within its limits (kubernetes pkg/apis/core/validation/events.go). The name follows from
pod and act: another replica, or this one after a restart, asks for the same name and gets 409, so that a pod has one
Event of a kind however often it is decided on.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import Any, Final

from flytekitplugins_podtriage.core.guard.values import Act, ActKind
from flytekitplugins_podtriage.telemetry.log_fields import bounded

CONTROLLER: Final = "podtriage.flyte.org/guard"
"""``reportingController``."""
EXECUTION_ANNOTATION: Final = "podtriage.flyte.org/execution"
"""The workflow execution or action: whoever begins to lead counts the acts of the last hour by the Events."""
NOTE_BYTES: Final = 1024
"""``NoteLengthLimit``."""
_INSTANCE_BYTES: Final = 128
_POD_IN_NAME: Final = 200
"""How much of the pod's name stands in the Event's, which has at most 253 characters."""
ACT_REASON: Final = "PodtriageActs"
"""The reason of the Event of an act that was made."""
_REASONS: Final = {True: ACT_REASON, False: "PodtriageWouldAct"}
_ACTIONS: Final = {True: "EndPod", False: "CorrectReason"}
_BEGINNINGS: Final = {
    ActKind.END_AS_SYSTEM: ("ended", "would be ended", "the system retries pay"),
    ActKind.END_AS_USER: ("ended", "would be ended", "the user retries pay"),
    ActKind.RESCUE_AS_SYSTEM: ("reason corrected", "reason would be corrected", "the system retries pay"),
    ActKind.RESCUE_AS_USER: ("reason corrected", "reason would be corrected", "the user retries pay"),
}


def event_body(act: Act, now: datetime, *, made: bool, instance: str) -> dict[str, Any]:
    """Return the Event of an act, as it is posted to its pod's namespace.

    Args:
        act: what is done, or would be.
        now: the time, with a zone.
        made: whether it is done; otherwise the mode is ``observe``.
        instance: the replica: its pod's name.
    """
    done, would, payer = _BEGINNINGS[act.kind]
    beginning = f"podtriage: {done if made else would} so that {payer}. "
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": _name(act, made=made),
            "namespace": act.namespace,
            "annotations": {EXECUTION_ANNOTATION: bounded(act.execution)},
        },
        # MicroTime has exactly six decimals (apimachinery pkg/apis/meta/v1/micro_time.go).
        "eventTime": now.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "reportingController": CONTROLLER,
        "reportingInstance": _cut(instance or "podtriage-guard", _INSTANCE_BYTES),
        "action": _ACTIONS[act.kind.deletes],
        "reason": _REASONS[made],
        "type": "Warning" if made else "Normal",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "namespace": act.namespace, "name": act.name, "uid": act.uid},
        "note": _cut(beginning + bounded(act.message, NOTE_BYTES), NOTE_BYTES),
    }


def _name(act: Act, *, made: bool) -> str:
    digest = hashlib.sha256(f"{act.uid}/{act.kind}/{made}".encode()).hexdigest()[:16]
    pod = act.name[:_POD_IN_NAME].rstrip("-.")
    return f"{pod}.{digest}" if pod else digest


def _cut(text: str, most: int) -> str:
    """Return a text of at most so many bytes, cut between characters."""
    data = text.encode()
    return text if len(data) <= most else f"{data[: most - 3].decode(errors='ignore')}..."
