"""A bare client of the API server, as one of its users: JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"

Object = dict[str, Any]


class ApiStatus(Exception):
    """The API server refused; ``code`` and ``reason`` are those of its ``Status``."""

    def __init__(self, what: str, code: int, body: bytes) -> None:
        try:
            status = json.loads(body)
        except ValueError:
            status = {"message": body[:300].decode(errors="replace")}
        super().__init__(f"{what}: {code}: {status.get('message')}")
        self.code = code
        self.reason: str = status.get("reason") or ""


class Api:
    """What one user may ask the API server.

    Args:
        url: where it listens.
        token: who asks.
        certificate: the file that holds the server's certificate; None: plain HTTP.
    """

    def __init__(self, url: str, token: str, certificate: str | None = None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Accept": JSON}
        self._pool = urllib3.PoolManager(ca_certs=certificate, retries=False, timeout=urllib3.Timeout(30.0))

    def send(
        self, method: str, path: str, body: Any = None, content: str = JSON, query: Mapping[str, Any] | None = None
    ) -> Object:
        """Return the answer's body.

        Raises:
            ApiStatus: the answer is no success.
        """
        asked = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, "Content-Type": content}
        answer = self._pool.request(method, f"{self._url}{asked}", body=data, headers=headers)
        if answer.status >= 300:
            raise ApiStatus(f"{method} {asked}", answer.status, answer.data)
        document: Object = json.loads(answer.data)
        return document

    def get(self, path: str, **query: Any) -> Object:
        """Read an object, or a list of them."""
        return self.send("GET", path, query=query)

    def find(self, path: str) -> Object | None:
        """Read an object; None if it is not there."""
        try:
            return self.get(path)
        except ApiStatus as status:
            if status.code == 404:
                return None
            raise

    def post(self, path: str, body: Object) -> Object:
        """Create an object."""
        return self.send("POST", path, body)

    def patch(self, path: str, changes: list[Object]) -> Object:
        """Change an object by a JSON patch (RFC 6902)."""
        return self.send("PATCH", path, changes, JSON_PATCH)

    def merge(self, path: str, changes: Object) -> Object:
        """Change an object by a merge patch (RFC 7386)."""
        return self.send("PATCH", path, changes, MERGE_PATCH)

    def delete(self, path: str, grace: int | None = None, uid: str | None = None) -> Object:
        """Delete an object (or those of a list), with a grace period in seconds, of this uid only if one is given."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        return self.send("DELETE", path, options)

    def close(self) -> None:
        """Give the connections back."""
        self._pool.clear()


def pods(namespace: str, name: str = "", subresource: str = "") -> str:
    """Return the path of a namespace's pods, of one of them, or of something of it."""
    parts = ["/api/v1/namespaces", namespace, "pods", name, subresource]
    return "/".join(part for part in parts if part)
