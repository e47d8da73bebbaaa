"""A source whose lists and watches a test scripts, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from flytekitplugins_podtriage.kube.client.errors import TransportError
from flytekitplugins_podtriage.kube.client.http import Response, Stream
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from tests.kube.model import line, response, status

DURATION = 400.0
"""How long a watch of these tests duration by default, in seconds."""


@attrs.define
class Watch:
    """An upcoming watch: what it sends, and how it ends."""

    chunks: Sequence[bytes] = ()
    error: Exception | None = None
    duration: float = DURATION


class Script:
    """A source with scripted responses, one after the other."""

    def __init__(self) -> None:
        self.upcoming: list[Response | Watch | Exception] = []
        self.queries: list[dict[str, str]] = []
        self.time = 0.0

    def list(self, operation: Operation, query: Mapping[str, str]) -> Response:
        self.queries.append(dict(query))
        response = self.upcoming.pop(0)
        if isinstance(response, Exception):
            raise response
        assert isinstance(response, Response), "a list is requested, but a watch is scripted"
        return response

    @contextmanager
    def watch(self, operation: Operation, query: Mapping[str, str], idle: float) -> Iterator[Stream]:
        self.queries.append(dict(query))
        response = self.upcoming.pop(0)
        if isinstance(response, Exception):
            raise response
        if isinstance(response, Response):
            yield Stream(response.status, response.headers, iter([response.body]), lambda: None)
            return
        yield Stream(200, {}, self._chunks(response), lambda: None)

    def _chunks(self, watch: Watch) -> Iterator[bytes]:
        yield from watch.chunks
        self.time += watch.duration
        if watch.error is not None:
            raise watch.error

    @property
    def lists(self) -> int:
        """How many lists were started."""
        return sum("watch" not in query and "continue" not in query for query in self.queries)


class Client:
    class configuration:  # noqa: N801
        host = "https://model:6443"


def pods_of(store: PodStore) -> list[Any]:
    """Return the names and versions of the pods that exist."""
    return sorted(
        (snapshot.pod.metadata.name, snapshot.pod.metadata.resource_version) for snapshot in store.list_cached()
    )


def error(code: int, message: str = "no", **more: Any) -> Watch:
    """Return a watch that ends with an error inside the stream."""
    return Watch([line("ERROR", status(code, message, **more))])


GONE = response(410, status(410, "too old resource version: 1 (2)", reason="Expired"))
LAG = status(
    504,
    "Timeout: Too large resource version: 9, current: 8",
    reason="Timeout",
    details={
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    },
)
CUT = Watch([], TransportError("connection broken"))
