"""Podtriage's verdict on a pod that the cluster ended, as its condition DisruptionTarget says."""

from __future__ import annotations

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.model import Category, ErrorKind, Evidence, Verdict
from flytekitplugins_podtriage.core.rules.pod_states import DISRUPTIONS
from flytekitplugins_podtriage.core.verdict.context import PodContext, quote

_SLACK = 10.0
"""How much later than its grace period a pod may end, in seconds: a kubelet that responds kills its containers when the
grace period is over, and reports that one sync later (timelines)."""


def disrupted(context: PodContext, condition: wire.Condition) -> Verdict:
    """The condition DisruptionTarget says that the cluster ended the pod: that outweighs every exit code."""
    reason = condition.reason or ""
    text = quote(f"{reason}: {condition.message or ''}")
    evidence = (Evidence("condition", text, at=condition.last_transition_time),)
    rule = DISRUPTIONS.get(reason, "pod-disruption")
    if rule == "pod-disruption-taint" and _node_is_lost(context):
        rule = "pod-disruption-node-gone"
    if rule == "pod-disruption-kubelet":
        verdict = _by_kubelet(context, condition, evidence)
        if verdict is not None:
            return verdict
    detail = quote(condition.message)
    return context.by_rule(rule, code=reason or "DisruptionTarget", detail=detail, evidence=evidence)


def _by_kubelet(context: PodContext, condition: wire.Condition, evidence: tuple[Evidence, ...]) -> Verdict | None:
    """Return the verdict by the cause that the kubelet names: pressure on the node, a critical pod, a shutdown.

    It writes the same message into the pod's status and into the condition (pkg/kubelet/nodeshutdown, eviction,
    preemption); the status has a reason as well.
    """
    reason = context.status.reason
    for message, source in ((context.status.message, "status"), (condition.message, "condition")):
        match = context.match(message or "", reason)
        if match.rule.kind is ErrorKind.SYSTEM and match.rule.category is not Category.UNKNOWN:
            code = reason or condition.reason or "DisruptionTarget"
            return context.by_match(match, code=code, source=source, also=evidence)
    return None


def _node_is_lost(context: PodContext) -> bool:
    """Whether the pod's node stopped responding, so that its taint was ``unreachable`` or ``not-ready``.

    The taint manager names no taint: condition, message and event are the same for a taint that an operator set, and
    every pod tolerates these two for a while (admission plugin DefaultTolerationSeconds). What tells them apart:

    * the event NodeNotReady, or a pod whose Ready is false without a reason while its containers are ready: the node
      controller's marks (pkg/controller/util/node/controller_utils.go, MarkPodsNotReady); a kubelet gives a reason;
    * a pod that did not end with its grace period: no kubelet was there to end it.
    """
    if context.events.node_not_ready:
        return True
    status = context.status
    conditions = {condition.type: condition for condition in status.conditions or ()}
    ready, containers = conditions.get("Ready"), conditions.get("ContainersReady")
    if ready is not None and ready.status == "False" and not ready.reason:
        return containers is None or containers.status == "True"
    due = context.metadata.deletion_timestamp
    if due is None or not context.metadata.deletion_grace_period_seconds:
        return False  # the last step of a deletion, with a grace of 0, overwrites when the pod was due
    latest = later(due, _SLACK)
    if status.phase in ("Pending", "Running"):
        return context.now >= latest
    ends = [c.state.terminated.finished_at for c in context.main if c.state and c.state.terminated]
    return any(at is not None and at >= latest for at in ends)
