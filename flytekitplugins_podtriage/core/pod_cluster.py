"""The one seam between those who run pods and those who hold them: a Kubernetes, or the sandbox's simulated one.

A :class:`PodCluster` creates pods, deletes them, and tells what is seen of them; it decides nothing. Its clock is part
of the seam, since the sandbox's is virtual. Implementations: ``kube`` (a real cluster) and ``sandbox``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.memory import Memory


class Sight(msgspec.Struct, frozen=True, gc=False):
    """What is seen of one pod at one moment."""

    pod: wire.Pod
    """The pod as last seen; of one that is gone, its last state."""
    events: tuple[wire.Event, ...] = ()
    memory: Memory | None = None
    """What was remembered of its earlier states."""
    gone: bool = False
    """Whether the object is no longer there."""
    at: datetime | None = None
    """When this was seen, by the cluster's clock."""
    version: int = 0
    """Grows whenever anything seen of this pod changes: of two sights with the same version, the verdicts differ by the
    time only."""


class ClusterError(Exception):
    """A cluster did not do what it was asked for. The message is one line: verb, resource, name, and why.

    * ClusterError
      + PodExists          a pod of that name is there already
      + PodRejected        the cluster will not have this pod, now or ever (400, 422, an admission refusal)
      + QuotaExceeded      the namespace's quota has no room for it now
      + ClusterDenied      the rights are missing; the message names verb and resource
      + ClusterBusy        nobody answers, or not in time: whether it was done is not known; ask again
    """


class PodExists(ClusterError):
    """There is a pod of that name already."""


class PodRejected(ClusterError):
    """The cluster will not have this pod."""

    def __init__(self, message: str, *, status: int = 422, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class QuotaExceeded(ClusterError):
    """The namespace's quota has no room for the pod now."""


class ClusterDenied(ClusterError):
    """The rights are missing; the message names verb and resource."""


class ClusterBusy(ClusterError):
    """No answer, or not in time: whether it was done is not known."""


@runtime_checkable
class PodCluster(Protocol):
    """Where pods run."""

    def now(self) -> datetime:
        """Return the cluster's time, with a zone."""
        ...

    async def create(self, namespace: str, pod: Mapping[str, Any]) -> str:
        """Create a pod from its manifest; return its uid.

        Raises:
            ClusterError: it was not created (after :class:`ClusterBusy`: perhaps).
        """
        ...

    async def delete(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        """Ask for a pod's deletion, of this uid only if one is given; no error if it is gone already.

        Raises:
            ClusterError: it could not be asked for.
        """
        ...

    async def read(self, namespace: str, name: str) -> Sight | None:
        """Ask for a pod as it is now; None if there is none of that name.

        Raises:
            ClusterError: it could not be asked for.
        """
        ...

    async def logs(self, namespace: str, name: str, container: str, lines: int) -> str:
        """Return the last lines that a container has written; nothing if there is nothing to be had.

        Raises:
            ClusterError: they could not be asked for.
        """
        ...

    async def list(self, namespace: str, labels: Mapping[str, str]) -> list[Sight]:
        """Return the pods of a namespace that carry all these labels.

        Raises:
            ClusterError: they could not be listed.
        """
        ...

    def synced(self) -> bool:
        """Whether :meth:`look` knows of every pod that there was a moment ago: then none means that there is none."""
        ...

    def trouble(self) -> ClusterError | None:
        """Return what keeps the pods from being seen now; None: nothing does."""
        ...

    def seen(self) -> Sequence[Sight]:
        """Return all the pods that are there, as far as is known, at once and without asking anybody."""
        ...

    def look(self, namespace: str, name: str) -> Sight | None:
        """Return what is known of a pod, at once and without asking anybody; None if nothing is known of it."""
        ...

    async def change(self, namespace: str, name: str, until: datetime) -> Sight | None:
        """Wait until something new is seen of a pod, or until a moment; return what is known then.

        In the sandbox this is what moves the clock.
        """
        ...
