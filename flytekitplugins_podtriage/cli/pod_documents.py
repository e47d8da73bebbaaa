"""From documents to pods, each with its events and the moment of the record.

Accepted forms: a Pod; a List (or PodList) with pods and their events among its items; an object ``{"pod", "events"?,
"now"?}``; a recorded timeline ``{"t0", "steps"}``; several of them in one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from flytekitplugins_podtriage.cli.errors import InputError, NoDocument
from flytekitplugins_podtriage.cli.times import parse_time
from flytekitplugins_podtriage.core.errors import InvalidPod
from flytekitplugins_podtriage.core.memory import Memory, remember

_FORMS = 'a Pod, a List of pods and events, {"pod", "events"} or a line of a timeline'


@attrs.frozen
class PodRecord:
    """A pod to judge or explain, as it was given."""

    pod: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    source: str
    """Where it comes from, for messages."""
    now: datetime | None = None
    """The moment of the record, if it has one."""
    memory: Memory | None = None
    """What a watcher would remember of the pod, if the record is a timeline."""
    notes: tuple[str, ...] = ()
    """What could not be known, where the pod was read from a text for people."""
    retries: int | None = None
    """The task's user retries, where its FlyteWorkflow or flyteadmin gives them."""
    retries_from: str = ""
    """Which of the two, as the subject of a sentence."""


def find_pods(documents: Iterable[Any], source: str, at: float | None = None) -> list[PodRecord]:
    """Return the pods in some documents from ``source``; timelines are replayed up to second ``at``, or to their end.

    Raises:
        InputError: they contain no pod, or one of them has none of the accepted forms.
    """
    collector = _Collector(at)
    for number, document in enumerate(documents, 1):
        collector.add(document, source if number == 1 else f"{source}, document {number}")
    records = collector.records()
    if not records:
        raise InputError(f"{source}: contains no Pod; expected {_FORMS}")
    return records


class _Collector:
    """Collects complete records, and the pods and events that belong together."""

    def __init__(self, at: float | None) -> None:
        self._at = at
        self._records: list[PodRecord] = []
        self._pods: list[tuple[Mapping[str, Any], str]] = []
        self._events: list[Mapping[str, Any]] = []

    def records(self) -> list[PodRecord]:
        """Return the complete records, then the other pods with their events."""
        is_single = len(self._pods) == 1
        return self._records + [
            PodRecord(pod, tuple(event for event in self._events if is_single or _is_about(event, pod)), source)
            for pod, source in self._pods
        ]

    def add(self, document: Any, source: str) -> None:
        """Add a document: a record of its own, a pod or an event among others, or a list of them."""
        if isinstance(document, list):
            for number, item in enumerate(document):
                self.add(item, f"{source}, item {number}")
            return
        if not isinstance(document, Mapping):
            raise NoDocument(f"{source}: got {_type_name(document)}; expected {_FORMS}")
        kind = document.get("kind")
        if "steps" in document:
            self._records.append(_timeline_record(document, source, self._at))
        elif "pod" in document and "kind" not in document:
            self._records.append(_record(document, source))
        elif (isinstance(kind, str) and kind.endswith("List")) or (kind is None and "items" in document):
            self._add_list(document, kind, source)
        elif kind == "Event":
            self._events.append(document)
        elif kind == "Pod" or (kind is None and ("status" in document or "spec" in document)):
            self._pods.append((document, source))
        else:
            if not isinstance(kind, str):
                raise NoDocument(f"{source}: got an object without a kind; expected {_FORMS}")
            raise InputError(f"{source}: got an object of kind {kind!r}; expected {_FORMS}")

    def _add_list(self, document: Mapping[str, Any], kind: object, source: str) -> None:
        items = document.get("items")
        if not isinstance(items, list):
            raise InputError(f"{source}, items: got {_type_name(items)}; expected a list")
        item_kind = {"PodList": "Pod", "EventList": "Event"}.get(str(kind))
        for number, item in enumerate(items):
            is_bare = item_kind is not None and isinstance(item, Mapping) and "kind" not in item
            self.add({"kind": item_kind, **item} if is_bare else item, f"{source}, item {number}")


