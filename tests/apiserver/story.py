"""A recorded story (``tests/data/timelines.jsonl.gz``) played again, step by step, to a real API server.

The story's first second becomes the second in which its pod is created here; all times in it move with it. What
watchers of the recording saw, watchers of this server see: each status, each event, bound pods, deletions.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Final

import attrs

from tests.apiserver.api import Api, Object, pods
from tests.apiserver.kubelet import ScriptedKubelet, stamp
from tests.apiserver.server import NODE
from tests.recordings import moment

_TIMES: Final = frozenset(
    "creationTimestamp deletionTimestamp startTime startedAt finishedAt lastTransitionTime lastProbeTime "
    "firstTimestamp lastTimestamp eventTime lastObservedTime".split()
)
_SERVERS: Final = ("uid", "resourceVersion", "generation", "creationTimestamp")
"""Fields of the metadata that only the server sets."""


@attrs.frozen
class StoryState:
    """What is known after a step, in the recording's own words and times."""

    at: datetime
    """When the recorder saw it."""
    pod: Object
    events: tuple[Object, ...]
    gone: bool
    """Whether the pod was gone then."""


class Story:
    """One recorded pod, played in a namespace of its own.

    Args:
        row: the recording.
        namespace: where the pod is to be.
        admin: the client of those who create, bind and delete.
        kubelet: who writes statuses and events.
    """

    def __init__(self, row: Object, namespace: str, admin: Api, kubelet: ScriptedKubelet) -> None:
        self._row = row
        self._namespace = namespace
        self._admin = admin
        self._kubelet = kubelet
        self._steps = [step for step in row["steps"] if "action" not in step]
        self._next = 0
        self._events: dict[str, Object] = {}
        self._pod: Object = {}
        self._gone = False
        first = next(step["pod"] for step in self._steps if "pod" in step)
        self.name: str = first["metadata"]["name"]
        made = self._create(first)
        self.uid: str = made["metadata"]["uid"]
        self.shift: timedelta = _second(made) - _second(first)
        """How much later everything is here."""
        self.time = self.here(moment(row["t0"]))
        """When the last step happened, by the story's own time, as it is here."""

    def here(self, at: datetime) -> datetime:
        """Return a moment of the recording as it is here."""
        return at + self.shift

    def step(self) -> StoryState | None:
        """Tell the next step; None after the last."""
        if self._next == len(self._steps):
            return None
        step = self._steps[self._next]
        self._next += 1
        at = moment(self._row["t0"]) + timedelta(seconds=step["t"])
        self.time = self.here(at)
        if "event" in step:
            self._tell(step["event"])
        else:
            self._show(step["pod"], step["type"])
        return StoryState(at, self._pod, tuple(self._events.values()), self._gone)

    def end(self) -> StoryState:
        """Tell all that is left."""
        state = self.step()
        assert state is not None, "the story is over"
        while (after := self.step()) is not None:
            state = after
        return state

    def _create(self, first: Object) -> Object:
        metadata = {key: value for key, value in first["metadata"].items() if key not in _SERVERS}
        # The class's handler is what the recorded node did not know; a class that is not there is refused here.
        spec = {key: value for key, value in first["spec"].items() if key != "runtimeClassName"}
        if spec.get("nodeName"):
            spec["nodeName"] = NODE
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "namespace": self._namespace}, "spec": spec}
        return self._admin.post(pods(self._namespace), made)

    def _tell(self, event: Object) -> None:
        self._events[event["metadata"]["name"]] = event
        here = self._moved(event)
        here["metadata"] = {"name": event["metadata"]["name"], "namespace": self._namespace}
        here["involvedObject"] = {**event["involvedObject"], "namespace": self._namespace, "uid": self.uid}
        here["involvedObject"].pop("resourceVersion", None)
        self._kubelet.tell(here)

    def _show(self, pod: Object, kind: str) -> None:
        before, self._pod = self._pod, pod
        if kind == "DELETED":
            self._gone = True
        if kind != "MODIFIED":
            return
        if pod["spec"].get("nodeName") and not before["spec"].get("nodeName"):
            self._kubelet.bind(self._namespace, self.name)
        grace = pod["metadata"].get("deletionGracePeriodSeconds")
        asked = grace is not None and grace != before["metadata"].get("deletionGracePeriodSeconds")
        if asked and grace:
            self._delete(grace)
        if pod["status"] != before["status"]:
            self._kubelet.write(self._namespace, self.name, self._moved(pod["status"]), self.uid)
        if asked and not grace:  # the object goes with it, unless a finalizer holds it
            self._delete(grace)
            self._gone = not pod["metadata"].get("finalizers")

    def _delete(self, grace: int) -> None:
        """Ask for the deletion, as the recorded client did, and with 0 the kubelet at the end."""
        self._admin.delete(pods(self._namespace, self.name), grace=grace, uid=self.uid)

    def _moved(self, value: Any) -> Any:
        """Return a part of the recording with its times moved."""
        if isinstance(value, list):
            return [self._moved(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {key: self._time(item) if key in _TIMES else self._moved(item) for key, item in value.items()}

    def _time(self, text: str | None) -> str | None:
        if text is None:
            return None
        moved = moment(text) + self.shift
        if "." not in text:
            return stamp(moved)
        return moved.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _second(pod: Object) -> datetime:
    return moment(pod["metadata"]["creationTimestamp"])
