"""The leader lease over HTTP: what is sent, what becomes of the responses, and how it is released."""

from __future__ import annotations

import logging
import re
import threading
from typing import Any

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterDenied
from flytekitplugins_podtriage.guard.lease import LeaderLease, LeaseOptions
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from tests.kube.model import status
from tests.kube.scripted import Scripted

LEASES = "/apis/coordination.k8s.io/v1/namespaces/flyte/leases"
LEASE = f"{LEASES}/podtriage-guard"
MICRO_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def lease_object(version: str, holder: str = "", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": "podtriage-guard",
            "namespace": "flyte",
            "uid": "u",
            "resourceVersion": version,
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
        },
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "leaseTransitions": 3, **spec},
    }


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def changes() -> list[bool]:
    return []


@pytest.fixture
def lease(scripted: Connection, clock: Clock, changes: list[bool]) -> LeaderLease:
    options = LeaseOptions(timeouts=Timeouts(connect=2.0, read=0.3))
    return LeaderLease(
        scripted,
        "flyte",
        "podtriage-guard",
        "a_1",
        options=options,
        clock=clock,
        chance=lambda: 0.5,
        changed=changes.append,
    )


def test_a_released_lease_is_taken_with_its_metadata_kept(
    lease: LeaderLease, script: Scripted, clock: Clock, changes: list[bool]
) -> None:
    script.reply("GET", LEASE, 200, lease_object("7", ""))
    script.reply("PUT", LEASE, 200, lease_object("8", "a_1"))
    assert lease.once() == 2.0 * 1.25
    (update,) = script.wait_for("PUT", LEASE)
    assert update.body["metadata"] == lease_object("7")["metadata"], "with the version that was read"
    spec = update.body["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("a_1", 15, 4)
    assert spec["acquireTime"] == spec["renewTime"]
    assert re.fullmatch(MICRO_TIME, spec["renewTime"])
    assert lease.held_for(13.0)
    assert lease.holder == "a_1"
    assert changes == [True]
    clock.time += 14
    assert not lease.held_for(0.0)


def test_a_renewal_is_one_request_and_keeps_when_it_was_acquired(lease: LeaderLease, script: Scripted) -> None:
    acquired = "2026-03-01T12:00:00.000000Z"
    script.reply("GET", LEASE, 200, lease_object("7", ""))
    script.reply("PUT", LEASE, 200, lease_object("8", "a_1", acquireTime=acquired, leaseTransitions=4))
    lease.once()
    lease.once()
    assert [request.method for request in script.requests] == ["GET", "PUT", "PUT"]
    second = script.requests[2].body
    assert second["metadata"]["resourceVersion"] == "8"
    assert (second["spec"]["acquireTime"], second["spec"]["leaseTransitions"]) == (acquired, 4)
    assert second["spec"]["renewTime"] != acquired


def test_another_ones_lease_is_left_alone(lease: LeaderLease, script: Scripted, clock: Clock) -> None:
    script.reply("GET", LEASE, 200, lease_object("7", "b_2", renewTime="2001-01-01T00:00:00.000000Z"))
    for _ in range(3):
        lease.once()
        clock.time += 4
    assert {request.method for request in script.requests} == {"GET"}
    assert not lease.held_for(0.0)
    assert lease.holder == "b_2"


def test_a_lease_that_does_not_exist_is_created(lease: LeaderLease, script: Scripted, clock: Clock) -> None:
    script.reply("GET", LEASE, 404, status(404, "not found", reason="NotFound"))
    script.reply("POST", LEASES, 201, lease_object("1", "a_1"))
    script.reply("PUT", LEASE, 200, lease_object("2", "a_1"))
    lease.once()
    (create,) = script.wait_for("POST", LEASES)
    assert create.body["metadata"] == {"namespace": "flyte", "name": "podtriage-guard"}
    assert not lease.held_for(0.0), "a holder of a lease that was deleted may still believe to hold it"
    clock.time += 15
    lease.once()
    assert lease.held_for(0.0)


def test_a_404_that_is_not_about_the_lease_does_not_create_one(lease: LeaderLease, script: Scripted) -> None:
    script.reply("GET", LEASE, 404, b"<html>no such page</html>")
    lease.once()
    assert [request.method for request in script.requests] == ["GET"]
    assert lease.error is not None


def test_a_conflict_is_followed_by_a_read_at_once(
    lease: LeaderLease, script: Scripted, changes: list[bool], clock: Clock
) -> None:
    script.reply("GET", LEASE, 200, lease_object("7", ""))
    script.reply("GET", LEASE, 200, lease_object("9", "b_2"))
    script.reply("PUT", LEASE, 200, lease_object("8", "a_1"))
    script.reply("PUT", LEASE, 409, status(409, "the object has been modified", reason="Conflict"))
    lease.once()
    assert lease.held_for(0.0)
    lease.once()
    assert not lease.held_for(0.0)
    assert lease.holder == "b_2"
    assert changes == [True, False]


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (500, status(500, "etcd")),
        (429, status(429, "busy")),
        (200, b"{}"),
        (200, {"metadata": {"uid": 1}}),
        (200, b"["),
    ],
)
def test_a_renewal_that_fails_leaves_what_was_held_and_no_more(
    lease: LeaderLease, script: Scripted, clock: Clock, code: int, body: Any
) -> None:
    script.reply("GET", LEASE, 200, lease_object("7", ""))
    script.reply("PUT", LEASE, 200, lease_object("8", "a_1"))
    script.reply("PUT", LEASE, code, body)
    lease.once()
    clock.time += 5
    lease.once()
    assert isinstance(lease.error, ClusterBusy)
    assert lease.held_for(8.0)
    assert not lease.held_for(8.6)