def _record(document: Mapping[str, Any], source: str) -> PodRecord:
    """Return the record of an object ``{"pod", "events"?, "now"?}``."""
    pod, events, now = document.get("pod"), document.get("events"), document.get("now")
    if not isinstance(pod, Mapping):
        raise InputError(f"{source}, pod: got {_type_name(pod)}; expected an object of kind Pod")
    if isinstance(events, Mapping):  # an EventList, as kubectl prints it
        events = events.get("items")
    if events is not None and not isinstance(events, list):
        raise InputError(f"{source}, events: got {_type_name(events)}; expected a list of Events")
    if not all(isinstance(event, Mapping) for event in events or ()):
        raise InputError(f"{source}, events: one of them is not an object; expected a list of Events")
    at = None if now is None else parse_time(now if isinstance(now, str) else repr(now), f"{source}, now")
    return PodRecord(pod, tuple(events or ()), source, at)


def _timeline_record(row: Mapping[str, Any], source: str, at: float | None) -> PodRecord:
    """Replay a recorded timeline up to a second of it, as a watcher of the API server would see it.

    Raises:
        InputError: it is not a timeline, or has no pod up to that second.
    """
    steps = row.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps):
        raise InputError(f"{source}, steps: got {_type_name(steps)}; expected a list of objects")
    begin = parse_time(str(row.get("t0")), f"{source}, t0")
    pod: Mapping[str, Any] | None = None
    events: dict[object, Mapping[str, Any]] = {}
    memory: Memory | None = None
    end = 0.0
    for number, step in enumerate(steps):
        t = step.get("t")
        if isinstance(t, bool) or not isinstance(t, (int, float)):
            raise InputError(f"{source}, step {number}, t: got {_type_name(t)}; expected seconds after t0")
        if at is not None and t > at:
            break
        end = max(end, float(t))
        event, state = step.get("event"), step.get("pod")
        try:
            if isinstance(event, Mapping):
                events[_event_key(event, number)] = event
            elif isinstance(state, Mapping):
                pod = state
            if pod is not None and ("event" in step or "pod" in step):
                new_events = (event,) if isinstance(event, Mapping) else ()
                memory = remember(memory, pod, new_events, now=begin + timedelta(seconds=float(t)))
        except (InvalidPod, OverflowError) as error:
            raise InputError(f"{source}, step {number}: {error}") from error
    if pod is None:
        until = "" if at is None else f" up to second {at:g}"
        raise InputError(f"{source}: contains no pod in its steps{until}; expected steps with a pod")
    now = begin + timedelta(seconds=end if at is None else at)
    return PodRecord(pod, tuple(events.values()), source, now, memory)


def _event_key(event: Mapping[str, Any], step: int) -> object:
    """Return a key for one occurrence of an event: a repeated event arrives again with a larger count."""
    metadata = event.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, Mapping) else None
    return (str(uid), str(event.get("count"))) if uid else step


def _is_about(event: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    """Whether an event is about a pod: by uid, or by name if it has no uid."""
    about = event.get("involvedObject") or event.get("regarding")
    metadata = pod.get("metadata")
    if not isinstance(about, Mapping) or not isinstance(metadata, Mapping):
        return False
    if about.get("uid") and metadata.get("uid"):
        return bool(about["uid"] == metadata["uid"])
    is_same_name = about.get("name") == metadata.get("name")
    return is_same_name and about.get("namespace") in (None, metadata.get("namespace"))


def _type_name(value: object) -> str:
    """Return the type of a plain value in words."""
    if value is None:
        return "nothing"
    for types, name in (((bool,), "a boolean"), ((int, float), "a number"), ((str,), "text"), ((list,), "a list")):
        if isinstance(value, types):
            return name
    return "an object" if isinstance(value, Mapping) else type(value).__name__
