"""A registry that does as a test says: serves, limits the rate, knows no image, or does not answer at all.

OCI distribution specification, "pull"; containerd speaks plain HTTP to registries on loopback addresses. Errors are
worded as Docker Hub words them.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from tests.node.images import MANIFEST, Image, busybox_image

TAG: Final = "v1"
_ERRORS: Final = {
    404: ("MANIFEST_UNKNOWN", "manifest unknown"),
    429: (
        "TOOMANYREQUESTS",
        "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
    ),
    500: ("UNKNOWN", "internal error"),
}


class Repository:
    """One image of a registry; at first it is served."""

    def __init__(self, image: Image, reference: str) -> None:
        self._image = image
        self._ready = threading.Condition()
        self._status = 200
        self._hangs = False
        self._asked = 0
        self.reference = reference
        """What a container's ``image`` says."""

    def refuse(self, status: int) -> None:
        """Answer all that is asked from now on with this HTTP status, such as 404 or 429."""
        self._change(status=status)

    def hang(self) -> None:
        """Leave all that is asked from now on without an answer."""
        self._change(hangs=True)

    def serve(self) -> None:
        """Serve the image from now on, also to those who wait for an answer."""
        self._change()

    @property
    def asked(self) -> int:
        """How many requests for a manifest there have been; containerd makes several for a pull that fails."""
        with self._ready:
            return self._asked

    def wait_for_requests(self, count: int, patience: float = 60.0) -> None:
        """Wait until there have been so many requests for a manifest."""
        with self._ready:
            arrived = self._ready.wait_for(lambda: self._asked >= count, patience)
        assert arrived, f"{self.reference}: {self.asked} requests in {patience} s, not {count}"

    def answer(self, kind: str, name: str) -> tuple[int, str, bytes]:
        """Return the HTTP status, the content type and the body for a manifest or a blob."""
        with self._ready:
            if kind == "manifests":
                self._asked += 1
                self._ready.notify_all()
            self._ready.wait_for(lambda: not self._hangs)
            status = self._status
        content = self._content(kind, name)
        if status == 200 and content is None:
            status = 404
        if status != 200 or content is None:
            return _error(status)
        return 200, MANIFEST if kind == "manifests" else "application/octet-stream", content

    def _content(self, kind: str, name: str) -> bytes | None:
        if kind == "blobs":
            return self._image.blobs.get(name)
        return self._image.manifest if name in (TAG, self._image.digest) else None

    def _change(self, *, status: int = 200, hangs: bool = False) -> None:
        with self._ready:
            self._status, self._hangs = status, hangs
            self._ready.notify_all()


class Registry:
    """A registry on a port of the loopback.

    Args:
        busybox: what its images hold.
    """

    def __init__(self, busybox: Path) -> None:
        self._busybox = busybox
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.repositories = {}
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def repository(self, name: str) -> Repository:
        """Put an image there, which no other repository has a layer of."""
        image = busybox_image(self._busybox, f"{self.address}/{name}")
        made = Repository(image, f"{self.address}/{name}:{TAG}")
        self._server.repositories[name] = made
        return made

    def close(self) -> None:
        """End it, and with it all that waits for an answer."""
        for repository in self._server.repositories.values():
            repository.serve()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    repositories: dict[str, Repository]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a containerd that gives up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts == ["v2"]:
            status, content_type, body = 200, "application/json", b"{}"
        else:
            repository = self.server.repositories.get("/".join(parts[1:-2]))
            status, content_type, body = (
                _error(404) if repository is None or len(parts) < 4 else repository.answer(parts[-2], parts[-1])
            )
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _error(status: int) -> tuple[int, str, bytes]:
    code, message = _ERRORS.get(status, ("UNKNOWN", f"status {status}"))
    return status, "application/json", json.dumps({"errors": [{"code": code, "message": message}]}).encode()
