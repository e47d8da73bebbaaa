"""What binds pods to the one node: a scheduler without any wishes of its own."""

from __future__ import annotations

import threading

import urllib3

from tests.apiserver.api import Api, ApiStatus, pods
from tests.apiserver.server import ApiServer, token

_POLL = 0.2


class Scheduler:
    """Binds every pod to a node, as soon as it is there.

    Args:
        server: its API server; while that is away it waits.
        node: the node's name.
    """

    def __init__(self, server: ApiServer, node: str) -> None:
        self._admin = Api(server.url, token("admin"), server.certificate)  # for its own thread
        self._node = node
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._thread.join()
        self._admin.close()

    def _run(self) -> None:
        while not self._over.wait(_POLL):
            try:
                self._bind_all()
            except (ApiStatus, urllib3.exceptions.HTTPError):
                continue  # it is gone meanwhile, or the API server is away

    def _bind_all(self) -> None:
        for pod in self._admin.get("/api/v1/pods", fieldSelector="spec.nodeName=")["items"]:
            metadata = pod["metadata"]
            target = {"apiVersion": "v1", "kind": "Node", "name": self._node}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}, "target": target}
            self._admin.post(pods(metadata["namespace"], metadata["name"], "binding"), binding)
