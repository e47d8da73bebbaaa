"""Trimming objects for the cache: unread fields are dropped, and equal values share one copy.

A decoder makes a new object for each value, but most values in a cluster's pods and events are the same few strings:
reasons, statuses, names of containers, images and nodes. The times in a pod's status are few, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.kube.informer.watch_events import WatchedEvent

_MAX_STRINGS: Final = 20_000
"""How many strings, and times, are kept before all are dropped, and collected again."""
_MAX_LENGTH: Final = 160


class Interner:
    """Keeps one copy of each short string and each time. For one thread at a time.

    Args:
        labels: the labels of pods that are kept.
    """

    def __init__(self, labels: Iterable[str] = ()) -> None:
        self._labels = frozenset(labels)
        self._strings: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._times: dict[datetime, datetime] = {}

    def intern(self, text: str | None) -> str | None:
        """Return the shared copy of a string; of a long one, the copy that the same pod has already, if any."""
        if text is None:
            return None
        if len(text) > _MAX_LENGTH:
            return self._texts.get(text, text)
        strings = self._strings
        if len(strings) > _MAX_STRINGS:
            strings.clear()
        return strings.setdefault(text, text)

    def time(self, moment: datetime | None) -> datetime | None:
        """Return the shared copy of a time: Kubernetes writes whole seconds, and many of a pod's are the same."""
        if moment is None:
            return None
        times = self._times
        if len(times) > _MAX_STRINGS:
            times.clear()
        return times.setdefault(moment, moment)

    def pod(self, pod: wire.Pod, texts: Iterable[str] = ()) -> wire.Pod:
        """Return a pod as it is kept; long texts that its entry has already are shared."""
        intern, time = self.intern, self.time
        self._texts = {text: text for text in texts}
        metadata, spec, status = pod.metadata, pod.spec, pod.status
        if metadata is not None:
            labels = metadata.labels or {}
            kept = {name: intern(labels[name]) or "" for name in self._labels.intersection(labels)}
            annotations = {
                intern(name) or "": intern(text) or "" for name, text in (metadata.annotations or {}).items()
            }
            metadata = wire.evolve(
                metadata,
                name=intern(metadata.name),  # stock Flyte names the container and its annotation after the pod
                namespace=intern(metadata.namespace),
                creation_timestamp=time(metadata.creation_timestamp),
                labels=kept or None,
                annotations={intern(name) or "": intern(text) or "" for name, text in annotations.items()} or None,
            )
        if spec is not None:
            spec = wire.evolve(
                spec,
                containers=self._containers(spec.containers),
                init_containers=self._containers(spec.init_containers),
                node_name=intern(spec.node_name),
                restart_policy=intern(spec.restart_policy),
            )
        if status is not None:
            status = wire.evolve(
                status,
                phase=intern(status.phase),
                reason=intern(status.reason),
                start_time=time(status.start_time),
                conditions=self._conditions(status.conditions),
                init_container_statuses=self._statuses(status.init_container_statuses),
                container_statuses=self._statuses(status.container_statuses),
                ephemeral_container_statuses=self._statuses(status.ephemeral_container_statuses),
            )
        return wire.Pod(metadata=metadata, spec=spec, status=status)

    def event(self, event: WatchedEvent, pod_uid: str, others: Iterable[wire.Event]) -> wire.Event:
        """Return an event as it is kept; the reference to the pod is shared with its other events."""
        intern, time = self.intern, self.time
        return wire.Event(
            reason=intern(event.reason),
            message=event.message or event.note,
            type=intern(event.type),
            count=event.count,
            involved_object=self._reference(event, pod_uid, others),
            first_timestamp=time(event.first_timestamp),
            last_timestamp=time(event.last_timestamp or event.deprecated_last_timestamp),
            event_time=event.event_time,
            series=event.series,
        )

    def _reference(self, event: WatchedEvent, pod_uid: str, others: Iterable[wire.Event]) -> wire.ObjectReference:
        """Return the reference to the pod, and perhaps a container: one copy for all events that share it."""
        reference = event.involved_object or event.regarding
        path = reference.field_path if reference is not None else None
        for other in others:
            shared = other.involved_object
            if shared is not None and shared.field_path == path:
                return shared
        return wire.ObjectReference(uid=pod_uid, field_path=self.intern(path))

    def _containers(self, containers: list[wire.Container] | None) -> list[wire.Container] | None:
        intern = self.intern
        return [
            wire.evolve(
                each, name=intern(each.name), image=intern(each.image), restart_policy=intern(each.restart_policy)
            )
            for each in containers or ()
        ] or None

    def _conditions(self, conditions: list[wire.Condition] | None) -> list[wire.Condition] | None:
        intern = self.intern
        return [
            wire.evolve(
                each,
                type=intern(each.type),
                status=intern(each.status),
                reason=intern(each.reason),
                message=intern(each.message),
                last_transition_time=self.time(each.last_transition_time),
            )
            for each in conditions or ()
        ] or None

    def _statuses(self, statuses: list[wire.ContainerStatus] | None) -> list[wire.ContainerStatus] | None:
        intern = self.intern
        return [
            wire.evolve(
                each,
                name=intern(each.name),
                image=intern(each.image),
                state=self._state(each.state),
                last_state=self._state(each.last_state),
            )
            for each in statuses or ()
        ] or None

    def _state(self, state: wire.State | None) -> wire.State | None:
        if state is None:
            return None
        if state.waiting is None and state.running is None and state.terminated is None:
            return _NO_STATE
        intern = self.intern
        waiting, running, terminated = state.waiting, state.running, state.terminated
        if waiting is not None:
            waiting = wire.evolve(waiting, reason=intern(waiting.reason), message=intern(waiting.message))
        if running is not None:
            running = wire.Running(started_at=self.time(running.started_at))
        if terminated is not None:
            terminated = wire.evolve(terminated, reason=intern(terminated.reason))
        return wire.State(waiting=waiting, running=running, terminated=terminated)


_NO_STATE: Final = wire.State()
