"""Why a pod has not started: of all that its containers, events and memory say, what counts."""

from __future__ import annotations

from datetime import datetime

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.container_reasons import CRASHED, PULL_REASONS, STARTING, says_cause
from flytekitplugins_podtriage.core.diagnose import Finding
from flytekitplugins_podtriage.core.durations import ZERO_TIME, later
from flytekitplugins_podtriage.core.events import Note, Pull
from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.core.verdict.context import Case

_STALE = 360.0
"""An event older than the longest back-off (300 s) and a sync or two is no longer the newest word: the kubelet may have
dropped later ones (its event client allows 25 in a burst, then one in five minutes, for each object)."""


class Wait(msgspec.Struct, frozen=True, gc=False):
    """What keeps a container, or the whole pod, from starting."""

    container: str | None
    reason: str
    message: str
    found: Finding
    source: str
    """``waiting``, ``event`` or ``memory``."""
    at: datetime | None
    since: datetime
    """When it failed for the first time, as far as is known."""
    stale_at: datetime | None = None
    """When the event that it rests on gives way to the message of the container; None: never."""


def wait_of(case: Case) -> Wait | None:
    """Return what keeps the pod from starting, or None if nothing has failed yet.

    The task's own container comes first, then init containers, without which it cannot start, then the others. Within a
    group the name decides, never the place in the list.
    """
    for group in (case.main, case.init, case.others):
        if len(group) > 1:
            waits = [wait for container in group if (wait := _wait_of_container(case, container)) is not None]
            if waits:
                # When any of their events gets stale another may be the first.
                stale_at = min((wait.stale_at for wait in waits if wait.stale_at is not None), default=None)
                return msgspec.structs.replace(min(waits, key=_rank), stale_at=stale_at)
        elif group:
            wait = _wait_of_container(case, group[0])
            if wait is not None:
                return wait
    trouble = case.events.trouble
    if trouble is not None and not case.has_started:
        return _by_event(case, None, trouble, trouble.reason, case.since)
    for name in sorted(case.events.pulls):
        failed = case.events.pulls[name].failed
        if failed is not None and not case.has_started:
            return _by_event(
                case, name or None, failed, "ErrImagePull", case.events.pulls[name].first_failed_at or case.since
            )
    if case.memory is not None and not case.has_started:
        for cause in case.memory.causes:
            found = case.find(cause.message, cause.reason)
            return Wait(cause.container, cause.reason, cause.message, found, "memory", cause.at, cause.first_at)
    return None


def _rank(wait: Wait) -> tuple[bool, str, str, str]:
    """What is known comes before what is not; then names decide, so that the order of a list never does."""
    return wait.found.rule.category is Category.UNKNOWN, wait.container or "", wait.reason, wait.message


def _wait_of_container(case: Case, container: wire.ContainerStatus) -> Wait | None:
    state = container.state
    waiting = state.waiting if state else None
    if waiting is None or waiting.reason == CRASHED:
        return None
    name, reason, message = container.name or "", waiting.reason or "", waiting.message or ""
    pull = case.events.pulls.get(name) if case.events.pulls else None
    remembered = case.memory.cause_of(name) if case.memory else None
    failing_since = case.events.failing_since.get(name) if case.events.failing_since else None
    since = _first_failure(case, pull, remembered.first_at if remembered else failing_since)
    if reason in STARTING or reason in PULL_REASONS:
        told = says_cause(reason, message)
        if pull is not None and pull.failed is not None:
            stale_at = _stale_at(pull.failed) if told else None
            if stale_at is None or case.now < stale_at:
                return _by_event(case, name, pull.failed, reason or "ErrImagePull", since, stale_at)
        if not told and remembered is not None:
            found = case.find(remembered.message, remembered.reason)
            return Wait(name, reason or remembered.reason, remembered.message, found, "memory", remembered.at, since)
        if reason in STARTING:
            return None
    found = case.find(message, reason)
    if not found.image and container.image:
        found = msgspec.structs.replace(found, image=container.image)
    return Wait(name, reason, message, found, "waiting", None, since)


def _by_event(
    case: Case, name: str | None, note: Note, reason: str, since: datetime, stale_at: datetime | None = None
) -> Wait:
    found = case.find(note.message, note.reason if note.reason != "Failed" else None)
    told = reason if reason not in STARTING else note.reason
    return Wait(name, told, note.message, found, "event", note.at, since, stale_at)


def _first_failure(case: Case, pull: Pull | None, remembered: datetime | None) -> datetime:
    first = pull.first_failed_at if pull is not None else None
    if first is not None and remembered is not None:
        return min(first, remembered)
    return first or remembered or case.since


def _stale_at(note: Note) -> datetime:
    return ZERO_TIME if note.at is None else later(note.at, _STALE)
