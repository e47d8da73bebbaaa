"""Objects as they are kept: without what nobody reads, and with one copy of what many say.

A decoder makes a new string of each value. Of the pods and events of a cluster most values are the same few words:
reasons, statuses, names of containers, images, nodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.kube.informer.watch_events import WatchedEvent

_MOST: Final = 20_000
"""How many words are known; then they are forgotten, and learnt anew."""
_LONGEST: Final = 160


class Words:
    """The words that were met, one copy of each. For one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def word(self, text: str | None) -> str | None:
        """Return the one copy of a word; of a longer text the copy that is known of the same pod, if one is."""
        if text is None:
            return None
        if len(text) > _LONGEST:
            return self._texts.get(text, text)
        known = self._known
        if len(known) > _MOST:
            known.clear()
        return known.setdefault(text, text)

    def pod(self, pod: wire.Pod, texts: Iterable[str] = ()) -> wire.Pod:
        """Return a pod as it is kept.

        Args:
            pod: the pod.
            texts: longer texts that are kept of it already.
        """
        word = self.word
        self._texts = {text: text for text in texts}
        metadata, spec, status = pod.metadata, pod.spec, pod.status
        if metadata is not None:
            metadata = replace(metadata, namespace=word(metadata.namespace), labels=None)
        if spec is not None:
            spec = replace(
                spec,
                containers=self._containers(spec.containers),
                init_containers=self._containers(spec.init_containers),
                node_name=word(spec.node_name),
                restart_policy=word(spec.restart_policy),
            )
        if status is not None:
            status = replace(
                status,
                phase=word(status.phase),
                reason=word(status.reason),
                conditions=self._conditions(status.conditions),
                init_container_statuses=self._statuses(status.init_container_statuses),
                container_statuses=self._statuses(status.container_statuses),
                ephemeral_container_statuses=self._statuses(status.ephemeral_container_statuses),
            )
        return wire.Pod(metadata=metadata, spec=spec, status=status)

    def event(self, event: WatchedEvent, about: wire.ObjectReference) -> wire.Event:
        """Return an event as it is kept.

        Args:
            event: the event.
            about: what it is about, as :meth:`about` returns it.
        """
        word = self.word
        return wire.Event(
            reason=word(event.reason),
            message=event.message or event.note,
            type=word(event.type),
            count=event.count,
            involved_object=about,
            first_timestamp=event.first_timestamp,
            last_timestamp=event.last_timestamp or event.deprecated_last_timestamp,
            event_time=event.event_time,
            series=event.series,
        )

    def about(self, event: WatchedEvent, uid: str, known: Iterable[wire.Event]) -> wire.ObjectReference:
        """Return what an event is about: the pod's uid and perhaps a container, once for all events that share it."""
        given = event.involved_object or event.regarding
        path = given.field_path if given is not None else None
        for other in known:
            found = other.involved_object
            if found is not None and found.field_path == path:
                return found
        return wire.ObjectReference(uid=uid, field_path=path)

    def _containers(self, given: list[wire.Container] | None) -> list[wire.Container] | None:
        if not given:
            return None
        word = self.word
        return [
            replace(one, name=word(one.name), image=word(one.image), restart_policy=word(one.restart_policy))
            for one in given
        ]

    def _conditions(self, given: list[wire.Condition] | None) -> list[wire.Condition] | None:
        if not given:
            return None
        word = self.word
        return [
            replace(
                one,
                type=word(one.type),
                status=word(one.status),
                reason=word(one.reason),
                message=word(one.message),
            )
            for one in given
        ]

    def _statuses(self, given: list[wire.ContainerStatus] | None) -> list[wire.ContainerStatus] | None:
        if not given:
            return None
        word = self.word
        return [
            replace(
                one,
                name=word(one.name),
                image=word(one.image),
                state=self._state(one.state),
                last_state=self._state(one.last_state),
            )
            for one in given
        ]

    def _state(self, given: wire.State | None) -> wire.State | None:
        if given is None or (given.waiting is None and given.running is None and given.terminated is None):
            return None if given is None else _NO_STATE
        word = self.word
        waiting, ended = given.waiting, given.terminated
        if waiting is not None:
            waiting = replace(waiting, reason=word(waiting.reason), message=word(waiting.message))
        if ended is not None:
            ended = replace(ended, reason=word(ended.reason))
        return wire.State(waiting=waiting, running=given.running, terminated=ended)


_NO_STATE: Final = wire.State()
