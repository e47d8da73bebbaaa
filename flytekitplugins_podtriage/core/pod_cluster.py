"""The protocol between the code that runs pods and the clusters that hold them: a Kubernetes, or the simulated one.

A :class:`PodCluster` creates, deletes and observes pods; it decides nothing. Its clock is part of the protocol, since
the sandbox's is virtual. Implementations: ``kube`` (a real cluster) and ``sandbox``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import msgspec

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.memory import Memory


class PodSnapshot(msgspec.Struct, frozen=True, gc=False):
    """What is known of one pod at one moment."""

    pod: wire.Pod
    """The pod as last observed; the last state of one that is gone."""
    events: tuple[wire.Event, ...] = ()
    memory: Memory | None = None
    """What was remembered of its earlier states."""
    gone: bool = False
    """Whether the object no longer exists."""
    at: datetime | None = None
    """When this was observed, by the cluster's clock."""
    version: int = 0
    """Grows with every observed change of this pod: verdicts on two snapshots of one version differ by time only."""


class ClusterError(Exception):
    """A request to a cluster failed. The message is one line: verb, resource, name, and why.

    * ClusterError
      + PodExists          a pod of that name exists
        - PodNameTaken     and it belongs to something else
      + PodRejected        the API server rejects this pod (400, 422, an admission plugin)
      + QuotaExceeded      the namespace's quota has no room for it now
      + ClusterDenied      a permission is missing; the message names verb and resource
      + ClusterBusy        it cannot answer now; try again
        - ClusterUnreachable   no answer, or not in time: whether it was done is not known
    """

    permanent: bool = False
    """Whether the same request would fail again, whenever it is made."""


class PodExists(ClusterError):
    """A pod of that name exists."""


class PodNameTaken(PodExists):
    """A pod of that name exists, and belongs to something else; it has to be deleted first."""

    permanent = True


class PodRejected(ClusterError):
    """The API server rejects this pod, for good if it is no valid pod; an admission plugin may accept it later."""

    def __init__(self, message: str, *, status: int = 422, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.permanent = status in (400, 422)


class QuotaExceeded(ClusterError):
    """The namespace's quota has no room for the pod now."""


class ClusterDenied(ClusterError):
    """A permission is missing; the message names verb and resource."""


class ClusterBusy(ClusterError):
    """The cluster cannot answer now: whether it was done is not known."""


class ClusterUnreachable(ClusterBusy):
    """There is no answer, or none in time: nothing is known that was not known before."""


@runtime_checkable
class PodCluster(Protocol):
    """Where pods run.

    ``create``, ``delete``, ``get``, ``logs`` and ``list`` are requests: each raises a :class:`ClusterError` if it
    failed. After a :class:`ClusterBusy` it may have been carried out.
    """

    def now(self) -> datetime:
        """Return the cluster's time, with a zone."""
        ...

    async def create(self, namespace: str, pod: Mapping[str, Any]) -> str:
        """Create a pod from its manifest; return its uid."""
        ...

    async def delete(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        """Request a pod's deletion, only of this uid if one is given; a pod that is gone already is no error."""
        ...

    async def get(self, namespace: str, name: str) -> PodSnapshot | None:
        """Request a pod's current state; None if there is no pod of that name."""
        ...

    async def logs(self, namespace: str, name: str, container: str, lines: int) -> str:
        """Return the last lines of a container's log; empty if there is none."""
        ...

    async def list(self, namespace: str, labels: Mapping[str, str]) -> list[PodSnapshot]:
        """Request the pods of a namespace that carry all these labels."""
        ...

    def freshness(self, snapshot: PodSnapshot) -> Freshness:
        """Return up to which moment a snapshot is known to be complete, without a request."""
        ...

    async def refresh(self, snapshot: PodSnapshot) -> None:
        """Read a pod and its events from the API server into the cache, so that the view of it is complete as of now.

        Afterwards ``get_cached`` returns what was read, or the pod is gone there, and ``freshness`` says as of when.

        Raises:
            ClusterError: the view is not complete: no answer, an older state than is known already, another pod of the
                same name, or a watch that does not work.
        """
        ...

    def synced(self) -> bool:
        """Whether the cache holds every pod that existed a moment ago: then a pod missing from it does not exist."""
        ...

    def watch_error(self) -> ClusterError | None:
        """Return the error that keeps the cache from being updated; None if it is up to date."""
        ...

    def list_cached(self) -> Sequence[PodSnapshot]:
        """Return all pods of the cache, without a request."""
        ...

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        """Return a pod of the cache, without a request; None if it is not there."""
        ...

    async def wait_for_change(self, namespace: str, name: str, until: datetime) -> PodSnapshot | None:
        """Wait until a pod changes, or until a moment; return what is known then.

        In the sandbox this is what advances the clock.
        """
        ...
