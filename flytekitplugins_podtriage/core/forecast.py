"""``forecast``: when, and from which budget, a backend will take an attempt if nothing changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import attrs
import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Charge, ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.core.triage import triage

_NEXT_BACK_OFF = timedelta(seconds=13)
"""How long a pod shows ErrImagePull before ImagePullBackOff: 10.5 to 16 s, median 12.8 s (timelines)."""


def forecast(
    pod: object,
    *,
    backend: str,
    now: datetime,
    events: Iterable[object] = (),
    memory: Memory | None = None,
    policy: Policy | None = None,
) -> Charge:
    """Tell when a backend takes the attempt, from which budget and with which code, if the pod stays as it is.

    Args:
        pod: as for :func:`~flytekitplugins_podtriage.triage`.
        backend: ``podtriage``, ``flyte-1.16`` or ``flyte-2``.
        now: the moment, with a zone.
        events: the pod's events; they tell podtriage the cause, and a stock backend nothing.
        memory: what was kept of the pod.
        policy: the backend's settings, where they are not the defaults.

    Raises:
        InvalidPod: the pod or an event cannot be read.
        ValueError: the backend is unknown, or ``now`` has no zone.
    """
    if now.tzinfo is None:
        raise ValueError("now is a naive datetime; allowed: one with a zone")
    judge = policy if policy is not None else Policy.for_backend(backend)
    read = read_pod(pod)
    told = read_events(events)
    note = ""
    verdict = triage(read, events=told, memory=memory, policy=judge, now=now)
    if verdict.phase.failing:
        return _charge(backend, verdict, now, note)
    if verdict.phase is Phase.SUCCESS:
        return Charge(backend, None, None, rule=verdict.rule, note="the task has succeeded")
    seen, earliest = read, now
    if judge.dialect is not None:
        gone = _is_gone(read, backend)
        if gone is not None:
            return attrs.evolve(gone, at=now)
        seen, changed = _in_back_off(read)
        if changed:
            earliest = now + _NEXT_BACK_OFF
            note = "the pull has just failed: it is charged when the container next enters ImagePullBackOff"
    moments = sorted({at for at in _moments(seen, judge) if at > earliest})
    for at in (earliest, *moments) if seen is not read else moments:
        later = triage(seen, events=told, memory=memory, policy=judge, now=at)
        if later.phase.failing:
            return _charge(backend, later, at, note)
    if verdict.recheck_at is not None:
        later = triage(read, events=told, memory=memory, policy=judge, now=max(now, verdict.recheck_at))
        if later.phase.failing:
            return _charge(backend, later, max(now, verdict.recheck_at), note)
    return Charge(backend, None, None, rule=verdict.rule, note="nothing is charged while the pod stays as it is")


def _charge(backend: str, verdict: Verdict, at: datetime, note: str) -> Charge:
    return Charge(
        backend=backend,
        at=at,
        kind=verdict.kind,
        code=verdict.code,
        message=verdict.message,
        permanent=verdict.phase is Phase.PERMANENT_FAILURE,
        rule=verdict.rule,
        note=note,
    )


def _is_gone(pod: wire.Pod, backend: str) -> Charge | None:
    """A pod under deletion whose verdict is not terminal is lost for stock Flyte (k8s/plugin_manager.go)."""
    if pod.metadata is None or pod.metadata.deletion_timestamp is None:
        return None
    name = f"{pod.metadata.namespace or ''}/{pod.metadata.name or ''}"
    return Charge(
        backend=backend,
        at=None,
        kind=ErrorKind.SYSTEM,
        code="UnexpectedObjectDeletion",
        message=f"object [{name}] terminated in the background, manually",
        rule="stock-deleted",
    )


def _in_back_off(pod: wire.Pod) -> tuple[wire.Pod, bool]:
    """Return the pod as it will look once each container in ErrImagePull backs off, and whether that differs.

    The kubelet alternates between the two reasons; a stock backend lets the first pass and charges the second.
    """
    status = pod.status
    if status is None or status.phase != "Pending":
        return pod, False
    changed = False

    def backed_off(statuses: list[wire.ContainerStatus] | None) -> list[wire.ContainerStatus] | None:
        nonlocal changed
        answer = []
        for container in statuses or ():
            waiting = container.state.waiting if container.state else None
            if waiting is None or waiting.reason != "ErrImagePull":
                answer.append(container)
                continue
            changed = True
            message = f'Back-off pulling image "{container.image or ""}": ErrImagePull: {waiting.message or ""}'
            state = wire.State(waiting=wire.Waiting("ImagePullBackOff", message))
            answer.append(msgspec.structs.replace(container, state=state))
        return answer if statuses is not None else None

    init = backed_off(status.init_container_statuses)
    main = backed_off(status.container_statuses)
    if not changed:
        return pod, False
    new = msgspec.structs.replace(status, init_container_statuses=init, container_statuses=main)
    return msgspec.structs.replace(pod, status=new), True


def _moments(pod: wire.Pod, policy: Policy) -> Iterator[datetime]:
    """Yield the moments at which a clock alone can change a stock verdict: each transition plus each grace."""
    graces = {
        policy.image_pull_backoff_grace_period,
        policy.create_container_error_grace_period,
        policy.create_container_config_error_grace_period,
        policy.pod_pending_timeout,
    }
    for since in {condition.last_transition_time for condition in (pod.status and pod.status.conditions) or ()}:
        for grace in graces:
            if since is not None and grace > 0:
                try:
                    yield since + timedelta(seconds=grace)
                except OverflowError:
                    continue
