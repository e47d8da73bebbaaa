"""Why a pod has not started: the cause that counts among those of its containers, events and memory."""

from __future__ import annotations

from datetime import datetime

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.container_reasons import CRASHED, PULL_REASONS, STARTING, says_cause
from flytekitplugins_podtriage.core.durations import ZERO_TIME, later
from flytekitplugins_podtriage.core.events import EventRecord
from flytekitplugins_podtriage.core.match import Match
from flytekitplugins_podtriage.core.memory import Cause
from flytekitplugins_podtriage.core.model import Category, Phase, Verdict
from flytekitplugins_podtriage.core.verdict.context import PodContext

_STALE = 360.0
"""An event older than the longest back-off (300 s) and a sync or two may be outdated: the kubelet drops events of an
object beyond a burst of 25 and one in five minutes (its event client's limits)."""


class WaitingCause(msgspec.Struct, frozen=True, gc=False):
    """What keeps a container, or the whole pod, from starting; a Struct because one is made for most decisions."""

    container: str | None
    reason: str
    message: str
    match: Match
    source: str
    """``waiting``, ``event`` or ``memory``."""
    at: datetime | None
    since: datetime
    """When it first failed, as far as is known."""
    stale_at: datetime | None = None
    """When the message of the container outweighs the event; None: never."""


def waiting_cause(context: PodContext) -> WaitingCause | None:
    """Return what keeps the pod from starting, or None if nothing has failed yet.

    The main containers come first, then init containers, then the others. Within a group the name decides, never the
    order of the list.
    """
    for group in (context.main, context.init, context.others):
        if len(group) == 1:
            cause = _of_container(context, group[0])
            if cause is not None:
                return cause
        elif causes := [cause for container in group if (cause := _of_container(context, container)) is not None]:
            # When an event of any of them becomes stale, another may be the first.
            stale_at = min((cause.stale_at for cause in causes if cause.stale_at is not None), default=None)
            return wire.evolve(min(causes, key=_rank), stale_at=stale_at)
    if context.has_started:
        return None
    failure = context.events.pod_failure
    if failure is not None:
        return _by_event(context, None, failure, failure.reason, context.since)
    for name, pull in sorted(context.events.pulls.items()):
        if pull.failure is not None:
            since = pull.first_failed_at or context.since
            return _by_event(context, name or None, pull.failure, "ErrImagePull", since)
    if context.memory is not None and context.memory.causes:
        remembered = context.memory.causes[0]
        return _by_memory(context, remembered, remembered.reason, remembered.first_at)
    return None


def by_cause(
    context: PodContext,
    cause: WaitingCause,
    phase: Phase = Phase.RETRYABLE_FAILURE,
    *,
    recheck_at: datetime | None = None,
) -> Verdict:
    """Return the verdict on a pod that has not started."""
    return context.by_match(
        cause.match,
        phase,
        code=cause.reason,
        source=cause.source,
        container=cause.container,
        at=cause.at,
        recheck_at=recheck_at,
    )


def _rank(cause: WaitingCause) -> tuple[bool, str, str, str]:
    """Known causes come before unknown ones; then names decide, never the order of the list."""
    return cause.match.rule.category is Category.UNKNOWN, cause.container or "", cause.reason, cause.message


def _of_container(context: PodContext, container: wire.ContainerStatus) -> WaitingCause | None:
    state = container.state
    waiting = state.waiting if state else None
    if waiting is None or waiting.reason == CRASHED:
        return None
    name, reason, message = container.name or "", waiting.reason or "", waiting.message or ""
    pull = context.events.pulls.get(name)
    remembered = context.memory.cause_of(name) if context.memory else None
    since = _first_failure(
        context,
        pull.first_failed_at if pull is not None else None,
        remembered.first_at if remembered is not None else None,
        context.events.failing_since.get(name),
    )
    if reason in STARTING or reason in PULL_REASONS:
        named = says_cause(reason, message)
        if pull is not None and pull.failure is not None:
            stale_at = _stale_at(pull.failure) if named else None
            if stale_at is None or context.now < stale_at:
                return _by_event(context, name, pull.failure, reason or "ErrImagePull", since, stale_at)
        if not named and remembered is not None:
            return _by_memory(context, remembered, reason or remembered.reason, since)
        if reason in STARTING:
            return None
    match = context.match(message, reason)
    if not match.image and container.image:
        match = wire.evolve(match, image=container.image)
    return WaitingCause(name, reason, message, match, "waiting", None, since)


def _by_event(
    context: PodContext,
    name: str | None,
    event: EventRecord,
    reason: str,
    since: datetime,
    stale_at: datetime | None = None,
) -> WaitingCause:
    match = context.match(event.message, event.reason if event.reason != "Failed" else None)
    reason = event.reason if reason in STARTING else reason
    return WaitingCause(name, reason, event.message, match, "event", event.at, since, stale_at)


def _by_memory(context: PodContext, cause: Cause, reason: str, since: datetime) -> WaitingCause:
    match = context.match(cause.message, cause.reason)
    return WaitingCause(cause.container, reason, cause.message, match, "memory", cause.at, since)


def _first_failure(context: PodContext, *known: datetime | None) -> datetime:
    """Return the earliest of the moments that are known; what is remembered may have been observed late."""
    moments = [moment for moment in known if moment is not None]
    return min(moments) if moments else context.since


def _stale_at(event: EventRecord) -> datetime:
    return ZERO_TIME if event.at is None else later(event.at, _STALE)
