"""Reading one pod and its events, so that what the cache has of them is known to be complete.

A watch cannot show that. One that hangs looks like one on which nothing happens, and kube-apiserver's bookmarks (one a
minute, from its watch cache; for Events, which it does not cache, etcd's own, every ten minutes by default) only repeat
how far the server has got itself (k8s.io/apiserver pkg/storage/cacher). A GET without a resource version is answered by
a quorum of etcd (Kubernetes documentation, "API concepts", resource versions): it holds for the moment at which it was
sent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import attrs

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import Forbidden
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.client.objects import Page
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.client.requests import decode, fetch, get_pod
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from flytekitplugins_podtriage.kube.informer.resource_version import newer
from flytekitplugins_podtriage.kube.informer.watch_events import WatchedEvent

_EVENT_LAG: Final = timedelta(seconds=10)
"""If the watch of Events has brought one that was created so recently, those of a pod are not requested: a kubelet may
report a failure that much later than the API server shows it in the pod."""


SETTLED: Final = 12.0
"""For how many seconds the API server must have answered before a pod is read: kubelets report every ten seconds what
they could not report while it was away."""


@attrs.frozen
class ViewReader:
    """Reads pods into a store; each call blocks its thread."""

    store: PodStore
    pods: Reflector[wire.Pod]
    events: Reflector[WatchedEvent]
    offer: Callable[[wire.Pod], None]
    """Stores a pod from a response, if it is one of those that are watched."""
    moment: Callable[[float], datetime]
    """Returns the API server's time at a moment of the connection's monotonic clock."""
    settled: float = SETTLED
    """For how many seconds the API server must have answered."""
    pod_type: type[wire.Pod] = wire.Pod
    """What pods are decoded as."""

    def read(self, connection: Connection, operation: Operation, uid: str, timeouts: Timeouts) -> None:
        """Read a pod and its events; afterwards the store has both, or the pod is gone there, as of the request.

        Raises:
            ClusterError: it cannot be read, or what was read does not show that the store is complete.
        """
        known = self.store.resource_version(uid)
        sent = connection.clock.monotonic()
        pod = get_pod(connection, operation, timeouts, self.pod_type)
        if pod is None:
            self._require_watch(connection, operation)
            self.store.confirm_gone(uid)
            return
        metadata = pod.metadata or wire.Metadata()
        problem = f"{connection.location}: {operation}"
        if metadata.uid != uid:
            self.offer(pod)
            raise ClusterBusy(f"{problem}: another pod of that name has taken its place")
        if newer(known, metadata.resource_version):
            raise ClusterBusy(f"{problem}: the response is of an older state than was reported before")
        self.offer(pod)
        self._read_events(connection, operation, uid, timeouts)
        self._require_watch(connection, operation)
        self._require_reports(connection, operation, sent)
        if not self.store.confirm(uid, self.moment(sent)):
            raise ClusterBusy(f"{problem}: the watch does not report it")

    def _read_events(self, connection: Connection, operation: Operation, uid: str, timeouts: Timeouts) -> None:
        """Read a pod's events, unless the watch of Events is up to date or they may not be read at all."""
        until = self.store.events.reported_until
        now = self.moment(connection.clock.monotonic())
        if self.events.live and until is not None and now - until <= _EVENT_LAG:
            return
        of_events = Operation("list", "events", operation.namespace)
        query = {"fieldSelector": f"involvedObject.kind=Pod,involvedObject.uid={uid}"}
        try:
            body = fetch(connection, of_events, query, timeouts=timeouts)
        except Forbidden:
            return  # as without them: verdicts rest on the pod alone
        for event in decode(connection, of_events, body, Page[WatchedEvent], "a list of Events").items or ():
            self.store.events.put(event, listed=True)

    def _require_reports(self, connection: Connection, operation: Operation, sent: float) -> None:
        """Make sure that the kubelets could report to the API server before a request was sent to it.

        Raises:
            ClusterBusy: it has been away, and they may not have done so yet.
        """
        since = connection.health.well_since
        if since is None or sent - since < self.settled:
            raise ClusterBusy(
                f"{connection.location}: {operation}: the API server has answered again for less than "
                f"{self.settled:g} s; kubelets may not have reported yet what happened meanwhile"
            )

    def _require_watch(self, connection: Connection, operation: Operation) -> None:
        """Make sure that the pods are watched: what a list has refused as outdated, a single read may be as well.

        Raises:
            ClusterBusy: they are not.
        """
        if not self.pods.live:
            raise self.pods.error or ClusterBusy(f"{connection.location}: {operation}: the pods are not watched yet")
