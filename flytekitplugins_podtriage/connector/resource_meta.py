"""The connector's resource meta: what FlytePropeller keeps of an attempt and sends back with every request.

It is part of the FlyteWorkflow in etcd, so it is short. It holds all that is needed to respond: the pod, the output
prefix, and what the task allows.
"""

from __future__ import annotations

import sys
from typing import Annotated, Final, Optional

import msgspec

from flytekitplugins_podtriage.connector.task_attempt import TaskAttempt
from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pod_cluster import PodSnapshot

VERSION: Final = 1


class PodMeta(msgspec.Struct, frozen=True, gc=False):
    """One attempt of a task: its pod and its output prefix. It has the methods of flytekit's ``ResourceMeta``.

    It is the key of what is kept of live tasks, and each call of ``get`` makes one and looks it up: hence a Struct.
    """

    namespace: str = ""
    pod: str = ""
    prefix: str = ""
    created: int = 0
    """When FlytePropeller created it, in seconds since 1970."""
    outputs: bool = True
    marker: bool = False
    retries: int = 0
    user_patience: float | None = None
    system_patience: float | None = None
    unreadable: str = ""
    """Why this version cannot read the bytes; empty: it can."""

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

    def encode(self) -> bytes:
        """Return it as JSON, without the fields that have their defaults."""
        short = _Short(
            v=VERSION,
            n=self.namespace,
            p=self.pod,
            o=self.prefix,
            t=self.created,
            x=int(self.outputs),
            m=int(self.marker),
            r=self.retries,
            u=self.user_patience,
            s=self.system_patience,
        )
        return msgspec.json.encode(short)

    @classmethod
    def decode(cls, data: bytes) -> PodMeta:
        """Read what some version has written; if this version cannot, ``unreadable`` says why.

        It never raises: flytekit's service would turn that into an error of the call, and such errors are counted
        against the task over its whole life (flyteplugins internal/webapi/cache.go, ``SyncFailureCount``).
        """
        try:
            short = _DECODER.decode(data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return cls(unreadable=_unreadable(data))
        return cls(
            namespace=sys.intern(short.n),  # few namespaces, many tasks
            pod=short.p,
            prefix=short.o,
            created=short.t,
            outputs=bool(short.x),
            marker=bool(short.m),
            retries=short.r,
            user_patience=short.u,
            system_patience=short.s,
        )

    def sharing_strings(self, snapshot: PodSnapshot) -> PodMeta:
        """Return an equal one without second copies of strings that the cluster's cache has of the attempt's pod."""
        metadata = snapshot.pod.metadata or wire.Metadata()
        texts = (metadata.namespace, metadata.name, *(metadata.annotations or {}).values())
        own = {text: text for text in texts if text is not None}
        return wire.evolve(
            self,
            namespace=own.get(self.namespace, self.namespace),
            pod=own.get(self.pod, self.pod),
            prefix=own.get(self.prefix, self.prefix),
        )


_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]


class _Short(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON of the meta."""

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
        return f"{len(data)} bytes that are not a resource meta of podtriage"
    if version > VERSION:
        return f"resource meta of version {version}: this version reads up to {VERSION}"
    return f"a resource meta of version {version} that cannot be read ({len(data)} bytes)"
