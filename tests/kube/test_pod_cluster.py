"""``KubeCluster`` is a ``PodCluster`` with a clock, and sends no request that is invalid or too late."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timedelta, timezone

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, PodCluster, PodRejected
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.http import Timeouts
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster
from tests.builders import NAMESPACE as NS
from tests.kube.pod_requests import MADE, MANIFEST, POD, PODS
from tests.kube.scripted import Scripted
from tests.kube.watched_cluster import FOREVER


def test_it_is_a_pod_cluster(kube: KubeCluster) -> None:
    assert isinstance(kube, PodCluster)


def test_an_invalid_selector(scripted: Connection) -> None:
    with pytest.raises(ValueError, match="allowed: key"):
        KubeCluster(scripted, NS, "a=b=c")


def test_the_clock_is_the_real_one_by_default(scripted: Connection, kube: KubeCluster) -> None:
    assert abs(kube.now() - datetime.now(timezone.utc)) < timedelta(minutes=1)
    assert KubeCluster(scripted, now=lambda: FOREVER).now() == FOREVER


@pytest.mark.parametrize("name", ["", "..", "../kube-system", "A", "a b"])
async def test_invalid_names_are_not_requested(script: Scripted, kube: KubeCluster, name: str) -> None:
    with pytest.raises(PodRejected):
        await kube.create(name, MANIFEST)
    await kube.delete(NS, name)
    await kube.delete(name, "f1")
    assert await kube.get(NS, name) is None and await kube.get(name, "f1") is None
    assert await kube.logs(NS, name, "main", 10) == "" and await kube.list(name, {}) == []
    assert await kube.execution_over(NS, name) is None
    assert script.requests == []


async def test_a_request_that_gets_no_thread_in_time_is_never_sent(script: Scripted, scripted: Connection) -> None:
    held = threading.Event()
    script.reply("GET", POD, 200, MADE, held=held)
    script.reply("POST", PODS, 201, MADE)
    kube = KubeCluster(scripted, NS, threads=1, timeouts=Timeouts(total=0.05))
    reading = asyncio.ensure_future(kube.get(NS, "f1-n0-0"))
    await asyncio.to_thread(script.wait_for, "GET", POD)
    with pytest.raises(ClusterBusy, match=r"none within 0.05 s"):
        await kube.create(NS, MANIFEST)
    with pytest.raises(ClusterBusy):
        await reading
    held.set()
    patient = KubeCluster(scripted, NS)
    assert await patient.get(NS, "f1-n0-0") is not None
    await kube.close()
    assert [request.method for request in script.requests] == ["GET", "GET"]
