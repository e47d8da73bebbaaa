"""Short words for events and categories."""

from __future__ import annotations

import enum
from typing import Final

from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.report.text.sanitize import line


class Tone(str, enum.Enum):
    """What a mark in a pod's story is about; renderers choose colour and sign by it."""

    PROGRESS = "progress"
    PULLING = "pulling"
    TROUBLE = "trouble"
    RUNNING = "running"
    WELL = "well"
    ENDED = "ended"


_EVENTS: Final = {
    "Scheduled": ("scheduled", Tone.PROGRESS),
    "FailedScheduling": ("no node", Tone.TROUBLE),
    "NotTriggerScaleUp": ("no scale-up", Tone.TROUBLE),
    "TriggeredScaleUp": ("scale-up", Tone.PROGRESS),
    "Pulling": ("pulling", Tone.PULLING),
    "Pulled": ("pulled", Tone.PROGRESS),
    "Started": ("started", Tone.RUNNING),
    "Killing": ("being ended", Tone.TROUBLE),
    "FailedMount": ("mount failed", Tone.TROUBLE),
    "FailedAttachVolume": ("attach failed", Tone.TROUBLE),
    "FailedMapVolume": ("mount failed", Tone.TROUBLE),
    "FailedCreatePodSandBox": ("sandbox failed", Tone.TROUBLE),
    "FailedToRetrieveImagePullSecret": ("pull secret missing", Tone.TROUBLE),
    "ErrImageNeverPull": ("never pull", Tone.TROUBLE),
    "InspectFailed": ("bad reference", Tone.TROUBLE),
    "Preempted": ("preempted", Tone.TROUBLE),
    "Preempting": ("preempted", Tone.TROUBLE),
    "TaintManagerEviction": ("tainted", Tone.TROUBLE),
    "NodeNotReady": ("node not ready", Tone.TROUBLE),
    "DeadlineExceeded": ("deadline", Tone.TROUBLE),
}
"""Reasons of events, as kubelet, scheduler and node controllers have them (kubernetes pkg/kubelet/events/event.go)."""

_UNTOLD: Final = frozenset({"Created", "SandboxChanged", "AddedInterface"})
"""Steps that go without saying."""


def label_of(reason: str, message: str) -> str | None:
    """Return a short word for an event; ``pull-failed`` for a failed pull, None for one that tells nothing new."""
    if reason in _UNTOLD or (reason == "TaintManagerEviction" and message.startswith("Cancelling")):
        return None
    if reason == "Failed":
        if message.startswith(("Failed to pull image", "Failed to inspect image")):
            return "pull-failed"
        # "Error: ErrImagePull" repeats what the event before it said; other errors stand for themselves.
        tail = message.removeprefix("Error: ")
        return None if " " not in tail else "failed"
    if reason == "BackOff":
        return "back-off" if "restarting failed" in message else None
    if reason in _EVENTS:
        return _EVENTS[reason][0]
    return line(reason, 40) or None


def tone_of(reason: str) -> Tone:
    """Return what an event is about; one that is not known is trouble."""
    return _EVENTS[reason][1] if reason in _EVENTS else Tone.TROUBLE


_CATEGORIES: Final = {
    Category.REGISTRY_RATE_LIMITED: "limited",
    Category.REGISTRY_UNAVAILABLE: "no answer",
    Category.NETWORK_TIMEOUT: "timed out",
    Category.DNS: "DNS failed",
    Category.TLS: "TLS failed",
    Category.PROXY: "proxy failed",
    Category.AUTH: "refused",
    Category.NOT_FOUND: "not found",
    Category.INVALID_REFERENCE: "bad reference",
    Category.PLATFORM_MISMATCH: "wrong platform",
    Category.CORRUPT_CONTENT: "corrupt",
    Category.UNKNOWN: "pull failed",
}


def words_for(category: Category) -> str:
    """Return a word or two for the category of a failed pull.

    >>> words_for(Category.NOT_FOUND), words_for(Category.NODE_DISK)
    ('not found', 'node disk')
    """
    return _CATEGORIES.get(category, category.value.replace("_", " "))
