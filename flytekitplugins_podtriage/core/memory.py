"""What must be remembered of a pod because the pod itself forgets it.

A kubelet before 1.32 shows the cause of a failed pull only for some seconds at a time, and a pod that is deleted while
it waits ends without it. Whoever watches a pod folds each state into a :class:`Memory` and hands it to ``triage``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.container_reasons import PULL_REASONS, says_cause
from flytekitplugins_podtriage.core.decode import read_pod
from flytekitplugins_podtriage.core.events import digest


class Cause(msgspec.Struct, frozen=True, gc=False):
    """Why a container could not be started, when it was last heard of."""

    container: str
    reason: str
    message: str
    first_at: datetime
    """When this container first failed, for whatever cause."""
    at: datetime


class Memory(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of one pod."""

    uid: str | None = None
    causes: tuple[Cause, ...] = ()
    """The last cause of each container that has not started since, by name."""
    started: frozenset[str] = frozenset()
    """The containers that are known to have run."""

    def cause_of(self, container: str) -> Cause | None:
        """Return the remembered cause of a container's wait, if there is one."""
        for cause in self.causes:
            if cause.container == container:
                return cause
        return None

    def to_json(self) -> bytes:
        """Return the memory as JSON, to be kept beside the pod."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Memory:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: it is not a memory.
        """
        return msgspec.json.decode(data, type=cls)


def remember(memory: Memory | None, pod: object, events: Iterable[object] = (), *, now: datetime) -> Memory:
    """Fold one state of a pod (and the events there are) into what is remembered of it.

    A pod of another uid is another pod: it begins anew.

    Raises:
        InvalidPod: the pod or an event cannot be read.
        ValueError: ``now`` has no zone.
    """
    if now.tzinfo is None:
        raise ValueError("now is a naive datetime; allowed: one with a zone")
    read = read_pod(pod)
    uid = read.metadata.uid if read.metadata else None
    if memory is None or (uid and memory.uid and memory.uid != uid):
        memory = Memory(uid=uid)
    causes = {cause.container: cause for cause in memory.causes} if memory.causes else {}
    started = memory.started
    if events:
        for name, pull in digest(events, uid).pulls.items():
            if pull.failed is not None and name:
                first = pull.first_failed_at or pull.failed.at or now
                _note(causes, name, "ErrImagePull", pull.failed.message, first, pull.failed.at or now)
    status = read.status or wire.PodStatus()
    for group in (status.init_container_statuses, status.container_statuses):
        for container in group or ():
            name, state = container.name or "", container.state
            if has_started(container):
                if name not in started:
                    started |= {name}
                causes.pop(name, None)
            elif state is not None and state.waiting is not None:
                reason, message = state.waiting.reason or "", state.waiting.message or ""
                known = causes.get(name)
                if reason in PULL_REASONS and known is not None and known.at >= now:
                    continue
                if (known is None or known.message != message) and says_cause(reason, message):
                    _note(causes, name, reason, message, now, now)
    kept = tuple(causes.values()) if len(causes) < 2 else tuple(causes[name] for name in sorted(causes))
    uid = uid or memory.uid
    if kept == memory.causes and started is memory.started and uid == memory.uid:
        return memory  # most states tell nothing new
    return Memory(uid, kept, started)


def has_started(container: wire.ContainerStatus) -> bool:
    """Whether a container is known to have run: it runs, has ended by itself, or had to be restarted."""
    for state in (container.state, container.last_state):
        if state is None:
            continue
        if state.running is not None:
            return True
        ended = state.terminated
        if ended is not None and ended.reason not in NEVER_RAN:
            return True
    return False


NEVER_RAN = frozenset({"ContainerStatusUnknown", "StartError", "ContainerCannotRun", "RunContainerError"})
"""Reasons of an end that was no end of a process (kubelet status_manager.go; kuberuntime_container.go)."""


def _note(causes: dict[str, Cause], name: str, reason: str, message: str, first: datetime, at: datetime) -> None:
    known = causes.get(name)
    causes[name] = Cause(name, reason, message, known.first_at if known else first, at)
