"""The connector's resource meta: what propeller keeps of an attempt and hands back with every question.

It lives in the workflow's resource in etcd, so it is kept short. It tells all that is needed to answer: where the pod
is, where the attempt's files are, and what the task allows.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from typing import Annotated, Any, Final, Optional

import attrs
import msgspec

from flytekitplugins_podtriage.connector.hook import TaskAttempt

VERSION: Final = 1


@attrs.frozen
class PodMeta:
    """One attempt of a task: its pod and its output prefix. What flytekit asks of a ``ResourceMeta``, but hashable."""

    namespace: str = ""
    pod: str = ""
    prefix: str = ""
    created: int = 0
    """When it was asked for, in seconds since 1970."""
    outputs: bool = True
    marker: bool = False
    retries: int = 0
    user_patience: float | None = None
    system_patience: float | None = None
    unreadable: str = ""
    """Why the bytes that were handed in are no meta of this version's; empty: they are."""

    @property
    def attempt(self) -> TaskAttempt:
        """The attempt, as the hook takes it."""
        return TaskAttempt(
            self.prefix,
            outputs=self.outputs,
            retries=self.retries,
            marker=self.marker,
            user_patience=self.user_patience,
            system_patience=self.system_patience,
        )

    @property
    def since(self) -> datetime:
        """When it was asked for."""
        return datetime.fromtimestamp(self.created, timezone.utc)

    def encode(self) -> bytes:
        """Return it as JSON, without what is as usual."""
        short: dict[str, Any] = {"v": VERSION, "n": self.namespace, "p": self.pod, "o": self.prefix, "t": self.created}
        if not self.outputs:
            short["x"] = 0
        if self.marker:
            short["m"] = 1
        if self.retries:
            short["r"] = self.retries
        if self.user_patience is not None:
            short["u"] = self.user_patience
        if self.system_patience is not None:
            short["s"] = self.system_patience
        return json.dumps(short, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def decode(cls, data: bytes) -> PodMeta:
        """Read what some version has written; what cannot be read is told in ``unreadable``.

        It never raises: flytekit's service would turn that into an error of the call, and such errors are counted
        against the task over its whole life (flyteplugins internal/webapi/cache.go, ``SyncFailureCount``).
        """
        try:
            found = _DECODER.decode(data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return cls(unreadable=_unreadable(data))
        return cls(
            # Few namespaces, many tasks.
            sys.intern(found.n),
            found.p,
            found.o,
            found.t,
            outputs=bool(found.x),
            marker=bool(found.m),
            retries=found.r,
            user_patience=found.u,
            system_patience=found.s,
        )


_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]


class _Short(msgspec.Struct, frozen=True):
    """The meta as it is written."""

    # ... | None is Optional here: msgspec evaluates the annotations, on Python 3.10 too.
    v: Annotated[int, msgspec.Meta(ge=1, le=VERSION)]
    n: str
    p: str
    o: str
    t: Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]  # up to the year 9999, where the calendar ends
    x: _Count = 1
    m: _Count = 0
    r: _Count = 0
    u: Optional[_Seconds] = None  # noqa: UP045
    s: Optional[_Seconds] = None  # noqa: UP045


class _Versioned(msgspec.Struct):
    v: int


_DECODER: Final = msgspec.json.Decoder(_Short)


def _unreadable(data: bytes) -> str:
    try:
        version = msgspec.json.decode(data, type=_Versioned).v
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return f"{len(data)} bytes that are no resource meta of podtriage's"
    if version > VERSION:
        return f"resource meta of version {version}: this version reads up to {VERSION}"
    return f"a resource meta of version {version} that cannot be read ({len(data)} bytes)"
