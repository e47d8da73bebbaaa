"""What the states of a pod's containers tell by themselves: that they wait, run, or how they ended before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.model import Evidence
from flytekitplugins_podtriage.core.text.container_ends import ContainerEnd

_LOOPS: Final = 6
"""Restarts after which the kubelet's back-off is at its maximum of 5 minutes (pkg/kubelet/kubelet.go): a container with
so many fails again and again, even if it runs at the moment."""


def waits(pod: wire.Pod) -> bool:
    """Whether a container waits."""
    return any(one.state is not None and one.state.waiting is not None for one in _containers(pod))


def runs_well(pod: wire.Pod) -> bool:
    """Whether the pod has containers, and each of them runs or has ended without an error."""
    containers = _containers(pod)
    return bool(containers) and all(_is_well(one) for one in containers)


def ends_of(pod: wire.Pod) -> list[ContainerEnd]:
    """Return how containers ended with an error, the last of each that has not recovered since."""
    ends = []
    for one in _containers(pod):
        for state in (one.state, None if _has_recovered(one) else one.last_state):
            end = _end(one, state)
            if end is not None:
                ends.append(end)
                break
    return ends


def ended_before(pod: wire.Pod) -> Iterator[str]:
    """Yield, for each container that runs and is ready again, a sentence on how it ended before."""
    for one in _containers(pod):
        end = _end(one, one.last_state) if _has_recovered(one) else None
        if end is not None:
            reason = f" ({end.reason})" if end.reason else ""
            name = f"The container {end.name}" if end.name else "The container"
            yield f"{name} runs and is ready again; before that it ended with exit code {end.exit_code}{reason}."


def states_of(pod: wire.Pod) -> Iterator[Evidence]:
    """Yield what each container waits for, or that it runs."""
    for one in _containers(pod):
        if one.state is None:
            continue
        name = one.name or None
        if one.state.waiting is not None:
            waiting = one.state.waiting
            yield Evidence("waiting", waiting.message or waiting.reason or "Waiting", container=name)
        elif one.state.running is not None:
            yield Evidence("running", "Running, ready" if one.ready else "Running", container=name)


def _containers(pod: wire.Pod) -> tuple[wire.ContainerStatus, ...]:
    status = pod.status or wire.PodStatus()
    return (*(status.container_statuses or ()), *(status.init_container_statuses or ()))


def _is_well(container: wire.ContainerStatus) -> bool:
    state = container.state
    if state is None or state.waiting is not None:
        return False
    return (state.running is not None and container.ready is not False) or (
        state.terminated is not None and state.terminated.exit_code == 0
    )


def _has_recovered(container: wire.ContainerStatus) -> bool:
    """Whether a container runs and is ready after few restarts: how it ended before is then over."""
    if container.state is None or container.state.running is None:
        return False
    return bool(container.ready) and (container.restart_count or 0) < _LOOPS


def _end(container: wire.ContainerStatus, state: wire.State | None) -> ContainerEnd | None:
    end = state.terminated if state is not None else None
    if end is None or not (end.exit_code or end.reason == "OOMKilled"):
        return None
    return ContainerEnd(container.name or "", end.exit_code or 0, end.reason or "", end.message or "")
