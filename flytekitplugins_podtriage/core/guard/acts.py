"""Making an act of a decision, and of a pod that was patched and not deleted."""

from __future__ import annotations

from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.guard.decision import Decision
from flytekitplugins_podtriage.core.guard.eligibility import EXECUTION_LABEL
from flytekitplugins_podtriage.core.guard.messages import message_of
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedMetadata, controller
from flytekitplugins_podtriage.core.guard.pod_facts import attempt_of_name, status_of
from flytekitplugins_podtriage.core.guard.signature import REASONS
from flytekitplugins_podtriage.core.guard.values import Act, ActKind, TaskRecord
from flytekitplugins_podtriage.core.model import Phase, Verdict

_NODE_LABEL: Final = "node-id"
_NO_METADATA: Final = OwnedMetadata()


def act_of(decision: Decision, pod: wire.Pod, task: TaskRecord | None, backend: str) -> Act:
    """Return the act that was decided on, with the message that the user reads.

    Raises:
        ValueError: nothing is to be done.
    """
    kind, verdict = decision.kind, decision.verdict
    if kind is None or verdict is None:
        raise ValueError("no act was decided on; allowed: a decision with a kind and a verdict")
    why = decision.why or "the budgets of the task were not read"
    return _act(pod, kind, verdict, decision, why, task, message_of(kind, pod, verdict, decision.charge, why, backend))


def unfinished_act(pod: wire.Pod, kind: ActKind) -> Act:
    """Return the act of a pod that was patched by the guard and not deleted, as far as its status shows it."""
    message = status_of(pod).message or ""
    verdict = Verdict(Phase.RETRYABLE_FAILURE, kind.kind, REASONS[kind], message, rule="pod-failed-for-unknown-reason")
    return _act(
        pod, kind, verdict, Decision(), "its status was written before; only the deletion was missing", None, message
    )


def _act(
    pod: wire.Pod, kind: ActKind, verdict: Verdict, decision: Decision, why: str, task: TaskRecord | None, message: str
) -> Act:
    metadata = pod.metadata or _NO_METADATA
    labels, owner = metadata.labels or {}, controller(pod)
    execution = (owner.name if owner is not None else None) or labels.get(EXECUTION_LABEL, "")
    name = metadata.name or ""
    return Act(
        kind=kind,
        namespace=metadata.namespace or "",
        name=name,
        uid=metadata.uid or "",
        resource_version=metadata.resource_version or "",
        execution=execution,
        node=labels.get(_NODE_LABEL, ""),
        attempt=task.attempt if task is not None else attempt_of_name(name, execution) or 0,
        reason=REASONS[kind],
        message=message,
        verdict=verdict,
        charge=decision.charge,
        why=why,
    )
