"""The Lease that makes one replica of the guard the leader, kept by a thread of its own.

Acts ask :meth:`LeaderLease.held_for` just before they are sent, with the time that the request may take: nothing begins
unless the lease outlives it. Who leads is decided in :mod:`~flytekitplugins_podtriage.guard.election`.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Final, Protocol

import attrs
import msgspec

from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied, ClusterError
from flytekitplugins_podtriage.guard.election import (
    DRIFT,
    Conflict,
    CreateLease,
    Election,
    Failed,
    LeaseRecord,
    LeaseRequest,
    LeaseResponse,
    NoLease,
    ReadLease,
    UpdateLease,
)
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.error_mapping import malformed_response, response_error
from flytekitplugins_podtriage.kube.client.errors import NotFound, describe
from flytekitplugins_podtriage.kube.client.http import Timeouts, send
from flytekitplugins_podtriage.kube.client.objects import DECODE_ERRORS
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.status import read_status, retry_after

_log = logging.getLogger("flytekitplugins_podtriage")
GROUP: Final = "coordination.k8s.io/v1"
_REQUESTS: Final = 4
"""How many requests a round makes at most: an update that is refused, a read, and an update again."""


class Fence(Protocol):
    """Who says whether acts may begin."""

    def held_for(self, seconds: float) -> bool:
        """Whether this replica leads, and will for so many seconds more whatever happens."""
        ...


def steady_clock() -> float:
    """Return the seconds of a clock that never jumps and, where there is one (Linux), goes on during a suspend.

    ``CLOCK_MONOTONIC`` stops while the machine sleeps: a lease would seem to be held that others took long ago.
    """
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


@attrs.frozen(kw_only=True)
class LeaseOptions:
    """The timings of a lease, in seconds."""

    duration: int = attrs.field(default=15, validator=attrs.validators.ge(1))
    """Its duration: after so long without a renewal another replica takes over. client-go's default."""
    retry: float = attrs.field(default=2.0, validator=attrs.validators.gt(0))
    """Between two renewals, and between two attempts to acquire it. client-go's default."""
    jitter: float = attrs.field(default=0.5, validator=attrs.validators.ge(0))
    """By which share ``retry`` is lengthened at random, so that replicas do not keep step."""
    timeouts: Timeouts = attrs.field(factory=lambda: Timeouts(connect=2.0, read=4.0))
    """Of its requests: some have to fail before the lease is over."""

    @property
    def longest_write(self) -> float:
        """How long a write may take at most, so that it may begin soon after each renewal, in seconds."""
        return self.duration * (1.0 - DRIFT) - self.retry * (1.0 + self.jitter)


