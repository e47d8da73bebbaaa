"""A pod, built from the fields of its description."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.demystify import PRIMARY_CONTAINER
from flytekitplugins_podtriage.core.pasted.moments import moment

PHASES: Final = frozenset({"Pending", "Running", "Succeeded", "Failed", "Unknown", "Terminating"})
"""What kubectl prints as a pod's status: its phase, or that it is being deleted."""


@attrs.define
class DescribedContainer:
    """The fields of a container, as they are described."""

    name: str
    """Empty where only its state was given."""
    depth: int = 0
    """How far its name is indented."""
    indent: int | None = None
    """How far its own fields are indented; what stands deeper belongs to one of them."""
    fields: dict[str, str] = attrs.field(factory=dict)
    states: dict[str, dict[str, str]] = attrs.field(factory=dict)
    closed: bool = False
    """Whether what comes behind its states has begun: its environment, where a variable may be called ``State``."""


def build_pod(
    top: Mapping[str, str],
    groups: Mapping[str, Sequence[DescribedContainer]],
    conditions: list[wire.Condition],
    primary: str | None,
) -> wire.Pod:
    """Return a pod with the given fields; its phase follows from its containers where it is not among them."""
    for one in (*groups["init"], *groups["main"]):
        if "State" not in one.states and "Last State" in one.states:
            one.states["State"] = one.states["Last State"]  # the latest that is known
    phase = top.get("Status", "").partition(" ")[0]
    if phase == "Terminating":
        phase = "Running" if any(map(_ran, groups["main"])) else "Pending"
    elif phase not in PHASES:
        phase = _phase(groups["init"], groups["main"])
    started = moment(top.get("Start Time"))
    node = top.get("Node", "").partition("/")[0]
    return wire.Pod(
        kind="Pod",
        metadata=wire.Metadata(
            name=top.get("Name") or None,
            namespace=top.get("Namespace") or None,
            annotations={PRIMARY_CONTAINER: primary} if primary else None,
        ),
        spec=wire.PodSpec(
            containers=[wire.Container(name=one.name, image=one.fields.get("Image")) for one in groups["main"]],
            init_containers=[wire.Container(name=one.name, image=one.fields.get("Image")) for one in groups["init"]],
            node_name=None if node in ("", "<none>") else node,
        ),
        status=wire.PodStatus(
            phase=phase,
            reason=top.get("Reason") or None,
            message=top.get("Message") or None,
            start_time=started,
            conditions=[_completed(one, phase, started, groups["main"]) for one in conditions] or None,
            init_container_statuses=_statuses(groups["init"]),
            container_statuses=_statuses(groups["main"]),
            ephemeral_container_statuses=_statuses(groups["ephemeral"]),
        ),
    )


def _completed(
    condition: wire.Condition, phase: str, started: datetime | None, containers: Sequence[DescribedContainer]
) -> wire.Condition:
    """Return a condition with what the kubelet says in it and kubectl does not print.

    A pod that has not started was never ready, since the kubelet took it (pkg/kubelet/status/generate.go).
    """
    if phase != "Pending" or condition.status != "False" or condition.type not in ("Ready", "ContainersReady"):
        return condition
    unready = " ".join(one.name for one in containers if one.fields.get("Ready") != "True")
    return wire.evolve(
        condition,
        reason=condition.reason or "ContainersNotReady",
        message=condition.message or f"containers with unready status: [{unready}]",
        last_transition_time=condition.last_transition_time or started,
    )


def _phase(init: Sequence[DescribedContainer], main: Sequence[DescribedContainer]) -> str:
    """Return the phase that the kubelet gives a pod for its containers (pkg/kubelet/kubelet_pods.go, getPhase).

    The restart policy is not described; a container that ended with an error and was never restarted is taken to stay
    ended.
    """
    for one in init:
        if one.states.get("State", {}).get("State") == "Terminated" and _ended_badly(one):
            return "Pending" if "Last State" in one.states or _restarts(one) else "Failed"
    if any(one.states.get("State", {}).get("Reason") == "ContainerStatusUnknown" for one in main):
        return "Failed"  # the kubelet says so only of the containers of a pod that it has terminated
    stays = [one for one in main if _ended_badly(one) and "Last State" not in one.states and not _restarts(one)]
    now = [one.states.get("State", {}).get("State") for one in main]
    if stays and not {"Running", "Waiting"} & set(now):
        return "Failed"
    if now and all(state == "Terminated" for state in now) and not any(map(_ended_badly, main)):
        return "Succeeded"
    return "Running" if any(map(_ran, main)) else "Pending"


def _ended_badly(container: DescribedContainer) -> bool:
    state = container.states.get("State", {})
    if state.get("State") != "Terminated":
        return False
    return number(state.get("Exit Code")) != 0 and state.get("Reason") != "Completed"


def _restarts(container: DescribedContainer) -> bool:
    return bool(number(container.fields.get("Restart Count")))


def _ran(container: DescribedContainer) -> bool:
    return any(state.get("State") in ("Running", "Terminated") for state in container.states.values())


def _statuses(containers: Sequence[DescribedContainer]) -> list[wire.ContainerStatus] | None:
    return [_status(one) for one in containers] or None


def _status(container: DescribedContainer) -> wire.ContainerStatus:
    fields = container.fields
    return wire.ContainerStatus(
        name=container.name,
        ready=fields.get("Ready") == "True" if "Ready" in fields else None,
        image=fields.get("Image"),
        restart_count=number(fields.get("Restart Count")),
        state=_state(container.states.get("State")),
        last_state=_state(container.states.get("Last State")),
    )


def _state(fields: Mapping[str, str] | None) -> wire.State | None:
    if not fields:
        return None
    reason, message = fields.get("Reason") or None, fields.get("Message") or None
    name = fields["State"]
    if name == "Waiting":
        if reason is not None and " " in reason and message is None:
            message = reason  # kubelets before 1.13 gave a cause without a name as the reason
        return wire.State(waiting=wire.Waiting(reason=reason, message=message))
    if name == "Running":
        return wire.State(running=wire.Running(started_at=moment(fields.get("Started"))))
    return wire.State(
        terminated=wire.Terminated(
            exit_code=number(fields.get("Exit Code")),
            reason=reason,
            message=message,
            started_at=moment(fields.get("Started")),
            finished_at=moment(fields.get("Finished")),
        )
    )


def number(text: str | None) -> int | None:
    """Return a whole number; None if the text is none."""
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,9}", text, re.ASCII) else None
