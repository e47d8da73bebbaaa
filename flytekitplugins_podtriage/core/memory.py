"""What has to be remembered of a pod because its status drops it.

A kubelet before 1.32 shows the cause of a failed pull for a few seconds at a time, and a pod that is deleted while it
waits ends without it. A watcher folds every state of a pod into a :class:`Memory` and passes that to ``triage``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.container_reasons import PULL_REASONS, says_cause
from flytekitplugins_podtriage.core.decode import read_pod
from flytekitplugins_podtriage.core.events import summarize

# Structs: decoded from JSON, and held once for every pod of a cluster.


class Cause(msgspec.Struct, frozen=True, gc=False):
    """Why a container could not be started, as last observed."""

    container: str
    reason: str
    message: str
    first_at: datetime
    """When this container first failed, for any cause."""
    at: datetime


class Memory(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of one pod."""

    uid: str | None = None
    causes: tuple[Cause, ...] = ()
    """The last cause of each container that has not started since, sorted by name."""
    started: frozenset[str] = frozenset()
    """The containers that are known to have run."""

    def cause_of(self, container: str) -> Cause | None:
        """Return why a container waits, if that is remembered."""
        return next((cause for cause in self.causes if cause.container == container), None)

    def to_json(self) -> bytes:
        """Return the memory as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Memory:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: it is not the JSON of a memory.
        """
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.MsgspecError, RecursionError) as error:  # a ValueError in new releases of msgspec only
            raise ValueError(f"not the JSON of a memory: {error}") from error


def remember(memory: Memory | None, pod: object, events: Iterable[object] = (), *, now: datetime) -> Memory:
    """Fold one state of a pod, and its events, into what is remembered of it.

    A pod with another uid is another pod: its memory starts empty.

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
        for name, pull in summarize(events, read).pulls.items():
            if pull.failure is not None and name:
                at = pull.failure.at or now
                _update(causes, name, "ErrImagePull", pull.failure.message, pull.first_failed_at or at, at)
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
                cause = causes.get(name)
                if reason in PULL_REASONS and cause is not None and cause.at >= now:
                    continue
                if (cause is None or cause.message != message) and says_cause(reason, message):
                    _update(causes, name, reason, message, now, now)
    kept = tuple(causes.values()) if len(causes) < 2 else tuple(causes[name] for name in sorted(causes))
    uid = uid or memory.uid
    if kept == memory.causes and started is memory.started and uid == memory.uid:
        return memory  # most states say nothing new
    return Memory(uid, kept, started)


def has_started(container: wire.ContainerStatus) -> bool:
    """Whether a container is known to have run: it runs, ended by itself, or was restarted."""
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
"""Reasons of a terminated container whose process never ran (kubelet status_manager.go; kuberuntime_container.go)."""


def _update(causes: dict[str, Cause], name: str, reason: str, message: str, first: datetime, at: datetime) -> None:
    cause = causes.get(name)
    causes[name] = Cause(name, reason, message, cause.first_at if cause else first, at)
