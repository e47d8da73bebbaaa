"""An API server inside the process that plays a recorded story, and may be away; with the connector's cluster on it.

Nothing waits: time is a number that the test sets. The requests are those of the real client, down to its connection
pool, and the watch is read in rounds, each of which brings everything up to the present.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs
import urllib3

from flytekitplugins_podtriage import Memory, remember
from flytekitplugins_podtriage.connector import pod_manifest
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.server_clock import ServerClock
from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster
from tests.kube.model import line, status
from tests.recordings import moment

Object = dict[str, Any]
FAULTS = ("stopped", "killed", "killed for all", "watch hangs", "events hang", "answers 500", "answers of old")
REPORTED = 10.0
"""How many seconds after the server's return a kubelet has reported what it could not report before."""


@attrs.frozen
class Change:
    """One change of an object, at a resource version."""

    at: float
    version: int
    kind: str
    item: Object


class StoryServer:
    """The API server.

    Args:
        row: the recording.
        prefix: the output prefix of the attempt that the pod is of.
    """

    def __init__(self, row: Object, prefix: str) -> None:
        self.start = moment(row["t0"])
        self.now = 0.0
        """Seconds since the recording began."""
        self.fault = ""
        self.fault_since = 0.0
        self.unreported: tuple[float, float] | None = None
        """Since when, and until when, what happens on the nodes is not reported."""
        self.requests: list[str] = []
        self.changes: dict[str, list[Change]] = {"pods": [], "events": []}
        seen: set[str] = set()
        for step in row["steps"]:
            if "pod" in step:
                pod = _of_attempt(step["pod"], prefix)
                self._add("pods", step["t"], step["type"], pod)
            elif "event" in step:
                name = step["event"]["metadata"]["name"]
                self._add("events", step["t"], "MODIFIED" if name in seen else "ADDED", step["event"])
                seen.add(name)
        first = self.changes["pods"][0].item["metadata"]
        self.namespace, self.pod, self.uid = first["namespace"], first["name"], first["uid"]

    def _add(self, resource: str, at: float, kind: str, item: Object) -> None:
        self.changes[resource].append(Change(at, int(item["metadata"]["resourceVersion"]), kind, item))

    @property
    def steps(self) -> list[float]:
        """When something changes."""
        first = self.changes["pods"][0].at
        return sorted({change.at for changes in self.changes.values() for change in changes if change.at >= first})

    def time(self, at: float | None = None) -> datetime:
        """Return a moment of the story, by default the present one."""
        return self.start + timedelta(seconds=self.now if at is None else at)

    def break_down(self, fault: str) -> None:
        """Begin to be away, in one of the ways of :data:`FAULTS`; an empty one ends it."""
        if self.fault == "killed for all":
            self.unreported = (self.fault_since, self.now + REPORTED)
        self.fault, self.fault_since = fault, self.now

    def truth(self, at: float) -> PodSnapshot:
        """Return what whoever has watched without interruption knows at a moment."""
        memory: Memory | None = None
        pod: Object = {}
        gone = False
        events: dict[str, Object] = {}
        every = [*self.changes["pods"], *self.changes["events"]]
        for change in sorted(every, key=lambda each: each.version):
            if change.at > at:
                break
            if "involvedObject" in change.item:
                events[change.item["metadata"]["name"]] = change.item
            else:
                pod, gone = change.item, change.kind == "DELETED"
            if pod:
                memory = remember(memory, pod, events.values(), now=self.time(change.at))
        return PodSnapshot(read_pod(pod), tuple(read_events(events.values())), memory, gone)

    # Requests, as urllib3's pool makes them

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Answer a request."""
        split = urlsplit(url)
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        self.requests.append(f"{method} {split.path}{'?watch' if query.get('watch') else ''}")
        if self.fault == "stopped":
            raise urllib3.exceptions.ReadTimeoutError(None, url, "Read timed out.")  # type: ignore[arg-type]
        if self.fault.startswith("killed"):
            raise urllib3.exceptions.ProtocolError("Connection refused")
        if self.fault == "answers 500":
            return self._response(500, status(500, "etcdserver: no leader", reason="InternalError"))
        if method == "DELETE":
            return self._response(200, status(200, ""))
        _, resource, name = (*split.path.split("/")[4:], "")[:3]
        as_of = self._old if self.fault == "answers of old" else self.now
        if query.get("watch"):
            return self._watch(resource, int(query["resourceVersion"]))
        items = self._items(resource, as_of)
        if name:
            found = [item for item in items if item["metadata"]["name"] == name]
            if not found:
                return self._response(404, status(404, f'pods "{name}" not found', reason="NotFound"))
            return self._response(200, found[0])
        return self._response(
            200, {"kind": "List", "metadata": {"resourceVersion": str(self._revision(as_of))}, "items": items}
        )

    @property
    def _old(self) -> float:
        """The moment whose state an outdated server has: two changes before the fault."""
        before = [at for at in self.steps if at < self.fault_since]
        return before[-2] if len(before) > 1 else -1.0

    def _is_there(self, change: Change, as_of: float) -> bool:
        """Whether the server has a change, as of a moment."""
        since, until = self.unreported or (0.0, 0.0)
        return change.at <= as_of and not (since < change.at and self.now < until)

    def _revision(self, as_of: float) -> int:
        every = [change for changes in self.changes.values() for change in changes]
        return max((change.version for change in every if self._is_there(change, as_of)), default=1)

    def _items(self, resource: str, as_of: float) -> list[Object]:
        items: dict[str, Object] = {}
        for change in self.changes[resource]:
            if self._is_there(change, as_of):
                items[change.item["metadata"]["name"]] = change.item
                if change.kind == "DELETED":
                    del items[change.item["metadata"]["name"]]
        return list(items.values())

    def _watch(self, resource: str, since: int) -> Any:
        if self.fault == "answers of old":
            return self._response(410, status(410, "too old resource version: 1 (2)", reason="Expired"))
        every = self.changes[resource]
        changes = [change for change in every if change.version > since and self._is_there(change, self.now)]
        lines = [line(change.kind, change.item) for change in changes]
        lines.append(line("BOOKMARK", {"metadata": {"resourceVersion": str(max(since, self._revision(self.now)))}}))
        return self._response(200, b"".join(lines))

    def _response(self, code: int, body: Object | bytes) -> _Response:
        date = format_datetime(self.time().replace(microsecond=0), usegmt=True)
        return _Response(code, body if isinstance(body, bytes) else json.dumps(body).encode(), {"Date": date})


@attrs.frozen
class _Response:
    """A response of urllib3, as far as the client uses it."""

    status: int
    data: bytes
    headers: dict[str, str]

    def stream(self, _: int) -> Iterator[bytes]:
        yield self.data

    def close(self) -> None:
        """Do nothing."""

    release_conn = drain_conn = close


class StoryCluster:
    """The connector's cluster on such a server, on a host with clocks; the test reads its watches round by round."""

    def __init__(self, server: StoryServer) -> None:
        self.server = server
        self.wall_ahead = 0.0
        """By how much the host's wall clock is ahead of the server's, in seconds."""
        self.slept = 0.0
        """How long the host was suspended, in seconds: its monotonic clock stood still."""
        clock = ServerClock(self.monotonic, self.wall)
        client = _Client(server)
        self.cluster = KubeCluster(
            Connection(client, clock=clock), server.namespace, None, watch_options=WatchOptions(min_duration=0.0)
        )
        self.watches = (self.cluster._pods, self.cluster._events)
        self.watches[0]._on_listed = lambda: None  # its thread

    def monotonic(self) -> float:
        """Return the host's monotonic clock."""
        return 1000.0 + self.server.now - self.slept

    def wall(self) -> float:
        """Return the host's wall clock, in seconds since 1970."""
        return self.server.time().timestamp() + self.wall_ahead

    def read_watches(self) -> None:
        """Read what the watches bring, and begin those again that have ended."""
        fault = self.server.fault
        if fault == "watch hangs" or (fault == "stopped" and self.server.now - self.server.fault_since < 90):
            return
        for watch in self.watches:
            if fault == "events hang" and watch is self.watches[1]:
                continue
            for _ in range(2):  # the second after a 410
                watch.once()


class _Client:
    """The official client, as far as it is used."""

    class configuration:  # noqa: N801
        host = "https://story"

        @staticmethod
        def auth_settings() -> dict[str, Any]:
            return {}

    def __init__(self, server: StoryServer) -> None:
        self.rest_client = self
        self.pool_manager = server


@functools.cache
def _annotations(prefix: str) -> dict[str, str]:
    return {pod_manifest.PREFIX: prefix}


def _of_attempt(pod: Object, prefix: str) -> Object:
    """Return a recorded pod as the connector's: with its output prefix."""
    metadata = pod["metadata"]
    annotations = {**metadata.get("annotations", {}), **_annotations(prefix)}
    return {**pod, "metadata": {**metadata, "annotations": annotations}}
