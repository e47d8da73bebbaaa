"""Responses that still hold: what a pod that has not changed is answered with, without judging it again."""

from __future__ import annotations

from datetime import datetime

import msgspec

from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.responses import PackedResource, Response, pack
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot


class CachedResponse(msgspec.Struct, frozen=True, gc=False):
    """A response that holds until the pod changes, or until a moment; there is one for each live task."""

    version: int
    """The version of the snapshot that it was made of."""
    until: datetime | None
    packed: bytes


class ResponseCache:
    """The last response about each pod, for as long as the pod is there."""

    def __init__(self) -> None:
        self._responses: dict[PodMeta, CachedResponse] = {}

    def __contains__(self, meta: PodMeta) -> bool:
        return meta in self._responses

    def get(self, meta: PodMeta, snapshot: PodSnapshot | None, now: datetime) -> PackedResource | None:
        """Return the response about a pod if it still holds; None if there is none that does."""
        cached = self._responses.get(meta)
        if cached is None or snapshot is None or cached.version != snapshot.version:
            return None
        if cached.until is not None and cached.until <= now:
            return None
        return PackedResource(cached.packed)

    async def put(self, meta: PodMeta, snapshot: PodSnapshot, response: Response, now: datetime) -> None:
        """Keep a response about a pod; one that is unconfirmed holds no longer than now."""
        packed = await pack(response.resource)
        until = now if response.unconfirmed else response.recheck_at
        self._responses[meta] = CachedResponse(version=snapshot.version, until=until, packed=packed)

    def discard(self, meta: PodMeta) -> None:
        """Forget the response about a pod."""
        self._responses.pop(meta, None)

    def keep_only(self, present: set[PodMeta]) -> None:
        """Forget the responses about all other pods: FlytePropeller may have asked another replica last."""
        self._responses = {meta: response for meta, response in self._responses.items() if meta in present}
