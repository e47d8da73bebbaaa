"""Which failures in a table of events are over: what came later supersedes them.

The scheduler, the attach-detach controller and the kubelet retry. What they report at last holds: a pod that was
scheduled is no longer unschedulable, a volume that was mounted is there, an image that was pulled as well
(pkg/kubelet/events/event.go has the kubelet's reasons; kube-scheduler's are ``Scheduled`` and ``FailedScheduling``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from flytekitplugins_podtriage.core.pasted.event_table import EventRow

_SCHEDULING: Final = frozenset({"FailedScheduling", "NotTriggerScaleUp", "SchedulerError"})
_SETUP: Final = frozenset(
    "FailedMount FailedAttachVolume FailedMapVolume FailedCreatePodSandBox FailedPodSandBoxStatus FailedSync"
    " NetworkNotReady FailedPrepareDynamicResources".split()
)
_PULL: Final = frozenset({"Failed", "BackOff", "InspectFailed", "ErrImageNeverPull", "FailedToPullImage"})
_ON_NODE: Final = frozenset("SuccessfulAttachVolume SuccessfulMountVolume Pulling Pulled Created Started".split())
_SET_UP: Final = frozenset({"Pulling", "Pulled", "Created", "Started"})
_UNDONE_BY: Final = {
    "NodeHasNoDiskPressure": frozenset({"NodeHasDiskPressure"}),
    "NodeHasSufficientMemory": frozenset({"NodeHasInsufficientMemory"}),
    "NodeHasSufficientPID": frozenset({"NodeHasInsufficientPID"}),
    "NodeReady": frozenset({"NodeNotReady"}),
    "SuccessfulCreate": frozenset({"FailedCreate"}),
    "ProvisioningSucceeded": frozenset({"ProvisioningFailed"}),
    "TaintManagerEvictionCancelled": frozenset({"TaintManagerEviction"}),
}
_IMAGE: Final = re.compile(r'[Ii]mage:? "([^"\s]{1,512})"')
_VOLUME: Final = re.compile(r'for volume "([^"\s]{1,253})"')
_CONTAINER: Final = re.compile(r"^(?:Created|Started) container:? \"?([a-z0-9][a-z0-9-]{0,62})\"?")
_PULL_WORDS: Final = ("pull", "ErrImage", "inspect image", "ErrImageNeverPull")

# Events of type Normal that tell all the same why a pod is not there: the autoscaler found no node for it, a controller
# or another pod takes it away (cluster-autoscaler; pkg/controller/tainteviction; kube-scheduler's preemption.go), or
# its node lacks something (pkg/kubelet/nodestatus/setters.go).
_TELLING: Final = frozenset(
    "NotTriggerScaleUp TaintManagerEviction Preempted ScaleDown NodeNotReady"
    " NodeHasDiskPressure NodeHasInsufficientMemory NodeHasInsufficientPID".split()
)
OF_NODES: Final = frozenset(
    "NodeReady NodeHasDiskPressure NodeHasNoDiskPressure NodeHasInsufficientMemory NodeHasSufficientMemory"
    " NodeHasInsufficientPID NodeHasSufficientPID NodeAllocatableEnforced RegisteredNode Rebooted EvictionThresholdMet"
    " ImageGCFailed FreeDiskSpaceFailed InvalidDiskCapacity SystemOOM".split()
)
"""Reasons that only events of a node have (pkg/kubelet/events/event.go)."""
_MOST: Final = 32
"""How many failures of one object are remembered at once: events that are alike are aggregated beyond 10
(client-go tools/record/events_cache.go)."""


def failures_that_hold(rows: Sequence[EventRow]) -> list[EventRow]:
    """Return the rows that report a failure which nothing later supersedes, the newest first.

    Warnings come before the Normal events that tell why a pod is missing; no other Normal event is a failure.

    Args:
        rows: the oldest first.
    """
    by_object: dict[str | None, _Object] = {}
    for row in rows:
        by_object.setdefault(row.object, _Object()).read(row)
    alive = {id(row) for one in by_object.values() for row in one.failures}
    failures = [row for row in reversed(rows) if id(row) in alive]
    return [row for row in failures if row.event.type == "Warning"] + [
        row for row in failures if row.event.type != "Warning"
    ]


class _Object:
    """What is known of one object so far."""

    def __init__(self) -> None:
        self.failures: list[EventRow] = []
        self._containers: set[str] = set()

    def read(self, row: EventRow) -> None:
        """Read its next event."""
        reason = row.event.reason or ""
        message = row.event.message or ""
        if row.event.type == "Warning" or (reason in _TELLING and not message.startswith("Cancelling")):
            if len(self.failures) == _MOST:
                del self.failures[: _MOST // 2]
            self.failures.append(row)
            return
        if reason == "TaintManagerEviction":
            reason = "TaintManagerEvictionCancelled"
        container = _CONTAINER.match(message)
        if container is not None:
            self._containers.add(container[1])
        if self.failures and (reason in _ON_NODE or reason == "Scheduled" or reason in _UNDONE_BY):
            self.failures = [failure for failure in self.failures if not self._is_over(failure, row, reason)]

    def _is_over(self, failure: EventRow, row: EventRow, reason: str) -> bool:
        """Whether a failure is over once the given progress was made."""
        failed, message = failure.event.reason or "", failure.event.message or ""
        if failed in _UNDONE_BY.get(reason, ()):
            return True
        if failed in _SCHEDULING:
            return reason == "Scheduled" or reason in _ON_NODE
        if failed in _SETUP:
            return reason in _SET_UP or _same_volume(message, row.event.message or "")
        if failed in _PULL and any(word in message for word in _PULL_WORDS):
            return reason in ("Pulled", "Created", "Started") and self._same_container(failure, row)
        return failed == "Failed" and reason == "Started" and self._same_container(failure, row)

    def _same_container(self, failure: EventRow, row: EventRow) -> bool:
        """Whether both are about one container: as they say, or by the image, or as there is only one."""
        paths = [event.involved_object.field_path for event in (failure.event, row.event) if event.involved_object]
        if len(paths) == 2:
            return paths[0] == paths[1]
        images = [_IMAGE.search(event.message or "") for event in (failure.event, row.event)]
        if images[0] is not None and images[1] is not None:
            return images[0][1] == images[1][1]
        return len(self._containers) <= 1


def _same_volume(failed: str, succeeded: str) -> bool:
    volume = _VOLUME.search(succeeded)
    return volume is not None and f'"{volume[1]}"' in failed
