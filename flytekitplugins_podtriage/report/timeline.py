"""The story of a pod, from its events and status: what happened, when, in a word or two each.

The API server keeps of a repeated event only the first time, the last and the count; a watcher has seen each. Both are
told without more than they say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.events import observed_at
from flytekitplugins_podtriage.report.text.event_labels import Tone, label_of, tone_of, words_for
from flytekitplugins_podtriage.report.text.sanitize import line

_NOT_YET = datetime(1970, 1, 2, tzinfo=timezone.utc)
_TOO_LATE = datetime(3000, 1, 1, tzinfo=timezone.utc)
_SKEW = timedelta(minutes=5)
"""How far ahead of the moment another machine's clock may be."""
_LONGEST_GRACE = 366 * 86400
"""In seconds; a longer one is a mistake."""
_PULL_FAILED = "pull-failed"


@attrs.frozen
class Mark:
    """One thing that happened to the pod."""

    at: datetime
    label: str
    """In a word or two: ``scheduled``, ``429``, ``exit 1``."""
    tone: Tone
    text: str = ""
    """What was said, in full, fit to be shown."""
    container: str | None = None
    count: int = 1
    """How often it had happened by then, where the record keeps only the first and the last time."""


@attrs.frozen
class _Seen:
    """One kind of event, all its observations together."""

    reason: str
    message: str
    container: str | None
    points: tuple[datetime, ...]
    count: int


def story(pod: wire.Pod, events: Iterable[wire.Event], now: datetime) -> tuple[Mark, ...]:
    """Return what happened to a pod until now, in order."""
    uid = pod.metadata.uid if pod.metadata else None
    marks = [mark for seen in _observed(events, uid) for mark in _of_event(seen)]
    marks.extend(_of_status(pod, {mark.label for mark in marks}))
    marks = [mark for mark in marks if _NOT_YET < mark.at and mark.at - now <= _SKEW]
    marks.sort(key=lambda mark: (mark.at, _ORDER.get(mark.label, _LATE if mark.tone in _ENDS else _AMID)))
    return tuple(_without_repeats(marks))


_ORDER = {"created": 0, "scheduled": 1, "pulling": 2, "pulled": 4, "started": 5, "deleted": 7}
"""What comes first within one second, which is as fine as Kubernetes tells times."""
_AMID, _LATE = 3, 6
_ENDS = (Tone.WELL, Tone.ENDED)


def _observed(events: Iterable[wire.Event], uid: str | None) -> Iterator[_Seen]:
    """Put the observations of the same event together."""
    groups: dict[tuple[str, str, str | None], tuple[set[datetime], int]] = {}
    for event in events:
        about = event.involved_object or event.regarding
        if about is not None and uid and about.uid and about.uid != uid:
            continue
        last = observed_at(event)
        if last is None:
            continue
        container = about.field_path if about else None
        if container and "{" in container:
            container = container.partition("{")[2].rstrip("}")
        container = line(container, 120) if container else None
        key = (event.reason or "", event.message or event.note or "", container)
        points, count = groups.get(key, (set(), 0))
        points.add(last.replace(microsecond=0))
        points.add((event.first_timestamp or event.event_time or last).replace(microsecond=0))
        told = event.count or (event.series.count if event.series else None) or 1
        groups[key] = (points, max(count, told))
    for (reason, message, container), (points, count) in groups.items():
        yield _Seen(reason, message, container, tuple(sorted(points)), count)


def _of_event(seen: _Seen) -> Iterator[Mark]:
    label = label_of(seen.reason, seen.message)
    if label is None:
        return
    tone = tone_of(seen.reason)
    if label == _PULL_FAILED:
        found = diagnose(seen.message, reason="ErrImagePull")
        label = str(found.http_status) if found.http_status else words_for(found.category)
    text = line(seen.message)
    for place, at in enumerate(seen.points):
        last = place == len(seen.points) - 1
        count = seen.count if last and seen.count > len(seen.points) else 1
        yield Mark(at, label, tone, text, seen.container, count)


