"""An API server of one resource, in a few lines: objects, resource versions, pages, watches, and a memory that ends.

What it answers follows the API server's own rules (Kubernetes documentation, "API concepts", efficient detection of
changes): a list is of one moment, however many pages it has; a watch tells all that came after a version, in order; what
was compacted is answered with 410.
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


def line(kind: str, found: Object) -> bytes:
    """Return a line of a watch."""
    return json.dumps({"type": kind, "object": found}, separators=(",", ":")).encode() + b"\n"


def answer(code: int, body: Object | bytes, **headers: str) -> Response:
    """Return a whole answer."""
    return Response(code, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def page(items: Iterable[Object], version: int | str = 1, token: str = "") -> Response:
    """Return a page of a list."""
    metadata = {"resourceVersion": str(version), **({"continue": token} if token else {})}
    return answer(200, {"kind": "PodList", "metadata": metadata, "items": list(items)})


class Model:
    """The server. It answers truly until ``trouble`` has something for the next request.

    Args:
        make: makes an object of its name, its version, its uid and how often it was changed.
    """

    def __init__(self, make: Callable[[str, int, str, int], Object]) -> None:
        self._make = make
        self.version = 100
        self.objects: dict[str, Object] = {}
        self._changes: dict[str, int] = {}
        self._history: list[tuple[int, str, Object]] = []
        self._snapshots: dict[int, Sequence[Object]] = {}
        self._compacted = 0
        self._made = 0
        self.trouble: list[str] = []
        """What befalls the next requests: ``none``, ``gone``, ``refuse``, ``cut``, ``expire``, ``garbage``."""
        self.cut_at = 0
        """After how many bytes a watch is cut, or garbage comes."""
        self.between: list[Callable[[], None]] = []
        """What happens before each further page of a list."""
        self.asked: list[Mapping[str, str]] = []

    # What happens in it

    def put(self, name: str) -> Object:
        """Make an object, or change it."""
        known = self.objects.get(name)
        self.version += 1
        if known is None:
            self._made += 1
        uid = known["metadata"]["uid"] if known else f"uid-{self._made}"
        self._changes[uid] = self._changes.get(uid, 0) + 1
        found = self.objects[name] = self._make(name, self.version, uid, self._changes[uid])
        self._history.append((self.version, "MODIFIED" if known else "ADDED", found))
        return found

    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""
        known = self.objects.pop(name, None)
        if known is not None:
            self.version += 1
            last = {**known, "metadata": {**known["metadata"], "resourceVersion": str(self.version)}}
            self._history.append((self.version, "DELETED", last))

    def compact(self) -> None:
        """Forget what has happened."""
        self._compacted = self.version
        self._snapshots.clear()

    # What is asked of it: a ``Source``

    def list(self, operation: Operation, query: Mapping[str, str]) -> Response:
        """Response a list."""
        self.asked.append(query)
        trouble = self.trouble.pop(0) if self.trouble else ""
        if trouble == "refuse":
            raise TransportError("connection refused")
        if trouble in ("gone", "expire") and "continue" in query:
            self.compact()
        if "continue" in query:
            if self.between:
                self.between.pop(0)()
            version, _, start = query["continue"].partition(":")
            if int(version) not in self._snapshots:
                return answer(410, status(410, "The provided continue parameter is too old", reason="Expired"))
        else:
            version, start = str(self.version), "0"
            self._snapshots[self.version] = [self.objects[name] for name in sorted(self.objects)]
        found, first = self._snapshots[int(version)], int(start)
        last = first + int(query.get("limit", len(found) or 1))
        return page(found[first:last], version, f"{version}:{last}" if last < len(found) else "")

    @contextmanager
    def watch(self, operation: Operation, query: Mapping[str, str], idle: float) -> Iterator[Stream]:
        """Response a watch, which ends with what has happened so far."""
        self.asked.append(query)
        trouble = self.trouble.pop(0) if self.trouble else ""
        if trouble == "refuse":
            raise TransportError("connection refused")
        version = int(query["resourceVersion"])
        if trouble == "gone" or version < self._compacted:
            told = json.dumps(status(410, "too old resource version", reason="Expired")).encode()
            yield Stream(410, {}, iter([told]), lambda: None)
            return
        lines = [line(kind, found) for when, kind, found in self._history if when > version]
        bookmark = {"kind": "Pod", "metadata": {"resourceVersion": str(self.version)}}
        body = b"".join([*lines, line("BOOKMARK", bookmark)])
        yield Stream(200, {}, self._pieces(body, trouble), lambda: None)

    def _pieces(self, body: bytes, trouble: str) -> Iterator[bytes]:
        cut = self.cut_at % (len(body) + 1)
        if trouble == "cut":
            yield body[:cut]
            raise TransportError("connection broken")
        if trouble == "expire":
            whole = body[: body.rfind(b"\n", 0, cut) + 1]
            yield whole + line("ERROR", status(410, "too old resource version", reason="Expired"))
            return
        if trouble == "garbage":
            yield body[: body.rfind(b"\n", 0, cut) + 1] + b'{"type":"ADDED","object":{"meta\n'
            return
        for start in range(0, len(body), max(1, self.cut_at)):
            yield body[start : start + max(1, self.cut_at)]
