"""The lists and streams that a watch reads: of one resource of the API server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

import attrs

from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Response, Stream, Timeouts, send, stream
from flytekitplugins_podtriage.kube.client.operation import Operation


class Source(Protocol):
    """Answers the two requests of a watch."""

    def list(self, operation: Operation, query: Mapping[str, str]) -> Response:
        """Request one page of a list."""
        ...

    def watch(self, operation: Operation, query: Mapping[str, str], idle: float) -> AbstractContextManager[Stream]:
        """Request a watch, which fails if nothing arrives for ``idle`` seconds."""
        ...


@attrs.frozen
class HttpSource:
    """A real API server."""

    connection: Connection
    selectors: Mapping[str, str] = attrs.field(factory=dict)
    """``labelSelector``, ``fieldSelector``."""
    timeouts: Timeouts = attrs.field(factory=Timeouts)

    def list(self, operation: Operation, query: Mapping[str, str]) -> Response:
        """Request one page of a list."""
        timeout = self.timeouts.urllib3(self.timeouts.listing)
        return send(self.connection, operation, {**self.selectors, **query}, timeout=timeout)

    def watch(self, operation: Operation, query: Mapping[str, str], idle: float) -> AbstractContextManager[Stream]:
        """Request a watch."""
        return stream(self.connection, operation, {**self.selectors, **query}, timeout=self.timeouts.urllib3(idle))
