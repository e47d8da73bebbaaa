"""What the API server says of itself: a ``Status`` (k8s.io/apimachinery pkg/apis/meta/v1), as far as it is read."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from flytekitplugins_podtriage.core.text.redact import mask

LONGEST_WAIT = 10.0
"""How long a server may ask to be left alone, in seconds."""
_DETAIL = 240


class Cause(msgspec.Struct):
    """One of the causes of a refusal."""

    reason: str | None = None
    message: str | None = None


class Details(msgspec.Struct, rename="camel"):
    """What a ``Status`` is about."""

    name: str | None = None
    group: str | None = None
    kind: str | None = None
    causes: list[Cause] | None = None
    retry_after_seconds: float | None = None


class ListMeta(msgspec.Struct, rename="camel"):
    """The metadata of a list; a ``Status`` has them too."""

    resource_version: str | None = None
    continue_: str | None = msgspec.field(default=None, name="continue")


class Status(msgspec.Struct):
    """A ``Status``; of an answer that is none, ``message`` is how it begins."""

    kind: str | None = None
    message: str | None = None
    reason: str | None = None
    code: int | None = None
    details: Details | None = None
    metadata: ListMeta | None = None

    @property
    def detail(self) -> str:
        """What is said, as one short line without secrets."""
        return one_line(self.message or self.reason or "no more is said")

    @property
    def whole(self) -> str:
        """The same at length: for those who have to correct what they asked for."""
        return one_line(self.message or self.reason or "no more is said", 1000)

    @property
    def too_large_a_version(self) -> bool:
        """Whether the server does not know of the resource version yet (client-go, isTooLargeResourceVersionError)."""
        causes = self.details.causes if self.details is not None else None
        if any(cause.reason == "ResourceVersionTooLarge" for cause in causes or ()):
            return True
        return self.code == 504 and "Too large resource version" in (self.message or "")


def read_status(body: bytes) -> Status:
    """Read what an answer says of itself; a proxy's page is quoted from its beginning."""
    try:
        status = msgspec.json.decode(body, type=Status)
        if status.kind == "Status":
            return status
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    return Status(message=body[:_DETAIL].decode(errors="replace"))


def asked_to_wait(headers: Mapping[str, str], said: Status) -> float | None:
    """Return how long the server asks to be left alone, in seconds, at most ten; None: it does not say."""
    asked = headers.get("Retry-After", "")
    if asked.isdigit():
        return min(float(asked), LONGEST_WAIT)
    if said.details is not None and said.details.retry_after_seconds is not None:
        return min(max(said.details.retry_after_seconds, 0.0), LONGEST_WAIT)
    return None


def one_line(text: str, most: int = _DETAIL) -> str:
    """Return a text as one short line without secrets."""
    line = " ".join(mask(text[: 4 * most]).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."
