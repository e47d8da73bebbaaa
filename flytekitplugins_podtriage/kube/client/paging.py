"""All the pages of a list, item by item, undecoded.

A list may expire while it is paged through (410: its revision was compacted). The server then names a token that goes
on where the list was, without a common moment; where it names none, the list is started over, and what was yielded
before is passed by: lists come in the order of their keys (apiserver, ``limit`` and ``continue``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from flytekitplugins_podtriage.kube.client.connection import Cluster
from flytekitplugins_podtriage.kube.client.errors import ClusterUnavailable
from flytekitplugins_podtriage.kube.client.permission import Right
from flytekitplugins_podtriage.kube.request import Expired, decoded, get

PAGE = 250
"""How many items a page is asked to have: about four megabytes of pods."""
_STARTS = 3
"""How often a list may expire before that is told."""


class _Meta(msgspec.Struct):
    continue_: str | None = msgspec.field(default=None, name="continue")


class _Page(msgspec.Struct):
    kind: str | None = None
    metadata: _Meta | None = None
    items: list[msgspec.Raw] | None = None


class _Named(msgspec.Struct):
    name: str | None = None
    namespace: str | None = None


class _Item(msgspec.Struct):
    metadata: _Named | None = None


def items(
    cluster: Cluster, path: str, query: Mapping[str, str], about: str, right: Right, page: int = PAGE
) -> Iterator[bytes]:
    """Yield the items of a list as JSON, as the server wrote them; memory is bounded by a page.

    Args:
        cluster: whom to ask.
        path: the path of the list.
        query: selectors.
        about: what is asked for, for messages.
        right: the right that it needs, for a message.
        page: how many items to ask for at a time.

    Raises:
        ClusterUnreachable: there is no good answer.
    """
    token: str | None = None
    last: msgspec.Raw | None = None
    passed: bytes | None = None
    starts = 0
    while True:
        asked = {**query, "limit": str(page), **({"continue": token} if token else {})}
        try:
            body = get(cluster, path, asked, about, right)
        except Expired as expired:
            starts += 1
            if starts > _STARTS:
                raise
            token = expired.continue_
            if token is None and last is not None:
                passed = _key(cluster, last, about)
            continue
        found: _Page = decoded(cluster, body, _Page, about)
        if found.items is None and not (found.kind or "").endswith("List"):
            raise ClusterUnavailable(f"{cluster.name}: the answer about {about} is no list; is it an API server?")
        for item in found.items or ():
            if passed is not None and _key(cluster, item, about) <= passed:
                continue
            last = item
            yield bytes(item)
        if found.metadata is None or not found.metadata.continue_:
            return
        token = found.metadata.continue_


def _key(cluster: Cluster, item: msgspec.Raw, about: str) -> bytes:
    """Return what a list is ordered by: the key in etcd, namespace and name."""
    named = decoded(cluster, bytes(item), _Item, about).metadata or _Named()
    return f"{named.namespace or ''}/{named.name or ''}".encode()
