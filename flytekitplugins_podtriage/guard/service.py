"""The program ``podtriage guard``: everything around its loop, from the settings to the last line of the log.

It says once at start what it guards, what it may not do, and why it only observes if it must. The port is open from
the beginning. SIGTERM ends it in order: no further act begins, one that was begun is completed, the Lease is released.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, BinaryIO, Final, Protocol

import attrs

from flytekitplugins_podtriage.core.guard.policy import GuardPolicy, Mode
from flytekitplugins_podtriage.guard.audit_log import AuditLog
from flytekitplugins_podtriage.guard.http_server import HttpServer
from flytekitplugins_podtriage.guard.metrics import GuardMetrics, GuardState
from flytekitplugins_podtriage.guard.reporter import GuardReporter
from flytekitplugins_podtriage.guard.settings_file import GuardSettings
from flytekitplugins_podtriage.guard.surroundings import ReadPropeller, clocks_apart, read_surroundings
from flytekitplugins_podtriage.guard.switch import Switch
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.telemetry.repeated_warnings import RepeatedWarnings

_log = logging.getLogger("flytekitplugins_podtriage")
VIEW_BOUND: Final = 150.0
"""Seconds after which a watch that reports nothing is no longer ready: an idle one has a bookmark every minute."""
STALLED: Final = 60.0
"""Seconds after which an event loop that does not run is not alive."""
_BEAT: Final = 1.0
_CLOCK_PERIOD: Final = 60.0


class Loop(Protocol):
    """What watches, decides and acts: ``guard/loop.py``."""

    async def run(self) -> None:
        """Watch and act until it is cancelled or closed.

        Raises:
            ClusterDenied: pods may not be listed.
        """
        ...

    async def close(self) -> None:
        """Begin no further act, complete what was begun, release the Lease, end the watches."""
        ...

    def set_policy(self, policy: GuardPolicy) -> None:
        """Decide by other settings from now on; a deletion whose status was written is completed all the same."""
        ...

    def view_age(self) -> float | None:
        """Return the age of the view in seconds; None: the pods were not listed yet."""
        ...

    def leads(self) -> bool:
        """Whether this replica holds the Lease."""
        ...

    def scheduled(self) -> int:
        """Return on how many pods an act is planned."""
        ...


@attrs.frozen(kw_only=True)
class Wiring:
    """What a loop is made of."""

    connection: Connection
    settings: GuardSettings
    policy: GuardPolicy
    """What may be done for now; the service sets it anew when the switch has been read."""
    reporter: GuardReporter
    identity: str
    """The replica's name, in the Lease and in Events."""
    lease_namespace: str


@attrs.frozen(kw_only=True)
class Programs:
    """What the service is handed: the parts that tests replace."""

    make_loop: Callable[[Wiring], Loop]
    read_propeller: ReadPropeller
    missing: Callable[[Connection, GuardSettings], Sequence[str]]
    """Returns the permissions that are missing, as RBAC names them: first asks the API server, in one thread."""