def _of_status(pod: wire.Pod, told: set[str]) -> Iterator[Mark]:
    """What the status tells and the events do not."""
    status, metadata = pod.status or wire.PodStatus(), pod.metadata or wire.Metadata()
    if metadata.creation_timestamp is not None and "scheduled" not in told:
        yield Mark(metadata.creation_timestamp, "created", Tone.PROGRESS)
    for condition in status.conditions or ():
        at = condition.last_transition_time
        if at is None:
            continue
        if condition.type == "PodScheduled" and condition.status == "True" and "scheduled" not in told:
            yield Mark(at, "scheduled", Tone.PROGRESS)
        elif condition.type == "DisruptionTarget" and condition.status == "True":
            label = line(condition.reason or "disrupted", 40)
            yield Mark(at, label, Tone.TROUBLE, line(condition.message or ""))
    if metadata.deletion_timestamp is not None:
        yield _of_deletion(metadata.deletion_timestamp, metadata.deletion_grace_period_seconds or 0)
    for container in (*(status.init_container_statuses or ()), *(status.container_statuses or ())):
        name = line(container.name, 120) if container.name else None
        for state in (container.last_state, container.state):
            if state is None:
                continue
            if state.running is not None and state.running.started_at is not None and "started" not in told:
                yield Mark(state.running.started_at, "started", Tone.RUNNING, container=name)
            ended = state.terminated
            if ended is not None and ended.finished_at is not None:
                yield _of_end(ended, name)


def _of_deletion(until: datetime, grace: int) -> Mark:
    """Tell of a deletion. It is stamped with the end of its grace; the kubelet's last step leaves a grace of 0."""
    if not 0 < grace < _LONGEST_GRACE or until <= _NOT_YET:
        text = "deleted without grace, or by the kubelet as the last step of a deletion that was asked for before"
        return Mark(until, "deleted", Tone.TROUBLE, text)
    return Mark(until - timedelta(seconds=grace), "deleted", Tone.TROUBLE, "somebody asked for the pod's deletion")


def _of_end(ended: wire.Terminated, container: str | None) -> Mark:
    assert ended.finished_at is not None
    code, reason = ended.exit_code or 0, ended.reason or ""
    plain = reason in ("", "Error", "Completed")
    label = f"exit {code}" if plain else line(reason, 40)
    tone = Tone.WELL if code == 0 and plain else Tone.ENDED
    return Mark(ended.finished_at, label, tone, line(ended.message or f"exit code {code}"), container)


def _without_repeats(marks: list[Mark]) -> Iterator[Mark]:
    """Leave out the start of each pull that failed but for the first: its failure says as much."""
    seen: set[tuple[str | None, str, datetime]] = set()
    pulled: set[str | None] = set()
    for place, mark in enumerate(marks):
        key = (mark.container, mark.label, mark.at)
        if key in seen:
            continue
        seen.add(key)
        if mark.tone is Tone.PULLING:
            failed = any(
                later.container == mark.container and later.tone is not Tone.PULLING for later in marks[place + 1 :]
            )
            if failed and mark.container in pulled:
                continue
            pulled.add(mark.container)
        yield mark


def next_try(pod: wire.Pod, events: Iterable[wire.Event], container: str | None) -> datetime | None:
    """Return the earliest moment at which the kubelet pulls a container's image again; None where that is not known.

    The back-off is 10 s, doubling to 300 s, from the last failure (kubernetes pkg/kubelet/kubelet.go, imageBackOff).
    """
    uid = pod.metadata.uid if pod.metadata else None
    failures, last, pulling = 0, _NOT_YET, _NOT_YET
    for seen in _observed(events, uid):
        if container is not None and seen.container not in (None, container):
            continue
        if seen.reason == "Pulling":
            pulling = max(pulling, seen.points[-1])
        elif label_of(seen.reason, seen.message) == _PULL_FAILED:
            failures += max(seen.count, 1)
            last = max(last, seen.points[-1])
    if not failures or pulling > last:
        return None
    return last + timedelta(seconds=min(10 * 2 ** min(failures - 1, 10), 300))


def last_moment(pod: wire.Pod, events: Iterable[wire.Event]) -> datetime | None:
    """Return the last moment that a pod and its events know of; None if they know none."""
    status, metadata = pod.status or wire.PodStatus(), pod.metadata or wire.Metadata()
    times = [metadata.creation_timestamp, status.start_time]
    times.extend(condition.last_transition_time for condition in status.conditions or ())
    for container in (*(status.init_container_statuses or ()), *(status.container_statuses or ())):
        for state in (container.state, container.last_state):
            if state is not None and state.terminated is not None:
                times.append(state.terminated.finished_at)
            if state is not None and state.running is not None:
                times.append(state.running.started_at)
    uid = metadata.uid
    for event in events:
        about = event.involved_object or event.regarding
        if about is None or not uid or not about.uid or about.uid == uid:
            times.append(observed_at(event))
    known = [time for time in times if time is not None and _NOT_YET < time < _TOO_LATE]
    return max(known) if known else None