def test_a_renewal_that_hangs_gives_up_in_time(lease: LeaderLease, script: Scripted) -> None:
    script.reply("GET", LEASE, 200, lease_object("7", ""))
    held = threading.Event()
    script.reply("PUT", LEASE, 200, lease_object("8", "a_1"), held=held)
    lease.once()
    assert not lease.held_for(0.0), "it may have been done, but nobody knows since when"
    held.set()


def test_the_wait_that_the_server_asks_for_is_kept(lease: LeaderLease, script: Scripted) -> None:
    script.reply("GET", LEASE, 429, status(429, "busy"), headers={"Retry-After": "7"})
    assert lease.once() == 7.0


def test_a_missing_permission_is_logged_once(
    lease: LeaderLease, script: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    message = 'leases.coordination.k8s.io "podtriage-guard" is forbidden: User "x" cannot get resource "leases"'
    script.reply("GET", LEASE, 403, status(403, message, reason="Forbidden"))
    with caplog.at_level(logging.WARNING, "flytekitplugins_podtriage"):
        for _ in range(3):
            lease.once()
    assert isinstance(lease.error, ClusterDenied)
    (record,) = caplog.records
    assert "may not get leases in namespace 'flyte'" in record.getMessage()
    assert "nothing is acted upon without it" in record.getMessage()


def test_stopping_releases_the_lease_after_it_is_held_no_longer(
    lease: LeaderLease, script: Scripted, changes: list[bool]
) -> None:
    script.reply("GET", LEASE, 200, lease_object("7", ""))
    script.reply("PUT", LEASE, 200, lease_object("8", "a_1"))
    lease.once()
    lease.stop()
    release = script.requests[-1].body
    assert release["spec"]["holderIdentity"] == ""
    assert release["metadata"]["resourceVersion"] == "8"
    assert not lease.held_for(0.0)
    assert changes == [True, False]


def test_stopping_leaves_another_ones_lease_alone(lease: LeaderLease, script: Scripted) -> None:
    script.reply("GET", LEASE, 200, lease_object("7", "b_2"))
    lease.once()
    lease.stop()
    assert [request.method for request in script.requests] == ["GET"]


def test_the_thread_renews_until_it_is_stopped(scripted: Connection, script: Scripted) -> None:
    script.reply("GET", LEASE, 200, lease_object("7", ""))
    script.reply("PUT", LEASE, 200, lease_object("8", "a_1"))
    lease = LeaderLease(scripted, "flyte", "podtriage-guard", "a_1", options=LeaseOptions(retry=0.01, jitter=0.0))
    lease.start()
    script.wait_for("PUT", LEASE, 3)
    assert lease.held_for(5.0)
    lease.stop()
    assert script.requests[-1].body["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize(("namespace", "name", "identity"), [("a/b", "x", "me"), ("ns", "", "me"), ("ns", "x", "")])
def test_a_lease_that_cannot_exist_is_refused(scripted: Connection, namespace: str, name: str, identity: str) -> None:
    with pytest.raises(ValueError, match="lease"):
        LeaderLease(scripted, namespace, name, identity)
