"""Where a watch gets lists and streams from: one path of the API server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Final, Protocol

import attrs
import urllib3

from flytekitplugins_podtriage.kube.client.connection import Cluster
from flytekitplugins_podtriage.kube.client.http import Unanswered, as_unanswered, send

_PIECE: Final = 65536


@attrs.frozen
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen
class Stream:
    """An answer whose body comes bit by bit."""

    status: int
    headers: Mapping[str, str]
    pieces: Iterator[bytes]
    """The body; reading on may raise ``Unanswered``. It is closed with the stream."""
    cut: Callable[[], None]
    """Ends the stream, from any thread: a read that waits for more returns or raises."""


class Source(Protocol):
    """Answers the two questions of a watch."""

    def ask(self, query: Mapping[str, str]) -> Answer:
        """Ask for a list.

        Raises:
            Unanswered: there is no answer.
        """
        ...

    def stream(self, query: Mapping[str, str], idle: float) -> AbstractContextManager[Stream]:
        """Ask for a watch, of which nothing may come for ``idle`` seconds.

        Raises:
            Unanswered: there is no answer; ``Unanswering``: not in time.
        """
        ...


@attrs.frozen
class HttpSource:
    """A path of a real API server."""

    cluster: Cluster
    path: str
    selectors: Mapping[str, str] = attrs.field(factory=dict)
    """``labelSelector``, ``fieldSelector``."""
    connect: float = 5.0
    """Seconds to wait for a connection."""
    read: float = 30.0
    """Seconds to wait for a list, between two pieces of it."""

    def ask(self, query: Mapping[str, str]) -> Answer:
        """Ask for a list."""
        timeout = urllib3.Timeout(connect=self.connect, read=self.read)
        answer = send(self.cluster, "GET", self.path, {**self.selectors, **query}, timeout=timeout)
        return Answer(int(answer.status), answer.headers, answer.data)

    @contextmanager
    def stream(self, query: Mapping[str, str], idle: float) -> Iterator[Stream]:
        """Ask for a watch."""
        timeout = urllib3.Timeout(connect=self.connect, read=idle)
        answer = send(self.cluster, "GET", self.path, {**self.selectors, **query}, timeout=timeout, stream=True)
        try:
            yield Stream(int(answer.status), answer.headers, _pieces(answer), lambda: _cut(answer))
        finally:
            with suppress(Exception):  # what is left of it is of no interest
                answer.close()
            answer.release_conn()


def _pieces(answer: Any) -> Iterator[bytes]:
    """Yield the body as it comes."""
    read1 = getattr(answer, "read1", None)  # urllib3 >= 2.1
    try:
        if read1 is None:
            yield from answer.stream(_PIECE)
            return
        while piece := read1(_PIECE):
            yield piece
    except Exception as error:
        raise as_unanswered(error) from error


def _cut(answer: Any) -> None:
    """Have a read that waits in another thread end: closing would wait for it."""
    connection: Any = getattr(answer, "connection", None) or getattr(answer, "_connection", None)
    with suppress(Exception):  # it may be over already
        connection.sock.shutdown(2)


__all__ = ["Answer", "HttpSource", "Source", "Stream", "Unanswered"]
