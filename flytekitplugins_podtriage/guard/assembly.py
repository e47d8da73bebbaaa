"""One guard of one cluster, put together: watch, lease, decisions and writes, from start to end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from flytekitplugins_podtriage.core.guard.owned_pod import OwnedPod
from flytekitplugins_podtriage.core.guard.policy import OPT_OUT_LABEL, GuardPolicy
from flytekitplugins_podtriage.core.pod_cluster import ClusterError
from flytekitplugins_podtriage.guard.admission import Admissions, CapLedger
from flytekitplugins_podtriage.guard.agenda import Key
from flytekitplugins_podtriage.guard.decisions import Decisions, Observer
from flytekitplugins_podtriage.guard.facts import FactReader, TaskSource
from flytekitplugins_podtriage.guard.lease import LeaderLease, LeaseOptions
from flytekitplugins_podtriage.guard.loop import GuardLoop
from flytekitplugins_podtriage.guard.writer import EventBody, Writer
from flytekitplugins_podtriage.guard.writes import WRITE_TIMEOUTS, longest
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions
from flytekitplugins_podtriage.kube.informer.pod_entry import Limits
from flytekitplugins_podtriage.kube.namespaces import MultiNamespaceCluster
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster
from flytekitplugins_podtriage.kube.view_reader import SETTLED

LABELS: Final = ("execution-id", "node-id", "flyte.org/managed", "attempt", "podtriage.flyte.org/task", OPT_OUT_LABEL)
"""The labels that decisions read."""
ANNOTATIONS: Final = ("primary_container_name",)
"""The annotations that they read."""
_KEPT: Final = Limits(gone=500, gone_for=120.0, events_of_pod=20, events_of_running=False)
"""Pods that are gone are of little use here, and events of those that run of none."""
_OTHER_THREADS: Final = 4
"""Threads beside those of the dispatcher's requests: what pods share is read at the same time."""
_TIMEOUTS: Final = Timeouts(connect=2.0, read=8.0, total=12.0)
_LISTING: Final = 600.0
"""For how many seconds the first list of pods is waited for, before an error says that there is none."""


class Guard:
    """Guards the pods of one cluster.

    Args:
        connection: to its API server.
        policy: the settings; :meth:`set_policy` changes them.
        selector: the labels of the pods that are watched.
        namespaces: those that are watched, one watch each; none: all, with one.
        identity: of this replica; no other process, past or present, may have it.
        lease: namespace and name of the lease.
        decisions: what is to be done.
        source: where the backend records its tasks.
        ledger: counts the acts, for the caps.
        event_body: makes the Events of acts.
        observer: who is informed.
        lease_options: timings of the lease.
        watch_options: timings of the watches.
        settled: for how many seconds the API server must have answered before a pod is read to decide about it.
        concurrency: how many requests are made at a time.
        write_timeouts: of writes; the lease has to outlive each.

    Raises:
        ValueError: the selector cannot be parsed, no lease can have such a name, or writes may take longer than the
            lease lasts.
    """

    def __init__(
        self,
        connection: Connection,
        policy: GuardPolicy,
        *,
        selector: str,
        identity: str,
        lease: tuple[str, str],
        decisions: Decisions,
        source: TaskSource,
        ledger: CapLedger,
        event_body: EventBody,
        observer: Observer,
        namespaces: Sequence[str] = (),
        lease_options: LeaseOptions | None = None,
        watch_options: WatchOptions | None = None,
        settled: float = SETTLED,
        concurrency: int = 16,
        write_timeouts: Timeouts = WRITE_TIMEOUTS,
    ) -> None:
        clusters = {
            namespace: KubeCluster(
                connection,
                namespace,
                selector,
                timeouts=_TIMEOUTS,
                threads=concurrency + _OTHER_THREADS,
                limits=_KEPT,
                watch_options=watch_options,
                settled=settled,
                labels=LABELS,
                annotations=ANNOTATIONS,
                pod_type=OwnedPod,
                on_change=self._changed,
            )
            for namespace in namespaces or (None,)
        }
        self._all = tuple(clusters.values())
        named = {namespace: cluster for namespace, cluster in clusters.items() if namespace is not None}
        self._cluster = MultiNamespaceCluster(named) if named else self._all[0]
        self._lease = LeaderLease(connection, *lease, identity, options=lease_options, changed=self._leads_changed)
        takes, most = longest(write_timeouts), (lease_options or LeaseOptions()).longest_write
        if takes > most:
            raise ValueError(
                f"writes may take {takes:g} s, and the lease allows {most:g} s, so none could begin; allowed: "
                "a longer lease, or shorter timeouts"
            )

        def leads() -> bool:
            return self._lease.held_for(takes)

        self._loop = GuardLoop(
            self._cluster,
            decisions,
            FactReader(self._cluster, source, clock=time.monotonic),
            Admissions(ledger, leads, namespaces),
            Writer(leads, event_body, timeouts=write_timeouts),
            policy,
            observer,
            concurrency=concurrency,
        )
        self._listed = False

    def _changed(self, key: Key) -> None:
        self._loop.changed(key)

    def _leads_changed(self, leads: bool) -> None:
        self._loop.leads_changed(leads)

    async def run(self) -> None:
        """Watch and act until :meth:`close`.

        Raises:
            ClusterDenied: pods may not be listed.
            ClusterError: they could not be listed for ten minutes.
        """
        await self._cluster.start()
        self._lease.start()
        await asyncio.gather(*(cluster.wait_until_listed(_LISTING) for cluster in self._all))
        self._listed = True
        await self._loop.run()

    async def close(self) -> None:
        """Begin no further act, complete what was begun, release the lease, end the watches."""
        await self._loop.close()
        await asyncio.get_running_loop().run_in_executor(None, self._lease.stop)
        await self._cluster.close()

    def set_policy(self, policy: GuardPolicy) -> None:
        """Decide by other settings from now on; a deletion whose status was written is completed all the same."""
        self._loop.set_policy(policy)

    def view_age(self) -> float | None:
        """Return the age of the view in seconds; None: the pods were not listed yet."""
        return self._cluster.view_age() if self._listed else None

    def watch_error(self) -> ClusterError | None:
        """Return the error that keeps pods from being watched; None if there is none."""
        return self._cluster.watch_error()

    def leads(self) -> bool:
        """Whether this replica holds the lease."""
        return self._lease.held_for(0.0)

    def scheduled(self) -> int:
        """Return on how many pods an act is planned."""
        return self._loop.planned

    @property
    def loop(self) -> GuardLoop:
        """The loop."""
        return self._loop