class LeaderLease:
    """Acquires and renews a lease.

    Args:
        namespace: of the lease.
        name: of the lease.
        identity: of this replica; no other process, past or present, may have it (client-go: host name and a UUID).
        clock: a clock that never jumps, in seconds.
        chance: returns a random number in [0, 1).
        changed: called in the lease's thread when this replica begins or ends to lead.

    Raises:
        ValueError: no lease can have such a name or namespace, or there is no identity.
    """

    def __init__(
        self,
        connection: Connection,
        namespace: str,
        name: str,
        identity: str,
        *,
        options: LeaseOptions | None = None,
        clock: Callable[[], float] = steady_clock,
        chance: Callable[[], float] = random.random,
        changed: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self._operation = Operation("get", "leases", namespace, name, group=GROUP)
        if self._operation.invalid_name is not None:
            raise ValueError(f"lease {namespace}/{name}: {self._operation.invalid_name!r} is not a valid name")
        if not identity:
            raise ValueError("lease: the identity is empty; allowed: a name that no other replica has")
        self._options = options or LeaseOptions()
        self._clock = clock
        self._chance = chance
        self._changed = changed
        self._election = Election(identity, float(self._options.duration))
        self._leads = False
        self._logged: type[ClusterError] | None = None
        self._asked_to_wait = 0.0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: ClusterError | None = None
        """Why the lease could not be requested; None: it could."""

    @property
    def identity(self) -> str:
        """The identity of this replica."""
        return self._election.identity

    @property
    def holder(self) -> str:
        """The identity of the replica that leads, as last read; empty: it is not known."""
        return self._election.holder

    @property
    def transitions(self) -> int:
        """How often the leader has changed, as last read."""
        return self._election.transitions

    def held_for(self, seconds: float) -> bool:
        """Whether this replica leads, and will for so many seconds more whatever happens."""
        return self._election.held_for(seconds, self._clock())

    # The thread

    def start(self) -> None:
        """Acquire and renew in a thread that does not keep the process alive."""
        self._thread = threading.Thread(target=self.run, name="podtriage-lease", daemon=True)
        self._thread.start()

    def run(self) -> None:
        """Acquire and renew until :meth:`stop`."""
        while not self._stopped.wait(self.once()):
            pass

    def stop(self, timeout: float = 8.0) -> None:
        """End the thread, waiting for it so many seconds, and release the lease.

        No write may be under way any more: another replica may lead as soon as the lease is released.
        """
        self._stopped.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
            if self._thread.is_alive():
                return  # a request hangs; the lease ends by itself
        self._release()

    def once(self) -> float:
        """Do one round of requests; return how many seconds to wait before the next one."""
        election = self._election
        self._asked_to_wait = 0.0
        election.begin_round()
        for _ in range(_REQUESTS):
            request = election.request(self._clock())
            if request is None or self._stopped.is_set():
                break
            sent = self._clock()
            response = self._send(request)
            if election.answered(request, response, sent, self._clock()):
                break
        self._report()
        wait = self._options.retry * (1.0 + self._options.jitter * self._chance())
        return max(wait, self._asked_to_wait)

    def _release(self) -> None:
        request = self._election.resign(self._clock())
        if request is not None:
            self._send(request, release=True)
        self._report()

    def _report(self) -> None:
        leads = self.held_for(0.0)
        if leads != self._leads:
            self._leads = leads
            lease = f"{self._operation.namespace}/{self._operation.name}"
            _log.info(
                "podtriage: lease %s: this replica (%s) %s", lease, self.identity, "leads" if leads else "follows"
            )
            self._changed(leads)

    # Requests

    def _send(self, request: LeaseRequest, *, release: bool = False) -> LeaseResponse:
        """Send a request; return its response."""
        verb = {ReadLease: "get", CreateLease: "create", UpdateLease: "update"}[type(request)]
        operation = attrs.evolve(self._operation, verb=verb)
        body = None if isinstance(request, ReadLease) else self._body(request, release=release)
        try:
            response = send(self._connection, operation, body=body, timeout=self._options.timeouts.urllib3())
            if response.status not in (200, 201):
                status = read_status(response.body)
                self._asked_to_wait = retry_after(response.headers, status) or 0.0
                error = response_error(self._connection, operation, response.status, status)
                if response.status == 409:
                    self._recovered()
                    return Conflict()
                if isinstance(error, NotFound) and not isinstance(request, CreateLease):
                    self._recovered()
                    return NoLease()
                raise error
            record = _record(self._connection, operation, response.body)
        except ClusterError as error:
            self._failed(error)
            return Failed()
        self._recovered()
        return record

    def _body(self, request: CreateLease | UpdateLease, *, release: bool) -> bytes:
        now = micro_time(self._connection.clock.now())
        record = request.record if isinstance(request, UpdateLease) else None
        new_holder = record is None or (isinstance(request, UpdateLease) and request.takes_over)
        transitions = record.transitions if record is not None else 0
        metadata: dict[str, Any] = {"namespace": self._operation.namespace, "name": self._operation.name}
        if record is not None:
            metadata = {**record.metadata, "resourceVersion": record.resource_version}
            transitions += 1 if new_holder else 0
        spec = {
            "holderIdentity": "" if release else self.identity,
            "leaseDurationSeconds": self._options.duration,
            "acquireTime": now if new_holder or record is None or record.acquired is None else record.acquired,
            "renewTime": now,
            "leaseTransitions": transitions,
        }
        return msgspec.json.encode({"apiVersion": GROUP, "kind": "Lease", "metadata": metadata, "spec": spec})

    def _recovered(self) -> None:
        self.error = self._logged = None

    def _failed(self, error: ClusterError) -> None:
        """Keep an error, and log it unless one of its kind is logged already."""
        self.error = error
        if self._logged is None or not isinstance(error, self._logged):
            self._logged = type(error)
            consequence = "nothing is acted upon without it" if isinstance(error, ClusterDenied) else "trying again"
            _log.warning("podtriage: the leader lease: %s; %s", describe(error), consequence)


def micro_time(moment: datetime) -> str:
    """Return a moment as Kubernetes writes a ``MicroTime``: six digits of a second are required."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    lease_transitions: int | None = None


class _Lease(msgspec.Struct):
    metadata: dict[str, Any]
    spec: _Spec | None = None


def _record(connection: Connection, operation: Operation, body: bytes) -> LeaseRecord:
    """Read a Lease.

    Raises:
        ClusterBusy: the response is none.
    """
    try:
        lease = msgspec.json.decode(body, type=_Lease)
    except DECODE_ERRORS as error:
        raise malformed_response(connection, operation, "a Lease", error) from error
    version = lease.metadata.get("resourceVersion")
    if not isinstance(version, str) or not version:
        raise malformed_response(connection, operation, "a Lease with a resource version")
    spec = lease.spec or _Spec()
    return LeaseRecord(
        resource_version=version,
        holder=spec.holder_identity or "",
        duration=float(spec.lease_duration_seconds or 0),
        transitions=spec.lease_transitions or 0,
        acquired=spec.acquire_time,
        metadata=lease.metadata,
    )
