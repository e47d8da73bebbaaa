"""Short labels for events and categories."""

from __future__ import annotations

import enum
from typing import Final

from flytekitplugins_podtriage.core.model import Category
from flytekitplugins_podtriage.report.text.sanitize import one_line


class Tone(str, enum.Enum):
    """What an entry of a timeline is about; renderers choose its colour and symbol by it."""

    PROGRESS = "progress"
    PULLING = "pulling"
    TROUBLE = "trouble"
    RUNNING = "running"
    WELL = "well"
    ENDED = "ended"


_EVENTS: Final = {
    "Scheduled": ("scheduled", Tone.PROGRESS),
    "FailedScheduling": ("unschedulable", Tone.TROUBLE),
    "NotTriggerScaleUp": ("no scale-up", Tone.TROUBLE),
    "TriggeredScaleUp": ("scale-up", Tone.PROGRESS),
    "Pulling": ("pulling", Tone.PULLING),
    "Pulled": ("pulled", Tone.PROGRESS),
    "Started": ("started", Tone.RUNNING),
    "Killing": ("killing", Tone.TROUBLE),
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
"""By the reason of the event: kubelet, scheduler, node controllers (kubernetes pkg/kubelet/events/event.go)."""

_OMITTED_REASONS: Final = frozenset({"Created", "SandboxChanged", "AddedInterface"})
"""Steps that add nothing to the timeline."""


def event_label(reason: str, message: str) -> str | None:
    """Return a short label for an event: ``pull-failed`` for a failed pull, None for an event to leave out."""
    if reason in _OMITTED_REASONS or (reason == "TaintManagerEviction" and message.startswith("Cancelling")):
        return None
    if reason == "Failed":
        if message.startswith(("Failed to pull image", "Failed to inspect image")):
            return "pull-failed"
        # "Error: ErrImagePull" only repeats the event before it.
        tail = message.removeprefix("Error: ")
        return None if " " not in tail else "failed"
    if reason == "BackOff":
        return "back-off" if "restarting failed" in message else None
    if reason in _EVENTS:
        return _EVENTS[reason][0]
    return one_line(reason, 40) or None


def event_tone(reason: str) -> Tone:
    """Return the tone of an event; unknown reasons are trouble."""
    return _EVENTS[reason][1] if reason in _EVENTS else Tone.TROUBLE


_CATEGORIES: Final = {
    Category.REGISTRY_RATE_LIMITED: "rate limited",
    Category.REGISTRY_UNAVAILABLE: "unavailable",
    Category.NETWORK_TIMEOUT: "timed out",
    Category.DNS: "DNS failed",
    Category.TLS: "TLS failed",
    Category.PROXY: "proxy failed",
    Category.AUTH: "unauthorized",
    Category.NOT_FOUND: "not found",
    Category.INVALID_REFERENCE: "bad reference",
    Category.PLATFORM_MISMATCH: "wrong platform",
    Category.CORRUPT_CONTENT: "corrupt",
    Category.UNKNOWN: "pull failed",
}


def category_label(category: Category) -> str:
    """Return a label of one or two words for the category of a failed pull.

    >>> category_label(Category.NOT_FOUND), category_label(Category.NODE_DISK)
    ('not found', 'node disk')
    """
    return _CATEGORIES.get(category, category.value.replace("_", " "))
