"""Trimming objects for the cache: unread fields are dropped, and equal strings share one copy.

A decoder makes a new string for each value, but most values in a cluster's pods and events are the same few strings:
reasons, statuses, names of containers, images and nodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, TypeVar

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.guard.owned_pod import OwnedMetadata, OwnerReference
from flytekitplugins_podtriage.kube.informer.watch_events import WatchedEvent

_MAX_STRINGS: Final = 20_000
"""How many strings, and times, are kept before all are dropped, and collected again."""
_MAX_LENGTH: Final = 160

Item = TypeVar("Item")


class Interner:
    """Keeps one copy of each short string and each time. For one thread at a time.

    Args:
        labels: the labels of pods that are kept.
        annotations: the annotations of pods that are kept; None: all.
    """

    def __init__(self, labels: Iterable[str] = (), annotations: Iterable[str] | None = None) -> None:
        self._labels = frozenset(labels)
        self._annotations = None if annotations is None else frozenset(annotations)
        self._strings: dict[str, str] = {}
        self._conditions: dict[wire.Condition, wire.Condition] = {}
        self._times: dict[datetime, datetime] = {}
        self._lists: dict[tuple[str, ...], list[str]] = {}
        self._texts: dict[str, str] = {}

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
        intern = self.intern
        self._texts = {text: text for text in texts}
        metadata, spec, status = pod.metadata, pod.spec, pod.status
        if metadata is not None:
            metadata = wire.evolve(
                metadata,
                name=intern(metadata.name),  # stock Flyte names the container and its annotation after the pod
                namespace=intern(metadata.namespace),
                creation_timestamp=self.time(metadata.creation_timestamp),
                labels=self._kept(metadata.labels, self._labels),
                annotations=self._kept(metadata.annotations, self._annotations),
            )
            if isinstance(metadata, OwnedMetadata):
                metadata = self._owned(metadata)
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
                start_time=self.time(status.start_time),
                conditions=self._shared_conditions(status.conditions),
                init_container_statuses=self._statuses(status.init_container_statuses),
                container_statuses=self._statuses(status.container_statuses),
                ephemeral_container_statuses=self._statuses(status.ephemeral_container_statuses),
            )
        return wire.evolve(pod, kind=None, metadata=metadata, spec=spec, status=status)

    def event(self, event: WatchedEvent, pod_uid: str, others: Iterable[wire.Event]) -> wire.Event:
        """Return an event as it is kept; the reference to the pod is shared with its other events."""
        intern = self.intern
        return wire.Event(
            reason=intern(event.reason),
            message=event.message or event.note,
            type=intern(event.type),
            count=event.count,
            involved_object=self._reference(event, pod_uid, others),
            first_timestamp=self.time(event.first_timestamp),
            last_timestamp=self.time(event.last_timestamp or event.deprecated_last_timestamp),
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

    def _kept(self, values: dict[str, str] | None, names: frozenset[str] | None) -> dict[str, str] | None:
        """Return the labels or annotations of these names; None: all of them."""
        if not values:
            return None
        intern = self.intern
        if names is None:
            return {intern(name) or "": intern(text) or "" for name, text in values.items()}
        return {name: intern(values[name]) or "" for name in names.intersection(values)} or None

    def _owned(self, metadata: OwnedMetadata) -> OwnedMetadata:
        """Return metadata with the controller alone of the owners: it is shared by all pods of an execution."""
        intern = self.intern
        owners = [
            OwnerReference(intern(each.api_version), intern(each.kind), intern(each.name), intern(each.uid), True)
            for each in metadata.owner_references or ()
            if each.controller
        ]
        return wire.evolve(metadata, owner_references=_exact(owners), finalizers=self._list(metadata.finalizers))

    def _list(self, values: list[str] | None) -> list[str] | None:
        """Return the shared copy of a list of strings."""
        if not values:
            return None
        if len(self._lists) > _MAX_STRINGS:
            self._lists.clear()
        return self._lists.setdefault(tuple(values), values)

    def _containers(self, containers: list[wire.Container] | None) -> list[wire.Container] | None:
        intern = self.intern
        return _exact(
            [
                wire.evolve(
                    each, name=intern(each.name), image=intern(each.image), restart_policy=intern(each.restart_policy)
                )
                for each in containers or ()
            ]
        )

    def _shared_conditions(self, conditions: list[wire.Condition] | None) -> list[wire.Condition] | None:
        """Return the shared copies of conditions: many pods pass them in the same second, and most never change."""
        kept = self._conditions
        return _exact([kept.get(each) or self._condition(each) for each in conditions or ()])

    def _condition(self, condition: wire.Condition) -> wire.Condition:
        intern = self.intern
        condition = wire.evolve(
            condition,
            type=intern(condition.type),
            status=intern(condition.status),
            reason=intern(condition.reason),
            message=intern(condition.message),
            last_transition_time=self.time(condition.last_transition_time),
        )
        if len(condition.message or "") <= _MAX_LENGTH:
            if len(self._conditions) > _MAX_STRINGS:
                self._conditions.clear()
            self._conditions[condition] = condition
        return condition

    def _statuses(self, statuses: list[wire.ContainerStatus] | None) -> list[wire.ContainerStatus] | None:
        intern = self.intern
        return _exact(
            [
                wire.evolve(
                    each,
                    name=intern(each.name),
                    image=intern(each.image),
                    state=self._state(each.state),
                    last_state=self._state(each.last_state),
                )
                for each in statuses or ()
            ]
        )

    def _state(self, state: wire.State | None) -> wire.State | None:
        if state is None:
            return None
        if state.waiting is None and state.running is None and state.terminated is None:
            return _NO_STATE
        intern = self.intern
        waiting, terminated = state.waiting, state.terminated
        if waiting is not None:
            waiting = wire.evolve(waiting, reason=intern(waiting.reason), message=intern(waiting.message))
        if terminated is not None:
            terminated = wire.evolve(terminated, reason=intern(terminated.reason))
        return wire.State(waiting=waiting, running=state.running, terminated=terminated)


_NO_STATE: Final = wire.State()


def _exact(items: list[Item]) -> list[Item] | None:
    """Return a list that takes no more memory than its items need; None for an empty one."""
    return items[:] or None
