"""``KubeCluster`` reads its login again, once, when the API server no longer accepts it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterDenied
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.pod_cluster import KubeCluster
from tests.builders import NAMESPACE as NS
from tests.kube.pod_requests import MADE, POD
from tests.kube.scripted import Scripted
from tests.kube.watched_cluster import watching


async def test_a_401_reads_the_login_again_once(
    script: Scripted, scripted: Connection, kube: KubeCluster, tmp_path: Path
) -> None:
    script.reply("GET", POD, 200, MADE)
    script.token = "first"
    await kube.get(NS, "f1-n0-0")
    script.token = "second"
    with pytest.raises(ClusterDenied, match="not logged in"):
        await kube.get(NS, "f1-n0-0")
    assert len(script.requests) == 3, "the login was read again, was the same, and was tried once more"
    (tmp_path / "token").write_text("second")
    assert await kube.get(NS, "f1-n0-0") is not None
    assert [request.headers["authorization"] for request in script.requests[3:]] == ["Bearer first", "Bearer second"]


async def test_the_watch_logs_in_again_too(script: Scripted, scripted: Connection, tmp_path: Path) -> None:
    script.token = "second"
    (tmp_path / "token").write_text("second")
    async with watching(scripted) as kube:
        script.wait_for_watch("events")
        assert kube.synced()


async def test_simultaneous_401s_log_in_once(script: Scripted, scripted: Connection, tmp_path: Path) -> None:
    script.reply("GET", POD, 200, MADE)
    script.token = "second"
    (tmp_path / "token").write_text("second")
    logins = []

    def login() -> None:
        logins.append(1)
        assert scripted.login is not None
        scripted.login()

    kube = KubeCluster(Connection(scripted.client, login=login), NS)
    await asyncio.gather(*(kube.get(NS, "f1-n0-0") for _ in range(8)))
    assert logins == [1]


async def test_a_login_that_fails_leaves_the_401(script: Scripted, scripted: Connection) -> None:
    def fail() -> None:
        raise RuntimeError("exec plugin: no such file")

    script.token = "second"
    with pytest.raises(ClusterDenied, match="not logged in"):
        await KubeCluster(Connection(scripted.client, login=fail), NS).get(NS, "f1-n0-0")
    with pytest.raises(ClusterDenied, match="not logged in"):
        await KubeCluster(Connection(scripted.client), NS).get(NS, "f1-n0-0")
