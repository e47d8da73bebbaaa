"""The connector's resource meta: what propeller keeps of an attempt and hands back with every question.

It lives in the workflow's resource in etcd, so it is kept short. It tells all that is needed to answer: where the pod
is, where the attempt's files are, and what the task allows.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, Final

import attrs

from flytekitplugins_podtriage.flyte.hook import TaskAttempt

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
            found = json.loads(data)
            version = found["v"]
            if not isinstance(version, int) or version > VERSION:
                return cls(unreadable=f"resource meta of version {version!r}: this version reads up to {VERSION}")
            meta = cls(
                namespace=str(found["n"]),
                pod=str(found["p"]),
                prefix=str(found["o"]),
                created=int(found["t"]),
                outputs=bool(found.get("x", 1)),
                marker=bool(found.get("m", 0)),
                retries=max(0, int(found.get("r", 0))),
                user_patience=_seconds(found.get("u")),
                system_patience=_seconds(found.get("s")),
            )
            meta.since  # noqa: B018  # a time beyond the calendar is no meta's
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError, RecursionError):
            return cls(unreadable=f"{len(data)} bytes that are no resource meta of podtriage's")
        return meta


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None
