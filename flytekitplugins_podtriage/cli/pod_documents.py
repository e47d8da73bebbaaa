"""From documents to what is to be explained: a pod, the events beside it, and the moment of the record.

Forms that are understood: a Pod; a List (or PodList) with pods and their events among its items; an object
``{"pod", "events"?, "now"?}``; a recorded timeline ``{"t0", "steps"}``; several of them in one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from flytekitplugins_podtriage.cli.errors import Refused
from flytekitplugins_podtriage.cli.times import parse_moment
from flytekitplugins_podtriage.core.errors import InvalidPod
from flytekitplugins_podtriage.core.memory import Memory, remember

_FORMS = 'a Pod, a List of pods and events, {"pod", "events"} or a line of a timeline'


@attrs.frozen
class Subject:
    """One pod to look at."""

    pod: Mapping[str, Any]
    events: tuple[Mapping[str, Any], ...]
    where: str
    """Where it was found, for messages."""
    now: datetime | None = None
    """The moment of the record, if it has one."""
    memory: Memory | None = None
    """What a watcher would remember of it, where the record is a story."""


def subjects(documents: Iterable[Any], where: str, at: float | None = None) -> list[Subject]:
    """Find the pods in some documents.

    Args:
        documents: plain values, as JSON and YAML have them.
        where: what they are called in a message.
        at: for timelines, the second up to which the story is followed; None: to its end.

    Raises:
        Refused: there is no pod in them, or one of them is none of the forms.
    """
    found: list[Subject] = []
    pods: list[tuple[Mapping[str, Any], str]] = []
    events: list[Mapping[str, Any]] = []
    for number, document in enumerate(documents, 1):
        place = where if number == 1 else f"{where}, document {number}"
        _sort(document, place, at, found, pods, events)
    for pod, place in pods:
        found.append(Subject(pod, tuple(e for e in events if len(pods) == 1 or _is_about(e, pod)), place))
    if not found:
        raise Refused(f"{where}: there is no Pod in it; allowed: {_FORMS}")
    return found


def _sort(
    document: Any,
    place: str,
    at: float | None,
    found: list[Subject],
    pods: list[tuple[Mapping[str, Any], str]],
    events: list[Mapping[str, Any]],
) -> None:
    """File one document: it is a story or a case of its own, or a pod or event among others."""
    if isinstance(document, list):
        for number, item in enumerate(document):
            _sort(item, f"{place}, item {number}", at, found, pods, events)
        return
    if not isinstance(document, Mapping):
        raise Refused(f"{place}: not a Pod but {_kind_of(document)}; allowed: {_FORMS}")
    if "steps" in document:
        found.append(timeline(document, place, at))
        return
    if "pod" in document and "kind" not in document:
        found.append(_case(document, place))
        return
    kind = document.get("kind")
    if (isinstance(kind, str) and kind.endswith("List")) or (kind is None and "items" in document):
        items = document.get("items")
        if not isinstance(items, list):
            raise Refused(f"{place}: its items are {_kind_of(items)}; allowed: a list")
        inner = {"PodList": "Pod", "EventList": "Event"}.get(str(kind))
        for number, item in enumerate(items):
            if inner is not None and isinstance(item, Mapping) and "kind" not in item:
                whole: Any = {"kind": inner, **item}
            else:
                whole = item
            _sort(whole, f"{place}, item {number}", at, found, pods, events)
    elif kind == "Event":
        events.append(document)
    elif kind == "Pod" or (kind is None and ("status" in document or "spec" in document)):
        pods.append((document, place))
    else:
        what = f"of kind {kind!r}" if isinstance(kind, str) else "an object without a kind"
        raise Refused(f"{place}: not a Pod but {what}; allowed: {_FORMS}")


def _case(document: Mapping[str, Any], place: str) -> Subject:
    pod, events, now = document.get("pod"), document.get("events"), document.get("now")
    if not isinstance(pod, Mapping):
        raise Refused(f"{place}: its pod is {_kind_of(pod)}; allowed: an object of kind Pod")
    if isinstance(events, Mapping):  # an EventList, as kubectl prints it
        events = events.get("items")
    if events is not None and not isinstance(events, list):
        raise Refused(f"{place}: its events are {_kind_of(events)}; allowed: a list of Events")
    if not all(isinstance(event, Mapping) for event in events or ()):
        raise Refused(f"{place}: one of its events is no object; allowed: a list of Events")
    moment = None
    if now is not None:
        moment = parse_moment(now if isinstance(now, str) else repr(now), f"{place}, now")
    return Subject(pod, tuple(events or ()), place, moment)


def timeline(row: Mapping[str, Any], place: str, at: float | None) -> Subject:
    """Follow a recorded story, as a watcher of the API server would, up to a second of it.

    Raises:
        Refused: it is no story, or there is no pod in it yet at that second.
    """
    steps = row.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, Mapping) for step in steps):
        raise Refused(f"{place}: its steps are {_kind_of(steps)}; allowed: a list of objects")
    begin = parse_moment(str(row.get("t0")), f"{place}, t0")
    pod: Mapping[str, Any] | None = None
    events: dict[object, Mapping[str, Any]] = {}
    memory: Memory | None = None
    end = 0.0
    for number, step in enumerate(steps):
        t = step.get("t")
        if isinstance(t, bool) or not isinstance(t, (int, float)):
            raise Refused(f"{place}, step {number}: its t is {_kind_of(t)}; allowed: seconds after t0")
        if at is not None and t > at:
            break
        end = max(end, float(t))
        event, state = step.get("event"), step.get("pod")
        try:
            if isinstance(event, Mapping):
                events[_identity(event, number)] = event
            elif isinstance(state, Mapping):
                pod = state
            if pod is not None and ("event" in step or "pod" in step):
                told = (event,) if isinstance(event, Mapping) else ()
                memory = remember(memory, pod, told, now=begin + timedelta(seconds=float(t)))
        except (InvalidPod, OverflowError) as error:
            raise Refused(f"{place}, step {number}: {error}") from error
    if pod is None:
        until = "" if at is None else f" until second {at:g}"
        raise Refused(f"{place}: there is no pod in its steps{until}; allowed: steps with a pod")
    now = begin + timedelta(seconds=end if at is None else at)
    return Subject(pod, tuple(events.values()), place, now, memory)


def _identity(event: Mapping[str, Any], number: int) -> object:
    """Tell each observation of an event apart: a repeated one arrives again with a larger count."""
    metadata = event.get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, Mapping) else None
    return (str(uid), str(event.get("count"))) if uid else number


def _is_about(event: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    """Whether an event is about a pod: by uid, or by name where it has none."""
    about = event.get("involvedObject") or event.get("regarding")
    metadata = pod.get("metadata")
    if not isinstance(about, Mapping) or not isinstance(metadata, Mapping):
        return False
    if about.get("uid") and metadata.get("uid"):
        return bool(about["uid"] == metadata["uid"])
    same = about.get("name") == metadata.get("name")
    return same and about.get("namespace") in (None, metadata.get("namespace"))


def _kind_of(value: object) -> str:
    """Name a plain value by its type, in words."""
    if value is None:
        return "absent"
    for types, name in (((bool,), "true or false"), ((int, float), "a number"), ((str,), "text"), ((list,), "a list")):
        if isinstance(value, types):
            return name
    return "an object" if isinstance(value, Mapping) else type(value).__name__
