"""An API server on the loopback whose every answer a test decides, and whose watches it writes line by line."""

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

PATIENCE = 20.0
"""Seconds that something may take which a test waits for."""


@attrs.frozen
class Asked:
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@attrs.frozen
class Reply:
    """An answer."""

    code: int
    body: Any
    headers: dict[str, str] = attrs.field(factory=dict)
    held: threading.Event | None = None
    """It is not given before this is set."""
    lost: bool = False
    """Whether the connection is closed instead."""

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class OpenWatch:
    """A watch that a client has opened."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.to_write: queue.Queue[bytes | str] = queue.Queue()

    def write(self, data: bytes) -> None:
        """Write something."""
        self.to_write.put(data)

    def end(self) -> None:
        """End it as a server does."""
        self.to_write.put("end")

    def cut(self) -> None:
        """Close the connection in the middle."""
        self.to_write.put("cut")


class Scripted:
    """The server: lists are empty and watches open, until a test says otherwise."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._replies: dict[tuple[str, str], list[Reply]] = {}
        self._watches: dict[str, list[OpenWatch]] = {}
        self._news = threading.Condition()
        self.token: str | None = None
        """The bearer token that is wanted, if one is."""

    def reply(self, method: str, path: str, code: int, body: Any = b"", **more: Any) -> Reply:
        """Answer requests of this method and path: the first so, the next as said next; the last answer stays."""
        found = Reply(code, body, **more)
        with self._news:
            self._replies.setdefault((method, path), []).append(found)
        return found

    def wait_for_watch(self, resource: str, number: int = 1) -> OpenWatch:
        """Return the watch of a resource that was opened as the so manieth, once it is."""
        with self._news:
            assert self._news.wait_for(lambda: len(self._watches.get(resource, ())) >= number, PATIENCE), self.asked
            return self._watches[resource][number - 1]

    def wait_for(self, method: str, path: str, count: int = 1) -> list[Asked]:
        """Return the requests of this method and path, once there are so many."""

        def found() -> list[Asked]:
            return [each for each in self.asked if (each.method, each.path) == (method, path)]

        with self._news:
            assert self._news.wait_for(lambda: len(found()) >= count, PATIENCE), self.asked
            return found()

    def came(self, asked: Asked) -> Reply | OpenWatch:
        """Note a request, and return what it gets."""
        with self._news:
            self.asked.append(asked)
            self._news.notify_all()
            if self.token is not None and asked.headers.get("authorization") != f"Bearer {self.token}":
                return Reply(401, {"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"})
            replies = self._replies.get((asked.method, asked.path))
            if replies:
                return replies.pop(0) if len(replies) > 1 else replies[0]
            resource = asked.path.rpartition("/")[2]
            if asked.query.get("watch"):
                watch = OpenWatch(asked)
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
        found = self.script.came(Asked(self.command, split.path, query, headers, body))
        if isinstance(found, OpenWatch):
            self._watch(found)
            return
        if found.held is not None:
            found.held.wait(PATIENCE)
        if found.lost:
            self.close_connection = True
            return
        encoded = found.encoded()
        self.send_response(found.code)
        for name, value in {"Content-Length": str(len(encoded)), **found.headers}.items():
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

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that have gone."""


def serve(script: Scripted) -> tuple[Quiet, threading.Thread]:
    """Serve a script on a free port of the loopback."""
    server = Quiet(("127.0.0.1", 0), type("ScriptedHandler", (Handler,), {"script": script}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    return server, thread