class GuardService:
    """One run of the guard.

    Args:
        settings: of the guard.
        connection: to the API server.
        programs: the loop, and what reads the cluster.
        identity: the replica's name.
        registry: where metrics are kept: a ``CollectorRegistry``.
        audit_file: where audit lines go.
        repeated: the filter of the log's repeated warnings.
        wall: this host's time.
    """

    def __init__(
        self,
        settings: GuardSettings,
        connection: Connection,
        programs: Programs,
        *,
        identity: str,
        registry: Any,
        audit_file: BinaryIO,
        repeated: RepeatedWarnings | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        metrics = GuardMetrics(registry, self.state)
        self._settings = settings
        self._connection = attrs.evolve(connection, observe=metrics.api_request)
        self._programs = programs
        self._identity = identity
        self._registry = registry
        self._audit = AuditLog(audit_file)
        self._reporter = GuardReporter(metrics, self._audit, settings.cluster or connection.name)
        self._repeated = repeated
        self._wall = wall
        self._policy = settings.policy()
        self._loop: Loop | None = None
        self._reasons: dict[str, str] = {"start": "it has just been started"}
        """Why everything is observed only, by what says so."""
        self._beat = time.monotonic()
        self.port = 0
        """The port of probes and metrics, once it is open."""

    # What it is like

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why everything is observed only, in sentences; empty: the modes of the settings count."""
        return tuple(reason for reason in self._reasons.values() if reason)

    def effective_policy(self) -> GuardPolicy:
        """Return the settings of the decisions, with everything in ``observe`` while there is a reason to."""
        if not self.reasons:
            return self._policy
        return attrs.evolve(self._policy, mode=Mode.OBSERVE, namespace_modes={})

    def state(self) -> GuardState:
        """Return what the guard is like now."""
        policy, loop = self.effective_policy(), self._loop
        enforcing = Mode.ENFORCE in (policy.mode, *policy.namespace_modes.values())
        if loop is None:
            return GuardState(enforcing=enforcing)
        return GuardState(
            view_age=loop.view_age(), leader=loop.leads(), enforcing=enforcing, scheduled=loop.scheduled()
        )

    def alive(self) -> str:
        """Return what ``/healthz`` answers: whether the event loop runs."""
        stalled = time.monotonic() - self._beat
        return f"the event loop has not run for {stalled:.0f} s" if stalled > STALLED else ""

    def ready(self) -> str:
        """Return what ``/readyz`` answers; whether this replica leads does not matter."""
        age = self._loop.view_age() if self._loop is not None else None
        if age is None:
            return "the pods are not listed yet"
        return f"the watch of pods has reported nothing for {age:.0f} s" if age > VIEW_BOUND else ""

    # What it does

    async def run(self, stop: asyncio.Event) -> None:
        """Guard until ``stop`` is set.

        Raises:
            ClusterDenied: a permission is missing without which nothing can be guarded.
            OSError: the port cannot be opened.
        """
        settings = self._settings
        server = HttpServer(self._registry, host=settings.host, port=settings.port, alive=self.alive, ready=self.ready)
        self.port = server.port
        beating = asyncio.create_task(self._keep_beating())
        try:
            await self._run(stop)
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
            server.close()
            self._audit.close()

    async def _run(self, stop: asyncio.Event) -> None:
        settings, connection = self._settings, self._connection
        in_thread = asyncio.get_running_loop().run_in_executor
        _log.info("podtriage: guarding pods of %s in %s: %s", settings.backend, connection.location, _scope(settings))
        surroundings = await in_thread(None, read_surroundings, connection, settings, self._programs.read_propeller)
        for note in surroundings.notes:
            _log.warning("podtriage: %s", note)
        self._policy = settings.policy(surroundings.stock, surroundings.limits)
        missing = await in_thread(None, self._programs.missing, connection, settings)
        for permission in missing:
            _log.warning("podtriage: a permission is missing: %s", permission)
        self._set_reason("backend", "; ".join(surroundings.hindrances))
        self._set_reason("permissions", f"{len(missing)} permissions are missing" if missing else "")
        self._check_clocks()
        lease_namespace = settings.lease_namespace or connection.namespace
        self._loop = loop = self._programs.make_loop(
            Wiring(
                connection=connection,
                settings=settings,
                policy=self.effective_policy(),
                reporter=self._reporter,
                identity=self._identity,
                lease_namespace=lease_namespace,
            )
        )
        switch = Switch(connection, lease_namespace, settings.switch)
        self._reasons |= {"switch": switch.reason, "start": ""}
        tasks = {
            asyncio.create_task(loop.run()),
            asyncio.create_task(switch.follow(lambda reason: self._set_reason("switch", reason))),
            asyncio.create_task(stop.wait()),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._set_reason("stop", "it is being stopped")
            await loop.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()  # what ended the loop, if it was an error
        _log.info("podtriage: stopped")

    def _set_reason(self, source: str, reason: str) -> None:
        """Note why everything is observed only, or that this source has no reason any more; it is logged once."""
        before = self.reasons
        self._reasons[source] = reason
        if self.reasons == before:
            return
        if reason and source not in ("start", "stop"):
            _log.warning("podtriage: everything is observed only: %s", reason)
        elif not self.reasons:
            _log.info("podtriage: acting where the mode is enforce: %s", _enforced(self._policy))
        if self._loop is not None:
            self._loop.set_policy(self.effective_policy())

    def _check_clocks(self) -> None:
        self._set_reason("clocks", clocks_apart(self._connection, self._wall(), self._settings.clock_skew))

    async def _keep_beating(self) -> None:
        checked = time.monotonic()
        while True:
            self._beat = time.monotonic()
            if self._repeated is not None:
                self._repeated.expire()
            if self._loop is not None and self._beat - checked >= _CLOCK_PERIOD:
                checked = self._beat
                self._check_clocks()
            await asyncio.sleep(_BEAT)


def _scope(settings: GuardSettings) -> str:
    where = f"namespaces {', '.join(settings.namespaces)}" if settings.namespaces else "all namespaces"
    return f"{where}, pods with {settings.pod_selector}, mode {settings.mode}"


def _enforced(policy: GuardPolicy) -> str:
    names = [name for name, mode in policy.namespace_modes.items() if mode is Mode.ENFORCE]
    if policy.mode is Mode.ENFORCE:
        return "every namespace without another mode"
    return f"namespaces {', '.join(names)}" if names else "no namespace"
