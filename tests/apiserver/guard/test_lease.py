"""The leader lease on a real API server: two replicas, one that is killed, one that resigns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from flytekitplugins_podtriage.guard.lease import LeaderLease, LeaseOptions
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.apiserver.api import Api
from tests.apiserver.front import Front
from tests.apiserver.server import ApiServer
from tests.apiserver.watching import eventually

ClusterOf = Callable[..., Connection]
FAST = LeaseOptions(duration=3, retry=0.3)


@pytest.fixture
def leases(namespace: str, cluster_of: ClusterOf) -> Iterator[Callable[..., LeaderLease]]:
    """Return the maker of replicas."""
    made: list[LeaderLease] = []

    def make(identity: str, front: Front | None = None) -> LeaderLease:
        connection = cluster_of("admin", front)
        made.append(LeaderLease(connection, namespace, "podtriage-guard", identity, options=FAST))
        return made[-1]

    yield make
    for lease in made:
        lease._stopped.set()


def held(*leases: LeaderLease) -> list[str]:
    return [lease.identity for lease in leases if lease.held_for(0.0)]


async def test_one_of_two_replicas_leads_and_the_other_takes_over_when_it_resigns(
    leases: Callable[..., LeaderLease], admin: Api, namespace: str
) -> None:
    first, second = leases("a"), leases("b")
    first.start()
    await eventually(lambda: first.holder == "a")
    second.start()
    await eventually(lambda: held(first, second) == ["a"])
    written = admin.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/podtriage-guard")["spec"]
    assert (written["holderIdentity"], written["leaseDurationSeconds"]) == ("a", 3)
    await asyncio.to_thread(first.stop)
    assert held(first) == []
    await eventually(lambda: held(first, second) == ["b"])
    assert second.transitions == 1


async def test_a_replica_that_was_killed_is_replaced_after_the_lease_is_over(
    leases: Callable[..., LeaderLease],
) -> None:
    first, second = leases("a"), leases("b")
    first.start()
    await eventually(lambda: held(first) == ["a"])
    second.start()
    first._stopped.set()  # it renews no longer, and releases nothing
    await eventually(lambda: held(first, second) != ["a"])
    assert held(first, second) == [], "nobody leads while the first may still believe to"
    await eventually(lambda: held(first, second) == ["b"])


async def test_the_lease_outlives_an_api_server_that_is_killed(
    leases: Callable[..., LeaderLease], server: ApiServer
) -> None:
    lease = leases("a")
    lease.start()
    await eventually(lambda: held(lease) == ["a"])
    server.kill()
    await eventually(lambda: held(lease) == [])
    await asyncio.to_thread(server.start)
    await eventually(lambda: held(lease) == ["a"])


async def test_a_replica_whose_requests_hang_stops_leading_before_another_one_begins(
    leases: Callable[..., LeaderLease], front: Front
) -> None:
    first, second = leases("a", front), leases("b")
    first.start()
    await eventually(lambda: held(first) == ["a"])
    second.start()
    hanging = front.hold("update", "leases")
    await eventually(lambda: held(first, second) == [])
    await eventually(lambda: held(first, second) == ["b"])
    hanging.release()
    await eventually(lambda: first.holder == "b")
    assert held(first, second) == ["b"], "the renewal that hung was refused by its resource version"
