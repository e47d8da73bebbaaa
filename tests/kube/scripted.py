"""An API server on the loopback whose responses a test scripts, and whose watches it writes line by line."""

from __future__ import annotations

import json
import queue
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import attrs

TIMEOUT = 20.0
"""The longest wait of a test for something, in seconds."""


@attrs.frozen
class Request:
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@attrs.frozen
class Reply:
    """A response."""

    code: int
    body: Any
    headers: dict[str, str] = attrs.field(factory=dict)
    held: threading.Event | None = None
    """The response is delayed until this is set."""
    lost: bool = False
    """Whether the connection is closed instead."""
    lists: bool = False
    """Whether it is for lists only: watches of the same path stay open."""

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class OpenWatch:
    """An open watch of a client."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.to_write: queue.Queue[bytes | str] = queue.Queue()

    def write(self, data: bytes) -> None:
        """Write data."""
        self.to_write.put(data)

    def end(self) -> None:
        """End it regularly."""
        self.to_write.put("end")

    def cut(self) -> None:
        """Close the connection."""
        self.to_write.put("cut")


class Scripted:
    """The server: by default lists are empty, and watches stay open."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._replies: dict[tuple[str, str], list[Reply]] = {}
        self._watches: dict[str, list[OpenWatch]] = {}
        self._changed = threading.Condition()
        self.token: str | None = None
        """The required bearer token, if any."""

    def reply(self, method: str, path: str, code: int, body: Any = b"", **more: Any) -> Reply:
        """Script the next response to this method and path; the last one is repeated."""
        reply = Reply(code, body, **more)
        with self._changed:
            self._replies.setdefault((method, path), []).append(reply)
        return reply

    def wait_for_watch(self, resource: str, number: int = 1) -> OpenWatch:
        """Wait for the watch of a resource that is opened as number so many; return it."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._watches.get(resource, ())) >= number, TIMEOUT), (
                self.requests
            )
            return self._watches[resource][number - 1]

    def wait_for(self, method: str, path: str, count: int = 1) -> list[Request]:
        """Wait for so many requests of this method and path; return them."""

        def matching() -> list[Request]:
            return [each for each in self.requests if (each.method, each.path) == (method, path)]

        with self._changed:
            assert self._changed.wait_for(lambda: len(matching()) >= count, TIMEOUT), self.requests
            return matching()

    def receive(self, request: Request) -> Reply | OpenWatch:
        """Record a request; return its response."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
                return Reply(401, {"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"})
            replies = self._replies.get((request.method, request.path))
            if replies and not (replies[0].lists and request.query.get("watch")):
                return replies.pop(0) if len(replies) > 1 else replies[0]
            resource = request.path.rpartition("/")[2]
            if request.query.get("watch"):
                watch = OpenWatch(request)
                self._watches.setdefault(resource, []).append(watch)
                return watch
            return Reply(200, {"kind": "List", "metadata": {"resourceVersion": "7"}, "items": []})

    def end_all(self) -> None:
        """End all open watches."""
        for watches in self._watches.values():
            for watch in watches:
                watch.end()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Scripted

    def _answer(self) -> None:
        split = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        data = self.rfile.read(int(headers.get("content-length") or 0))
        body = json.loads(data) if data else None
        response = self.script.receive(Request(self.command, split.path, query, headers, body))
        if isinstance(response, OpenWatch):
            self._watch(response)
            return
        if response.held is not None:
            response.held.wait(TIMEOUT)
        if response.lost:
            self.close_connection = True
            return
        encoded = response.encoded()
        headers = {"Content-Length": str(len(encoded)), "Date": self.date_time_string(), **response.headers}
        self.send_response_only(response.code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(encoded)

    def _watch(self, watch: OpenWatch) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            data = watch.to_write.get()
            if isinstance(data, bytes):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
                continue
            if data == "end":
                self.wfile.write(b"0\r\n\r\n")
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


def serve(script: Scripted) -> tuple[Quiet, threading.Thread]:
    """Serve a script on a free port of the loopback."""
    server = Quiet(("127.0.0.1", 0), type("ScriptedHandler", (Handler,), {"script": script}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    return server, thread
