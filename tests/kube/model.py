"""A model of an API server with one resource: objects, resource versions, pages, watches and compaction.

It follows the API server's rules (Kubernetes documentation, "API concepts", efficient detection of changes): all pages
of a list show the state at one moment; a watch reports everything after a version, in order; compacted versions are
answered with 410.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flytekitplugins_podtriage.kube.client.errors import TransportError
from flytekitplugins_podtriage.kube.client.http import Response, Stream
from flytekitplugins_podtriage.kube.client.operation import Operation
from tests.builders import Object


def status(code: int, message: str, **more: Any) -> Object:
    """Return a ``Status`` as the API server writes one."""
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code, **more}


def line(kind: str, item: Object) -> bytes:
    """Return a line of a watch."""
    return json.dumps({"type": kind, "object": item}, separators=(",", ":")).encode() + b"\n"


def response(code: int, body: Object | bytes, **headers: str) -> Response:
    """Return a complete response."""
    return Response(code, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def page(items: Iterable[Object], version: int | str = 1, token: str = "") -> Response:
    """Return a page of a list."""
    metadata = {"resourceVersion": str(version), **({"continue": token} if token else {})}
    return response(200, {"kind": "PodList", "metadata": metadata, "items": list(items)})


class Model:
    """The server. It works correctly unless ``faults`` has one for the next request.

    Args:
        make: makes an object from its name, version, uid and number of changes.
    """

    def __init__(self, make: Callable[[str, int, str, int], Object]) -> None:
        self._make = make
        self.version = 100
        self.objects: dict[str, Object] = {}
        self._changes: dict[str, int] = {}
        self._history: list[tuple[int, str, Object]] = []
        self._snapshots: dict[int, Sequence[Object]] = {}
        self._compacted = 0
        self._created = 0
        self.faults: list[str] = []
        """The faults of the next requests: empty for none, ``gone``, ``refuse``, ``cut``, ``expire``, ``garbage``."""
        self.cut_at = 0
        """After how many bytes a watch is cut, or sends garbage."""
        self.between: list[Callable[[], None]] = []
        """Called before each further page of a list."""
        self.queries: list[Mapping[str, str]] = []

    # Changes

    def put(self, name: str) -> Object:
        """Create or change an object."""
        before = self.objects.get(name)
        self.version += 1
        if before is None:
            self._created += 1
        uid = before["metadata"]["uid"] if before else f"uid-{self._created}"
        self._changes[uid] = self._changes.get(uid, 0) + 1
        item = self.objects[name] = self._make(name, self.version, uid, self._changes[uid])
        self._history.append((self.version, "MODIFIED" if before else "ADDED", item))
        return item

    def delete(self, name: str) -> None:
        """Delete an object, if it exists."""
        item = self.objects.pop(name, None)
        if item is not None:
            self.version += 1
            last = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
            self._history.append((self.version, "DELETED", last))

    def compact(self) -> None:
        """Forget the history."""
        self._compacted = self.version
        self._snapshots.clear()

    # Requests: a ``Source``

    def list(self, operation: Operation, query: Mapping[str, str]) -> Response:
        """Return a page of a list."""
        self.queries.append(query)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "refuse":
            raise TransportError("connection refused")
        if fault in ("gone", "expire") and "continue" in query:
            self.compact()
        if "continue" in query:
            if self.between:
                self.between.pop(0)()
            version, _, start = query["continue"].partition(":")
            if int(version) not in self._snapshots:
                return response(410, status(410, "The provided continue parameter is too old", reason="Expired"))
        else:
            version, start = str(self.version), "0"
            self._snapshots[self.version] = [self.objects[name] for name in sorted(self.objects)]
        items, first = self._snapshots[int(version)], int(start)
        last = first + int(query.get("limit", len(items) or 1))
        return page(items[first:last], version, f"{version}:{last}" if last < len(items) else "")

    @contextmanager
    def watch(self, operation: Operation, query: Mapping[str, str], idle: float) -> Iterator[Stream]:
        """Return a watch, which ends with the history so far."""
        self.queries.append(query)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "refuse":
            raise TransportError("connection refused")
        version = int(query["resourceVersion"])
        if fault == "gone" or version < self._compacted:
            body = json.dumps(status(410, "too old resource version", reason="Expired")).encode()
            yield Stream(410, {}, iter([body]), lambda: None)
            return
        lines = [line(kind, item) for at, kind, item in self._history if at > version]
        bookmark = {"kind": "Pod", "metadata": {"resourceVersion": str(self.version)}}
        body = b"".join([*lines, line("BOOKMARK", bookmark)])
        yield Stream(200, {}, self._chunks(body, fault), lambda: None)

    def _chunks(self, body: bytes, fault: str) -> Iterator[bytes]:
        cut = self.cut_at % (len(body) + 1)
        if fault == "cut":
            yield body[:cut]
            raise TransportError("connection broken")
        if fault == "expire":
            whole = body[: body.rfind(b"\n", 0, cut) + 1]
            yield whole + line("ERROR", status(410, "too old resource version", reason="Expired"))
            return
        if fault == "garbage":
            yield body[: body.rfind(b"\n", 0, cut) + 1] + b'{"type":"ADDED","object":{"meta\n'
            return
        for start in range(0, len(body), max(1, self.cut_at)):
            yield body[start : start + max(1, self.cut_at)]
