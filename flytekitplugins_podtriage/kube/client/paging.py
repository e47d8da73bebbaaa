"""All the pages of a list, item by item, undecoded.

A list may expire while its pages are read (410: its revision was compacted). The server then returns a token that
continues the list at a later revision; where it returns none, the list is started over, and items up to the last one
yielded are skipped: lists come in the order of their keys (apiserver, ``limit`` and ``continue``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.error_mapping import malformed_response
from flytekitplugins_podtriage.kube.client.errors import ListExpired
from flytekitplugins_podtriage.kube.client.objects import Page, PartialObject
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import RETRIES, decode, fetch

PAGE_SIZE: Final = 250
"""How many items to request at a time: about four megabytes of pods."""
_RESTARTS: Final = 3
"""How often a list may expire before the error is raised."""


def list_items(
    connection: Connection, operation: Operation, query: Mapping[str, str] | None = None, page_size: int = PAGE_SIZE
) -> Iterator[bytes]:
    """Yield the items of a list as the JSON that the server wrote; memory is bounded by a page.

    Raises:
        ClusterError: the list could not be read.
    """
    token: str | None = None
    last: msgspec.Raw | None = None
    skip_to: bytes | None = None
    restarts = 0
    while True:
        page_query = {**(query or {}), "limit": str(page_size), **({"continue": token} if token else {})}
        try:
            body = fetch(connection, operation, page_query, retries=RETRIES)
        except ListExpired as expired:
            restarts += 1
            if restarts > _RESTARTS:
                raise
            token = expired.next_token
            if token is None and last is not None:
                skip_to = _key(connection, operation, last)
            continue
        page = decode(connection, operation, body, Page[msgspec.Raw], "a list")
        if not page.is_list:
            raise malformed_response(connection, operation, "a list")
        for item in page.items or ():
            if skip_to is not None and _key(connection, operation, item) <= skip_to:
                continue
            last = item
            yield bytes(item)
        token = page.next_token
        if token is None:
            return


def _key(connection: Connection, operation: Operation, item: msgspec.Raw) -> bytes:
    """Return what a list is ordered by: the key in etcd, namespace and name."""
    partial = decode(connection, operation, bytes(item), PartialObject, "a list of objects")
    metadata = partial.metadata or wire.Metadata()
    return f"{metadata.namespace or ''}/{metadata.name or ''}".encode()
