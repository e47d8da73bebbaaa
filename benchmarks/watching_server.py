"""An API server of live pods of the connector and their Events: it answers lists and watches, and takes new pods."""

from __future__ import annotations

import itertools
import json
import threading
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from benchmarks.watched import line, watched_events, watched_pod

_FOR: Final = 3600
"""Seconds in which the pods that run were created."""
_WAITING_FOR: Final = 10
"""The same for those that wait: less than they are held for."""


def live_pod(number: int, now: datetime, folder: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a pod that runs, or (every second one) waits for its image, and its Events; it came up within seconds."""
    pod = watched_pod(number)
    annotations = pod["metadata"]["annotations"]
    for name in ("podtriage.flyte.org/output-prefix", "podtriage.flyte.org/meta"):
        annotations[name] = annotations[name].replace("s3://flyte-bucket", folder)  # there is no object store here
    events = watched_events(pod)
    status, runs = pod["status"], number % 2
    created = now - timedelta(seconds=number % (_FOR if runs else _WAITING_FOR))

    def after(seconds: int) -> str:
        return (created + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    pod["metadata"]["creationTimestamp"] = status["startTime"] = after(0)
    for condition in status["conditions"]:
        came_true = runs and condition["type"] in ("Ready", "ContainersReady", "PodReadyToStartContainers")
        condition["lastTransitionTime"] = after(2 if came_true else 0)
    for index, event in enumerate(events):
        event["firstTimestamp"] = event["lastTimestamp"] = after(min(index, 1))
    if runs:
        status["phase"] = "Running"
        for container in status["containerStatuses"]:
            container.update(ready=True, started=True, state={"running": {"startedAt": after(2)}})
        events = events[:2]
    return pod, events


class WatchingServer:
    """The server; :meth:`send_pods` sends the pods to all watches, and not those that are created.

    Args:
        batches: how many pods are sent together, in their order.
        folder: of their output prefixes.
    """

    def __init__(self, batches: Sequence[int], folder: str) -> None:
        numbers, now = itertools.count(), datetime.now(timezone.utc)
        pairs = [[live_pod(next(numbers), now, folder) for _ in range(pods)] for pods in batches]
        self.metas = [
            [pod["metadata"]["annotations"]["podtriage.flyte.org/meta"].encode() for pod, _ in batch] for batch in pairs
        ]
        """The resource metas of each batch's pods."""
        self._batches = [
            {
                "pods": b"".join(line("ADDED", pod) + b"\n" for pod, _ in batch),
                "events": b"".join(line("ADDED", event) + b"\n" for _, events in batch for event in events),
            }
            for batch in pairs
        ]
        self.requests = self.created = self.questions = 0
        """How many there were: requests about pods and Events, created pods, and requests for FlyteWorkflows."""
        self.creates = threading.Event()
        """While it is not set, requests to create a pod get no response."""
        self.creates.set()
        self._sending = [threading.Event() for _ in batches]
        self._closed = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                url = urlsplit(self.path)
                if "/flyteworkflows/" in url.path:
                    outer.questions += 1
                    name = url.path.rsplit("/", 1)[1]
                    self._answer(200, {"kind": "FlyteWorkflow", "metadata": {"name": name}})
                    return
                outer.requests += 1
                resource = url.path.rsplit("/", 1)[1]
                if "watch" in parse_qs(url.query):
                    self._watch(resource)
                    return
                kind = {"pods": "PodList", "events": "EventList"}.get(resource, "List")
                self._answer(200, {"kind": kind, "metadata": {"resourceVersion": "1"}, "items": []})

            def do_POST(self) -> None:
                pod = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.creates.wait()
                outer.created += 1
                pod["metadata"] |= {"uid": str(uuid.uuid4()), "resourceVersion": "2"}
                self._answer(201, pod)

            def _answer(self, status: int, document: dict[str, Any]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _watch(self, resource: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.flush()
                for sending, batch in zip(outer._sending, outer._batches, strict=True):
                    sending.wait()
                    data = batch.get(resource, b"")
                    for start in range(0, len(data), 1 << 16):
                        chunk = data[start : start + (1 << 16)]
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                    self.wfile.flush()
                outer._closed.wait()

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """Print nothing: the connector was killed while it waited for responses."""

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The address it listens on."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def send_pods(self, batch: int) -> None:
        """Send the pods of a batch and their Events, once the batches before it were sent."""
        self._sending[batch].set()

    def close(self) -> None:
        """Stop it."""
        for sending in self._sending:
            sending.set()
        self._closed.set()
        self.creates.set()
        self._server.shutdown()
        self._server.server_close()
