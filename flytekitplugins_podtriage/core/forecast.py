"""``forecast``: when, and from which budget, a backend will take an attempt if nothing changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.durations import later
from flytekitplugins_podtriage.core.memory import Memory
from flytekitplugins_podtriage.core.model import Charge, ErrorKind, Phase, Verdict
from flytekitplugins_podtriage.core.policy import BACKENDS, Policy
from flytekitplugins_podtriage.core.triage import triage

_NEXT_BACK_OFF: Final = 13.0
"""How long a pod shows ErrImagePull before ImagePullBackOff: 10.5 to 16 s, median 12.8 s (timelines)."""
_MOST_STEPS: Final = 8
"""How often a verdict can change by time alone; one that is always due a moment later is never due."""


def forecast(
    pod: object,
    *,
    backend: str,
    now: datetime,
    events: Iterable[object] = (),
    memory: Memory | None = None,
    policy: Policy | None = None,
) -> Charge:
    """Return when a backend charges the attempt, to which budget and with which code, if the pod stays as it is.

    Args:
        pod: as for :func:`~flytekitplugins_podtriage.triage`.
        backend: ``podtriage``, ``flyte-1.16`` or ``flyte-2``.
        now: the moment, with a zone.
        events: the pod's events; they name the cause for podtriage, and a stock backend does not read them.
        memory: what was kept of the pod.
        policy: the backend's settings, where they are not the defaults.

    Raises:
        InvalidPod: the pod or an event cannot be read.
        ValueError: the backend is unknown, or ``now`` has no zone.
    """
    settings = policy if policy is not None and backend in BACKENDS else Policy.for_backend(backend)
    current = read_pod(pod)
    decoded = read_events(events)

    def verdict_at(state: wire.Pod, moment: datetime) -> Verdict:
        return triage(state, events=decoded, memory=memory, policy=settings, now=moment)

    verdict = verdict_at(current, now)
    note = ""
    if verdict.phase is Phase.SUCCESS:
        return Charge(backend, None, None, rule=verdict.rule, note="the task has succeeded")
    if settings.dialect is not None and not verdict.failing:
        if current.metadata is not None and current.metadata.deletion_timestamp is not None:
            return _deleted(current.metadata, backend, now)
        back_off_at = later(now, _NEXT_BACK_OFF)
        backing_off = in_back_off(current)
        # A timeout may come first.
        if backing_off is not None and (verdict.recheck_at is None or verdict.recheck_at >= back_off_at):
            current, now = backing_off, back_off_at
            verdict = verdict_at(current, now)
            note = "the pull has just failed: it is charged when the container next enters ImagePullBackOff"
    for _ in range(_MOST_STEPS):
        if verdict.failing:
            return Charge(
                backend=backend,
                at=now,
                kind=verdict.kind,
                code=verdict.code,
                message=verdict.message,
                permanent=verdict.phase is Phase.PERMANENT_FAILURE,
                rule=verdict.rule,
                note=note,
            )
        if verdict.recheck_at is None:
            break
        now = verdict.recheck_at
        verdict = verdict_at(current, now)
    return Charge(backend, None, None, rule=verdict.rule, note="nothing is charged while the pod stays as it is")


def _deleted(metadata: wire.Metadata, backend: str, now: datetime) -> Charge:
    """Return the charge for a pod that is being deleted before it ended (k8s/plugin_manager.go, checkResourcePhase)."""
    return Charge(
        backend=backend,
        at=now,
        kind=ErrorKind.SYSTEM,
        code="UnexpectedObjectDeletion",
        message=f"object [{metadata.namespace or ''}/{metadata.name or ''}] terminated in the background, manually",
        rule="stock-deleted",
    )


def in_back_off(pod: wire.Pod, *, bare: bool = False) -> wire.Pod | None:
    """Return the pod as it will be once each container in ErrImagePull backs off; None if none is in ErrImagePull.

    The kubelet alternates between the two reasons; a stock backend ignores the first and charges the second.

    Args:
        pod: the pod.
        bare: whether its kubelet leaves the cause out of the message of the back-off, as those before 1.32 do.
    """
    status = pod.status
    if status is None or status.phase != "Pending":
        return None
    init, main = status.init_container_statuses or [], status.container_statuses or []
    init_later, main_later = ([_backed_off(each, bare) for each in group] for group in (init, main))
    if init_later == init and main_later == main:
        return None
    status = wire.evolve(status, init_container_statuses=init_later, container_statuses=main_later)
    return wire.evolve(pod, status=status)


def _backed_off(container: wire.ContainerStatus, bare: bool) -> wire.ContainerStatus:
    """Return a container in ErrImagePull in back-off; any other as it is."""
    waiting = container.state.waiting if container.state else None
    if waiting is None or waiting.reason != "ErrImagePull":
        return container
    message = f'Back-off pulling image "{container.image or ""}"'
    if not bare:
        message += f": ErrImagePull: {waiting.message or ''}"
    return wire.evolve(container, state=wire.State(waiting=wire.Waiting("ImagePullBackOff", message)))
