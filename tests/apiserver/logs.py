"""The logs of a node's containers, as its kubelet serves them to the API server."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


class LogServer:
    """Serves ``/containerLogs/NAMESPACE/POD/CONTAINER`` (kubernetes pkg/kubelet/server/server.go).

    Args:
        certificate: a file with any certificate; the API server does not check a kubelet's unless it is told to.
        key: the file with its key.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self.logs: dict[tuple[str, str, str], str] = {}
        """By namespace, pod and container; those that are not in it have written nothing."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.logs = self.logs
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    logs: dict[tuple[str, str, str], str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of an API server that is killed while it asks."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        what, *names = [unquote(part) for part in split.path.strip("/").split("/")]
        if what != "containerLogs" or len(names) != 3:
            self.send_error(404)
            return
        query = {name: values[-1] for name, values in parse_qs(split.query).items()}
        lines = self.server.logs.get((names[0], names[1], names[2]), "").splitlines(keepends=True)
        if "tailLines" in query:
            lines = lines[max(0, len(lines) - int(query["tailLines"])) :]
        body = "".join(lines).encode()[: int(query.get("limitBytes", 10_000_000))]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
