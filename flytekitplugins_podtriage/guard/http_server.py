"""The guard's port: ``/healthz`` and ``/readyz`` for the kubelet, ``/metrics`` for Prometheus.

It is served by threads of its own, so that probes are answered whatever the guard's loop is doing; whether that loop
still runs is what ``/healthz`` says. Nobody is authenticated: nothing here changes anything, and metrics name no pod.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from socket import AF_INET, AF_INET6
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

Probe = Callable[[], str]
"""Returns what is wrong, in a sentence; empty: nothing is."""
StartResponse = Callable[..., Any]
_REQUEST_TIME: Final = 10.0
"""How many seconds a client may take to send its request."""
_POLL: Final = 0.1
"""How many seconds closing may take."""
_MOST_THREADS: Final = 16
"""How many requests are answered at a time; further ones are refused."""


class HttpServer:
    """Serves until it is closed; the port is open as soon as it is made.

    Args:
        registry: the ``CollectorRegistry`` that ``/metrics`` exports.
        host: the address to listen on.
        port: the port; 0: any that is free.
        alive: what ``/healthz`` answers.
        ready: what ``/readyz`` answers.

    Raises:
        OSError: the port cannot be opened.
    """

    def __init__(self, registry: Any, *, host: str, port: int, alive: Probe, ready: Probe) -> None:
        from prometheus_client.exposition import make_wsgi_app

        metrics = make_wsgi_app(registry)
        probes = {"/healthz": alive, "/readyz": ready}

        def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
            path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD")
            if method not in ("GET", "HEAD"):
                return _text(start_response, "405 Method Not Allowed", "allowed: GET")
            if path == "/metrics":
                return metrics(environ, start_response)  # type: ignore[no-any-return,unused-ignore]
            if path not in probes:
                allowed = ", ".join(("/metrics", *probes))
                return _text(start_response, "404 Not Found", f"allowed: {allowed}")
            problem = probes[path]()
            return _text(start_response, "503 Service Unavailable" if problem else "200 OK", problem or "ok")

        server_class = _Server6 if ":" in host else _Server
        self._server: WSGIServer = make_server(host, port, answer, server_class, _Handler)
        self.port: int = self._server.server_address[1]
        """The port that is open."""
        serve = partial(self._server.serve_forever, poll_interval=_POLL)
        self._thread = threading.Thread(target=serve, name="podtriage-http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the port and end the thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    address_family = AF_INET
    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self._free = threading.Semaphore(_MOST_THREADS)
        super().__init__(*arguments)

    def server_bind(self) -> None:
        """Bind without looking up the host's name, which may take seconds where DNS does not answer."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "podtriage-guard", self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a request in a thread of its own, if there is one left."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a request."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Drop a connection that broke: clients come and go."""


class _Server6(_Server):
    address_family = AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_TIME

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
        """Log nothing: probes come every few seconds."""


def _text(start_response: StartResponse, status: str, text: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])  # wsgiref adds to the list
    return [f"{text}\n".encode()]
