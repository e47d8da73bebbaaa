"""Many pods of a live cluster: one list and one watch of them, and of their Events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import attrs

from flytekitplugins_podtriage.cli.errors import InputError
from flytekitplugins_podtriage.core.flyte_pods import KEPT_LABELS
from flytekitplugins_podtriage.core.pod_cluster import ClusterError, PodSnapshot
from flytekitplugins_podtriage.core.policy import Policy
from flytekitplugins_podtriage.kube.client.connection import connect
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster
from flytekitplugins_podtriage.report.pod_list import PodList, PodRow, pod_row, ranked

_TIMEOUT = 30.0
"""How long the first list may take, in seconds."""
_NO_EVENTS = "Events could not be listed ({}): causes that only they name are missing."
_MIN_INTERVAL = 0.5
"""At least so many seconds lie between two screens."""


@attrs.frozen
class PodsInScope:
    """Which pods are meant."""

    context: str | None
    namespace: str | None
    """None: the context's, unless all are meant."""
    all_namespaces: bool
    selector: str | None


@asynccontextmanager
async def opened(scope: PodsInScope) -> AsyncIterator[KubeCluster]:
    """Watch pods for the length of a block, from a complete first list on.

    Raises:
        InputError: there is no kubeconfig, the selector is wrong, or pods may not be listed.
    """
    try:
        connection = await asyncio.get_running_loop().run_in_executor(None, connect, scope.context)
        namespace = None if scope.all_namespaces else scope.namespace or connection.namespace
        if Operation("list", "pods", namespace).invalid_name is not None:
            raise InputError(f"-n {namespace!r}: invalid name; expected a-z, 0-9 and -, up to 63 characters")
        cluster = KubeCluster(connection, namespace, scope.selector, labels=KEPT_LABELS)
    except (ClusterError, ValueError) as error:
        raise InputError(str(error)) from error
    await cluster.start()
    try:
        await cluster.wait_until_listed(_TIMEOUT)
        yield cluster
    except ClusterError as error:
        raise InputError(str(error)) from error
    finally:
        await cluster.close()


@attrs.define(eq=False)
class Ranking:
    """The rows of the pods in a cache; those of pods that have not changed are kept until time changes them."""

    backend: str
    policies: Mapping[str, Policy]
    _kept: dict[tuple[str, str], tuple[int, datetime | None, PodRow | None]] = attrs.field(factory=dict, init=False)

    def of(self, snapshots: Sequence[PodSnapshot], now: datetime, notes: Sequence[str] = ()) -> PodList:
        """Return the list of the pods with trouble."""
        kept = {}
        for snapshot in snapshots:
            metadata = snapshot.pod.metadata
            key = (metadata.namespace or "", metadata.name or "") if metadata is not None else ("", "")
            before = self._kept.get(key)
            if before is None or before[0] != snapshot.version or (before[1] is not None and before[1] <= now):
                row = self._row(snapshot, now)
                before = (snapshot.version, _next_change(row), row)
            kept[key] = before
        self._kept = kept
        rows = ranked(row for _, _, row in kept.values() if row is not None)
        return PodList(rows=rows, total=len(kept), now=now, backend=self.backend, notes=notes)

    def _row(self, snapshot: PodSnapshot, now: datetime) -> PodRow | None:
        return pod_row(
            snapshot.pod,
            events=snapshot.events,
            memory=snapshot.memory,
            backend=self.backend,
            policies=self.policies,
            now=now,
        )


def _next_change(row: PodRow | None) -> datetime | None:
    """Return when time alone may change a row; None: only a change of its pod does."""
    if row is None or row.ended:
        return None
    times = [at for at in (row.verdict.recheck_at, row.charge.at) if at is not None]
    return min(times, default=None)


def list_once(scope: PodsInScope, ranking: Ranking) -> tuple[PodList, list[PodSnapshot]]:
    """Return the pods with trouble, and all that is known of them, in the same order.

    Raises:
        InputError: as for :func:`opened`.
    """

    async def read() -> tuple[PodList, list[PodSnapshot]]:
        async with opened(scope) as cluster:
            return _current(cluster, ranking)

    return asyncio.run(read())


def watch(
    scope: PodsInScope,
    ranking: Ranking,
    show: Callable[[PodList, list[PodSnapshot]], None],
    *,
    redraw: float | None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Show the pods with trouble now and whenever one changes, until ``stop`` says so or the user interrupts it.

    ``redraw`` is after how many seconds without a change to show them again, since times run down; None: never.

    Raises:
        InputError: as for :func:`opened`.
    """

    async def follow() -> None:
        async with opened(scope) as cluster:
            while True:
                version = cluster.version
                show(*_current(cluster, ranking))
                if stop():
                    return
                await asyncio.sleep(_MIN_INTERVAL)
                span = timedelta(seconds=redraw) if redraw is not None else timedelta(hours=1)
                await cluster.wait_for_any_change(version, cluster.now() + span)

    asyncio.run(follow())


def _current(cluster: KubeCluster, ranking: Ranking) -> tuple[PodList, list[PodSnapshot]]:
    snapshots = list(cluster.list_cached())
    notes = []
    for template, error in ((_NO_EVENTS, cluster.events_error()), ("Not up to date: {}", cluster.watch_error())):
        if error is not None:
            notes.append(template.format(error))
    listed = ranking.of(snapshots, cluster.now(), notes)
    by_key = {(s.pod.metadata.namespace or "", s.pod.metadata.name or ""): s for s in snapshots if s.pod.metadata}
    return listed, [by_key[row.namespace, row.name] for row in listed.rows]
