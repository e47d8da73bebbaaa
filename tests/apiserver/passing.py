"""One connection through the proxy of :mod:`tests.apiserver.front`, and what may be done to it."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import attrs

from tests.apiserver.asked import Asked

PATIENCE = 30.0
"""Seconds that something may take which a test waits for."""
_HOP = frozenset({"connection", "host", "keep-alive", "transfer-encoding", "content-length"})
"""Headers that are between two neighbours (RFC 9110, 7.6.1), or that are made anew."""


class Held:
    """Requests that are kept waiting until they are released."""

    def __init__(self) -> None:
        self._released = threading.Event()
        self._arrived = threading.Event()

    def wait(self) -> None:
        """Wait until the first of them has come."""
        assert self._arrived.wait(PATIENCE), "no such request has come"

    def release(self) -> None:
        """Let them go on, and all that follow."""
        self._released.set()

    @property
    def released(self) -> bool:
        """Whether they go on."""
        return self._released.is_set()

    def keep(self) -> None:
        """Keep a request: called by the proxy."""
        self._arrived.set()
        self._released.wait(PATIENCE)


@attrs.define
class Rule:
    """What is done to the next requests that match."""

    verb: str
    resource: str
    name: str | None
    left: int
    query: str | None = None
    """The name of a parameter that the request has to have."""
    answer: tuple[int, bytes, dict[str, str]] | None = None
    held: Held | None = None
    lose: bool = False
    """Whether the request is done, and its answer thrown away."""

    def matches(self, asked: Asked) -> bool:
        """Whether this is to be done to a request."""
        if self.left == 0 or (self.held is not None and self.held.released):
            return False
        if (asked.verb, asked.resource) != (self.verb, self.resource):
            return False
        return self.name in (None, asked.name) and (self.query is None or self.query in asked.query)


class Orders(Protocol):
    """Who is told of requests, and says what is done to them."""

    upstream: tuple[str, int]
    flowing: threading.Event
    old: bool
    answers: dict[str, tuple[int, dict[str, str], bytes]]
    tls: ssl.SSLContext

    def came(self, asked: Asked) -> Rule | None:
        """Note a request; return what is to be done to it."""

    def changed(self, connection: Passing, *, here: bool) -> None:
        """Note that a connection has come, goes, or begins to carry a watch."""


class FrontServer(ThreadingHTTPServer):
    """Takes the connections, one thread for each."""

    daemon_threads = True
    request_queue_size = 128
    front: Orders

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that break: they are meant to."""


class Passing(BaseHTTPRequestHandler):
    """One connection of a caller, and one to the server."""

    protocol_version = "HTTP/1.1"
    server: FrontServer

    def setup(self) -> None:
        super().setup()
        self.watching = False
        self.over = threading.Event()
        self.gone = threading.Event()
        self._last: bytes | None = None
        host, port = self.server.front.upstream
        self._upstream = http.client.HTTPSConnection(host, port, context=self.server.front.tls)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.front.changed(self, here=True)

    def finish(self) -> None:
        self._upstream.close()
        with suppress(OSError):
            super().finish()
        self.watching = False
        self.server.front.changed(self, here=False)
        self.over.set()
        self.gone.set()

    def cut(self) -> None:
        """Close both connections in the middle of whatever they carry."""
        _shut(self.connection)
        _shut(self._upstream.sock)

    def finish_watch(self, line: bytes) -> None:
        """End the watch as a server does: with a last line, and with the end of the body."""
        self._last = line
        _shut(self._upstream.sock)

    def do_GET(self) -> None:
        self._pass()

    def do_POST(self) -> None:
        self._pass()

    def do_PUT(self) -> None:
        self._pass()

    def do_PATCH(self) -> None:
        self._pass()

    def do_DELETE(self) -> None:
        self._pass()

    def _pass(self) -> None:
        front = self.server.front
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked.read(self.command, self.path)
        rule = front.came(asked)
        if rule is not None and rule.held is not None:
            rule.held.keep()
        if rule is not None and rule.answer is not None:
            code, text, more = rule.answer
            self._send(code, {"Content-Type": "application/json", **more}, text)
            return
        path = self.path.partition("?")[0]
        if front.old and self.command == "GET" and path in front.answers:
            self._send(*front.answers[path])
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        try:
            self._upstream.request(self.command, self.path, body or None, headers)
            answer = self._upstream.getresponse()
            if asked.verb == "watch" and answer.status == 200:
                self._pass_watch(answer)
                return
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # as a proxy whose server has gone
            return
        if rule is not None and rule.lose:
            self.close_connection = True
            return
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
        if self.command == "GET" and not front.old:
            front.answers[path] = (answer.status, kept, text)
        self._send(answer.status, kept, text)

    def _send(self, code: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pass_watch(self, answer: http.client.HTTPResponse) -> None:
        """Pass a watch on as it comes, until either side ends it."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.watching = True
        self.server.front.changed(self, here=True)
        threading.Thread(target=self._mind_caller, daemon=True).start()
        whole = True
        while True:
            try:
                data = answer.read1(65536)
            except (OSError, ValueError, http.client.HTTPException):
                whole = False
                break
            if not data:
                break
            self.server.front.flowing.wait()
            self._chunk(data)
        if self._last is not None:
            self._chunk(self._last)
        if whole or self._last is not None:
            self._chunk(b"", last=True)

    def _mind_caller(self) -> None:
        """Give the watch up when its caller does, though nothing comes that could not be passed on."""
        with suppress(OSError):
            self.connection.recv(1, socket.MSG_PEEK)
        _shut(self._upstream.sock)

    def _chunk(self, data: bytes, *, last: bool = False) -> None:
        if data or last:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _shut(connection: socket.socket | None) -> None:
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
