"""Recorded stories of pods, told again in the sandbox's time: what was seen of a pod, and its events, as they came.

A file holds JSON lines, gzipped if its name ends in ``.gz``. A line is a story: ``id``, ``scenario``, ``t0`` (RFC
3339), and ``steps`` in the order of their ``t`` (seconds after ``t0``), each with a ``pod`` and its ``type``
(``ADDED``, ``MODIFIED``, ``DELETED``), or with an ``event``; other keys and steps are left aside.
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
from flytekitplugins_podtriage.sandbox.pod_state import Record

_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_FORM: Final = "allowed: JSON lines with id, t0 and steps"


class ReplayError(ValueError):
    """A recording cannot be read; the message is one line."""


@attrs.frozen(slots=True)
class Step:
    """One thing that was seen."""

    at: int
    """In milliseconds after the pod's creation."""
    pod: dict[str, Any] | None = None
    gone: bool = False
    event: dict[str, Any] | None = None


@attrs.frozen(slots=True)
class Story:
    """What was seen of one pod."""

    id: str
    start: datetime
    steps: tuple[Step, ...]


def load(path: str, story: str) -> Story:
    """Read a story from a file.

    Args:
        path: the file.
        story: the story's id or scenario (the first of several); empty where the file holds one story only.

    Raises:
        ReplayError: there is no such file or story, or it is none.
    """
    others = 0
    found: Story | None = None
    try:
        for number, line in _lines(path):
            if story and json.dumps(story) not in line:
                others += 1  # not worth decoding
                continue
            if found is not None:
                raise ReplayError(f"{path}: it holds several stories; allowed: replay: FILE STORY")
            one = _row(path, number, line)
            if story and story not in (one.get("id"), one.get("scenario")):
                others += 1
                continue
            try:
                found = _story(one)
            except (KeyError, TypeError, ValueError) as error:
                raise ReplayError(f"{path}, line {number}: it cannot be read: {error!r}; {_FORM}") from error
            if story:
                break
    except (OSError, EOFError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ReplayError(f"{path}: the recording cannot be read: {why}; {_FORM}") from error
    if found is None:
        allowed = f"the id or scenario of one of its {others} stories" if others else "a file with stories"
        raise ReplayError(f"{path}: no story {story!r}; allowed: {allowed}")
    return found


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
        raise ReplayError(f"{path}, line {number}: no story; {_FORM}")
    return row


def _story(row: dict[str, Any]) -> Story:
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
    return Story(str(row["id"]), _moment(row["t0"]), tuple(steps))


def _moment(text: str) -> datetime:
    """Read a time of RFC 3339 in UTC; Python 3.10 wants six digits or none."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time; allowed: RFC 3339 in UTC")
    return datetime.fromisoformat(f"{found[1]}.{(found[2] or '')[:6]:0<6}+00:00")


def play(story: Story, clock: Clock, record: Record, started: Callable[[], object]) -> None:
    """Have a pod go through a story.

    Args:
        story: what was seen.
        clock: the run's.
        record: the pod.
        started: called once when its primary container is first seen running, or as having run.
    """
    later = clock.second() - story.start.replace(microsecond=0)
    told = _Told(clock, record, later, started)
    for step in story.steps:
        clock.at(max(0, step.at), record.order, partial(told.go, step))


class _Told:
    """A story under way."""

    def __init__(self, clock: Clock, record: Record, later: timedelta, started: Callable[[], object]) -> None:
        self._clock, self._record, self._later, self._started = clock, record, later, started
        self._run = False

    def go(self, step: Step) -> None:
        """Show one step of it."""
        record = self._record
        if record.gone:
            return
        if step.event is not None:
            event = _shifted(step.event, self._later)
            event["involvedObject"] = {**(event.get("involvedObject") or {}), "uid": record.uid}
            record.events.add(read_event(event))
            record.version += 1
            return
        assert step.pod is not None  # a step has one of the two
        pod = _shifted(step.pod, self._later)
        metadata = {**pod["metadata"], "name": record.name, "namespace": record.namespace, "uid": record.uid}
        record.show(read_pod({**pod, "metadata": metadata}), self._clock.second())
        if not self._run and _has_run(record.pod):
            self._run = True
            self._started()
        if step.gone:
            record.gone = True
            record.version += 1


def _has_run(pod: wire.Pod) -> bool:
    annotations = (pod.metadata.annotations if pod.metadata else None) or {}
    declared = (pod.spec.containers if pod.spec else None) or []
    primary = annotations.get("primary_container_name") or (declared[0].name if declared else None)
    for container in (pod.status.container_statuses if pod.status else None) or ():
        state = container.state
        if container.name == primary and state is not None:
            return state.running is not None or (
                state.terminated is not None and state.terminated.reason in ("Completed", "Error", "OOMKilled")
            )
    return False


def _shifted(value: Any, later: timedelta) -> Any:
    """Return a document with all its times moved."""
    if isinstance(value, dict):
        return {key: _shifted(item, later) for key, item in value.items()}
    if isinstance(value, list):
        return [_shifted(item, later) for item in value]
    if isinstance(value, str) and _TIME.fullmatch(value):
        return (_moment(value) + later).isoformat().replace("+00:00", "Z")
    return value
