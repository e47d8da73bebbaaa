"""The timeline of a pod, from its events and status: what happened and when, each with a short label.

The API server keeps only the first time, the last time and the count of a repeated event; a watcher has seen every
occurrence. The timeline claims no more than the record at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.diagnose import diagnose
from flytekitplugins_podtriage.core.events import observed_at
from flytekitplugins_podtriage.report.text.event_labels import Tone, category_label, event_label, event_tone
from flytekitplugins_podtriage.report.text.sanitize import one_line

_EARLIEST = datetime(1970, 1, 2, tzinfo=timezone.utc)
_LATEST = datetime(3000, 1, 1, tzinfo=timezone.utc)
"""Times beyond these stand for "none" (Go's zero time) or are mistakes."""
_CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of ours the clock of another machine may be."""
_MAX_GRACE_PERIOD = 366 * 86400
"""In seconds; a longer one is a mistake."""
_PULL_FAILED = "pull-failed"


@attrs.frozen
class TimelineEntry:
    """One thing that happened to the pod."""

    at: datetime
    label: str
    """In a word or two: ``scheduled``, ``429``, ``exit 1``."""
    tone: Tone
    text: str = ""
    """The full message, sanitized."""
    container: str | None = None
    count: int = 1
    """How often it had happened by then, where the record keeps only the first and the last time."""

    def counted_label(self, times: str = "\u00d7") -> str:
        """Return the label, and the count if it is not 1."""
        return f"{self.label} ({times}{self.count})" if self.count > 1 else self.label


@attrs.frozen
class _RepeatedEvent:
    """All occurrences of one event."""

    reason: str
    message: str
    container: str | None
    times: tuple[datetime, ...]
    count: int


def build_timeline(pod: wire.Pod, events: Iterable[wire.Event], now: datetime) -> tuple[TimelineEntry, ...]:
    """Return what happened to a pod until now, in order."""
    entries = [entry for event in _group_events(events, pod) for entry in _entries_of_event(event)]
    entries.extend(_entries_of_status(pod, {entry.label for entry in entries}))
    entries = [entry for entry in entries if _EARLIEST < entry.at and entry.at - now <= _CLOCK_SKEW]
    entries.sort(key=lambda entry: (entry.at, _ORDER.get(entry.label, _LATE if entry.tone in _ENDS else _MIDDLE)))
    return tuple(_without_repeats(entries))


_ORDER = {"created": 0, "scheduled": 1, "pulling": 2, "pulled": 4, "started": 5, "deleted": 7}
"""The order within one second, which is the resolution of Kubernetes' timestamps."""
_MIDDLE, _LATE = 3, 6
_ENDS = (Tone.WELL, Tone.ENDED)


def _group_events(events: Iterable[wire.Event], pod: wire.Pod) -> Iterator[_RepeatedEvent]:
    """Group the occurrences of the same event."""
    groups: dict[tuple[str, str, str | None], tuple[set[datetime], int]] = {}
    for event in _events_about(pod, events):
        last = observed_at(event)
        if last is None:
            continue
        about = event.involved_object or event.regarding
        container = about.field_path if about else None
        if container and "{" in container:
            container = container.partition("{")[2].rstrip("}")
        container = one_line(container, 120) if container else None
        key = (event.reason or "", event.message or event.note or "", container)
        times, count = groups.get(key, (set(), 0))
        times.add(last.replace(microsecond=0))
        times.add((event.first_timestamp or event.event_time or last).replace(microsecond=0))
        recorded = event.count or (event.series.count if event.series else None) or 1
        groups[key] = (times, max(count, recorded))
    for (reason, message, container), (times, count) in groups.items():
        yield _RepeatedEvent(reason, message, container, tuple(sorted(times)), count)


def _events_about(pod: wire.Pod, events: Iterable[wire.Event]) -> Iterator[wire.Event]:
    """Leave out the events about an earlier pod of the same name."""
    uid = pod.metadata.uid if pod.metadata else None
    for event in events:
        about = event.involved_object or event.regarding
        if about is None or not uid or not about.uid or about.uid == uid:
            yield event


def _entries_of_event(event: _RepeatedEvent) -> Iterator[TimelineEntry]:
    label = event_label(event.reason, event.message)
    if label is None:
        return
    tone = event_tone(event.reason)
    if label == _PULL_FAILED:
        diagnosis = diagnose(event.message, reason="ErrImagePull")
        label = str(diagnosis.http_status) if diagnosis.http_status else category_label(diagnosis.category)
    text = one_line(event.message)
    for at in event.times:
        count = event.count if at == event.times[-1] and event.count > len(event.times) else 1
        yield TimelineEntry(at=at, label=label, tone=tone, text=text, container=event.container, count=count)


def _entries_of_status(pod: wire.Pod, labels: set[str]) -> Iterator[TimelineEntry]:
    """Yield what only the pod's status and metadata know; ``labels`` are those of the events' entries."""
    status, metadata = pod.status or wire.PodStatus(), pod.metadata or wire.Metadata()
    if metadata.creation_timestamp is not None and "scheduled" not in labels:
        yield TimelineEntry(at=metadata.creation_timestamp, label="created", tone=Tone.PROGRESS)
    for condition in status.conditions or ():
        at = condition.last_transition_time
        if at is None:
            continue
        if condition.type == "PodScheduled" and condition.status == "True" and "scheduled" not in labels:
            yield TimelineEntry(at=at, label="scheduled", tone=Tone.PROGRESS)
        elif condition.type == "DisruptionTarget" and condition.status == "True":
            label = one_line(condition.reason or "disrupted", 40)
            yield TimelineEntry(at=at, label=label, tone=Tone.TROUBLE, text=one_line(condition.message or ""))
    if metadata.deletion_timestamp is not None:
        yield _deletion(metadata.deletion_timestamp, metadata.deletion_grace_period_seconds or 0)
    for container in container_statuses(status):
        name = one_line(container.name, 120) if container.name else None
        for state in (container.last_state, container.state):
            if state is None:
                continue
            if state.running is not None and state.running.started_at is not None and "started" not in labels:
                yield TimelineEntry(at=state.running.started_at, label="started", tone=Tone.RUNNING, container=name)
            if state.terminated is not None and state.terminated.finished_at is not None:
                yield _termination(state.terminated, state.terminated.finished_at, name)


def container_statuses(status: wire.PodStatus) -> list[wire.ContainerStatus]:
    """Return the statuses of a pod's init containers and containers."""
    return [*(status.init_container_statuses or ()), *(status.container_statuses or ())]


def _deletion(until: datetime, grace_period: int) -> TimelineEntry:
    """Return the entry of a deletion, which is stamped with the end of its grace period.

    The kubelet completes a graceful deletion with a second one whose grace period is 0.
    """
    if not 0 < grace_period < _MAX_GRACE_PERIOD or until <= _EARLIEST:
        at, text = until, "deleted without a grace period, or by the kubelet to complete an earlier deletion"
    else:
        at, text = until - timedelta(seconds=grace_period), "the pod's deletion was requested"
    return TimelineEntry(at=at, label="deleted", tone=Tone.TROUBLE, text=text)


def _termination(terminated: wire.Terminated, at: datetime, container: str | None) -> TimelineEntry:
    code, reason = terminated.exit_code or 0, terminated.reason or ""
    generic = reason in ("", "Error", "Completed")
    return TimelineEntry(
        at=at,
        label=f"exit {code}" if generic else one_line(reason, 40),
        tone=Tone.WELL if code == 0 and generic else Tone.ENDED,
        text=one_line(terminated.message or f"exit code {code}"),
        container=container,
    )


def _without_repeats(entries: list[TimelineEntry]) -> Iterator[TimelineEntry]:
    """Leave out duplicates, and the start of each failed pull except the first: its failure implies it."""
    yielded: set[tuple[str | None, str, datetime]] = set()
    pulled: set[str | None] = set()
    for index, entry in enumerate(entries):
        key = (entry.container, entry.label, entry.at)
        if key in yielded:
            continue
        yielded.add(key)
        if entry.tone is Tone.PULLING:
            later = (other for other in entries[index + 1 :] if other.container == entry.container)
            if entry.container in pulled and any(other.tone is not Tone.PULLING for other in later):
                continue
            pulled.add(entry.container)
        yield entry


def next_pull_time(pod: wire.Pod, events: Iterable[wire.Event], container: str | None) -> datetime | None:
    """Return the earliest time at which the kubelet retries a container's image pull; None if that is not known.

    The back-off is 10 s, doubling to 300 s, from the last failure (kubernetes pkg/kubelet/kubelet.go, imageBackOff).
    """
    failures, last_failure, last_pull = 0, _EARLIEST, _EARLIEST
    for event in _group_events(events, pod):
        if container is not None and event.container not in (None, container):
            continue
        if event.reason == "Pulling":
            last_pull = max(last_pull, event.times[-1])
        elif event_label(event.reason, event.message) == _PULL_FAILED:
            failures += max(event.count, 1)
            last_failure = max(last_failure, event.times[-1])
    if not failures or last_pull > last_failure:
        return None
    return last_failure + timedelta(seconds=min(10 * 2 ** min(failures - 1, 10), 300))


def latest_time(pod: wire.Pod, events: Iterable[wire.Event]) -> datetime | None:
    """Return the latest time that a pod and its events record; None if they record none."""
    status, metadata = pod.status or wire.PodStatus(), pod.metadata or wire.Metadata()
    times = [metadata.creation_timestamp, status.start_time]
    times.extend(condition.last_transition_time for condition in status.conditions or ())
    for container in container_statuses(status):
        for state in (container.state, container.last_state):
            if state is not None and state.terminated is not None:
                times.append(state.terminated.finished_at)
            if state is not None and state.running is not None:
                times.append(state.running.started_at)
    times.extend(observed_at(event) for event in _events_about(pod, events))
    known = [at for at in times if at is not None and _EARLIEST < at < _LATEST]
    return max(known) if known else None
