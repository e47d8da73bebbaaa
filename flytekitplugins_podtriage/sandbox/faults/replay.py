"""Recordings of pods, replayed in the sandbox's time: every state of a pod, and its events, as they were observed.

A file contains JSON lines, gzipped if its name ends in ``.gz``. Each line is a recording: ``id``, ``scenario``, ``t0``
(RFC 3339), and ``steps`` in the order of their ``t`` (seconds after ``t0``), each with a ``pod`` and its ``type``
(``ADDED``, ``MODIFIED``, ``DELETED``), or with an ``event``; other keys and steps are ignored.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.decode import read_event, read_pod
from flytekitplugins_podtriage.sandbox.clock import Clock
from flytekitplugins_podtriage.sandbox.pod_state import PodRecord

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_FORMAT: Final = "allowed: JSON lines with id, t0 and steps"


class ReplayError(ValueError):
    """A recording cannot be read; the message is one line."""


@attrs.frozen(slots=True)
class Step:
    """One observation."""

    at: int
    """In milliseconds after the pod's creation."""
    pod: dict[str, Any] | None = None
    gone: bool = False
    event: dict[str, Any] | None = None


@attrs.frozen(slots=True)
class Recording:
    """What was observed of one pod."""

    id: str
    start: datetime
    steps: tuple[Step, ...]


def load(path: str, name: str) -> Recording:
    """Read a recording from a file.

    Args:
        path: the file.
        name: the recording's id or scenario (the first of several); empty if the file contains only one recording.

    Raises:
        ReplayError: there is no such file or recording, or it is malformed.
    """
    others = 0
    recording: Recording | None = None
    try:
        for number, line in _lines(path):
            if name and json.dumps(name) not in line:
                others += 1  # not worth decoding
                continue
            if recording is not None:
                raise ReplayError(f"{path}: it contains several recordings; allowed: replay: FILE NAME")
            row = _row(path, number, line)
            if name and name not in (row.get("id"), row.get("scenario")):
                others += 1
                continue
            try:
                recording = _recording(row)
            except (KeyError, TypeError, ValueError) as error:
                raise ReplayError(f"{path}, line {number}: malformed recording: {error!r}; {_FORMAT}") from error
            if name:
                break
    except (OSError, EOFError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ReplayError(f"{path}: the recording cannot be read: {reason}; {_FORMAT}") from error
    if recording is None:
        allowed = f"the id or scenario of one of its {others} recordings" if others else "a file with recordings"
        raise ReplayError(f"{path}: no recording {name!r}; allowed: {allowed}")
    return recording


def _lines(path: str) -> Iterator[tuple[int, str]]:
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, line


def _row(path: str, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise ReplayError(f"{path}, line {number}: not a recording; {_FORMAT}")
    return row


def _recording(row: dict[str, Any]) -> Recording:
    steps = []
    for step in row["steps"]:
        at = round(float(step["t"]) * 1000)
        if "event" in step:
            read_event(step["event"])
            steps.append(Step(at, event=step["event"]))
        elif "pod" in step:
            read_pod(step["pod"])
            steps.append(Step(at, pod=step["pod"], gone=step.get("type") == "DELETED"))
    if not steps:
        raise ValueError("it has no steps")
    return Recording(str(row["id"]), _parse_time(row["t0"]), tuple(steps))


def _parse_time(text: str) -> datetime:
    """Parse a time of RFC 3339 in UTC; Python 3.10 requires six fractional digits or none."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time; allowed: RFC 3339 in UTC")
    return datetime.fromisoformat(f"{match[1]}.{(match[2] or '')[:6]:0<6}+00:00")


def play(recording: Recording, clock: Clock, record: PodRecord, on_start: Callable[[], object]) -> None:
    """Make a pod go through a recording.

    Args:
        recording: what was observed.
        clock: the run's.
        record: the pod.
        on_start: called once its primary container is observed running, or having run.
    """
    offset = clock.second - recording.start.replace(microsecond=0)
    playback = _Playback(clock, record, offset, on_start)
    for step in recording.steps:
        clock.at(max(0, step.at), record.order, partial(playback.show, step))


class _Playback:
    """A recording being played."""

    def __init__(self, clock: Clock, record: PodRecord, offset: timedelta, on_start: Callable[[], object]) -> None:
        self._clock, self._record, self._offset, self._on_start = clock, record, offset, on_start
        self._started = False

    def show(self, step: Step) -> None:
        """Show one step."""
        record = self._record
        if record.gone:
            return
        if step.event is not None:
            event = _shifted(step.event, self._offset)
            event["involvedObject"] = {**(event.get("involvedObject") or {}), "uid": record.uid}
            record.events.add(read_event(event))
            record.version += 1
            return
        assert step.pod is not None  # a step has one of the two
        pod = _shifted(step.pod, self._offset)
        metadata = {**pod["metadata"], "name": record.name, "namespace": record.namespace, "uid": record.uid}
        record.show(read_pod({**pod, "metadata": metadata}), self._clock.second)
        if not self._started and _has_run(record.pod):
            self._started = True
            self._on_start()
        if step.gone:
            record.gone = True
            record.version += 1


def _has_run(pod: wire.Pod) -> bool:
    annotations = (pod.metadata.annotations if pod.metadata else None) or {}
    containers = (pod.spec.containers if pod.spec else None) or []
    primary = annotations.get("primary_container_name") or (containers[0].name if containers else None)
    for container in (pod.status.container_statuses if pod.status else None) or ():
        state = container.state
        if container.name == primary and state is not None:
            return state.running is not None or (
                state.terminated is not None and state.terminated.reason in ("Completed", "Error", "OOMKilled")
            )
    return False


def _shifted(value: Any, offset: timedelta) -> Any:
    """Return a document with all its times shifted."""
    if isinstance(value, dict):
        return {key: _shifted(item, offset) for key, item in value.items()}
    if isinstance(value, list):
        return [_shifted(item, offset) for item in value]
    if isinstance(value, str) and _TIME.fullmatch(value):
        return (_parse_time(value) + offset).isoformat().replace("+00:00", "Z")
    return value
