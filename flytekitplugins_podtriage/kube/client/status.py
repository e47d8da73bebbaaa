"""The API server's ``Status`` (k8s.io/apimachinery pkg/apis/meta/v1), as far as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from flytekitplugins_podtriage.kube.client.errors import LINE, one_line
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS, ListMeta

_MAX_RETRY_AFTER: Final = 10.0
"""The longest wait that a server may ask for, in seconds."""


class Cause(msgspec.Struct):
    """One cause of an error."""

    reason: str | None = None
    message: str | None = None


class Details(msgspec.Struct, rename="camel"):
    """The object that a ``Status`` is about, and more."""

    name: str | None = None
    group: str | None = None
    kind: str | None = None
    causes: list[Cause] | None = None
    retry_after_seconds: float | None = None


class Status(msgspec.Struct):
    """A ``Status``; for a response of another form, ``message`` is its beginning."""

    kind: str | None = None
    message: str | None = None
    reason: str | None = None
    code: int | None = None
    details: Details | None = None
    metadata: ListMeta | None = None

    @property
    def detail(self) -> str:
        """The message as one short line without secrets."""
        return self.excerpt(LINE)

    def excerpt(self, most: int) -> str:
        """Return the message as one line of at most so many characters, without secrets."""
        return one_line(self.message or self.reason or "no details", most)

    @property
    def version_too_large(self) -> bool:
        """Whether the server has not reached the resource version (client-go, isTooLargeResourceVersionError)."""
        causes = self.details.causes if self.details is not None else None
        if any(cause.reason == "ResourceVersionTooLarge" for cause in causes or ()):
            return True
        return self.code == 504 and "Too large resource version" in (self.message or "")


def read_status(body: bytes) -> Status:
    """Read the ``Status`` of a response; of anything else (a proxy's page) the beginning is quoted."""
    try:
        status = msgspec.json.decode(body, type=Status)
        if status.kind == "Status":
            return status
    except DECODE_ERRORS:
        pass
    return Status(message=body[:LINE].decode(errors="replace"))


def retry_after(headers: Mapping[str, str], status: Status) -> float | None:
    """Return how many seconds the server asks to wait, at most ten; None: it does not say."""
    header = headers.get("Retry-After", "")
    if header.isdigit():
        return min(float(header), _MAX_RETRY_AFTER)
    if status.details is not None and status.details.retry_after_seconds is not None:
        return min(max(status.details.retry_after_seconds, 0.0), _MAX_RETRY_AFTER)
    return None
