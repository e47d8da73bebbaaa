"""Local runs on a cluster whose API server goes away: no attempt ends, or times out, on an outdated view of its pod."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from flytekitplugins_podtriage import ErrorKind, Policy
from flytekitplugins_podtriage.core.accounting import Limits
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.pod_cluster import ClusterUnreachable, PodSnapshot
from flytekitplugins_podtriage.core.task_runs import TaskRun
from flytekitplugins_podtriage.local.attempts import run_task
from flytekitplugins_podtriage.local.backends import backend
from flytekitplugins_podtriage.sandbox.cluster import SandboxCluster
from flytekitplugins_podtriage.sandbox.faults.plan import Plan
from tests.builders import NAMESPACE, manifest

POLICY = Policy(user_patience=180, system_patience=600)


class Away(SandboxCluster):
    """A sandbox of which nothing is heard between two moments."""

    def __init__(self, plan: str, since: float, until: float) -> None:
        super().__init__(Plan.parse(plan))
        start = self.now()
        self.since, self.until = start + timedelta(seconds=since), start + timedelta(seconds=until)
        self.before: PodSnapshot | None = None
        self.reads = 0

    def _is_away(self) -> bool:
        return self.since <= self.now() < self.until

    def _seen(self, snapshot: PodSnapshot | None) -> PodSnapshot | None:
        if not self._is_away():
            self.before = snapshot
        return self.before

    def get_cached(self, namespace: str, name: str) -> PodSnapshot | None:
        return self._seen(super().get_cached(namespace, name))

    async def wait_for_change(self, namespace: str, name: str, until: datetime) -> PodSnapshot | None:
        return self._seen(await super().wait_for_change(namespace, name, until))

    def freshness(self, snapshot: PodSnapshot) -> Freshness:
        return Freshness(as_of=None) if self._is_away() else super().freshness(snapshot)

    async def refresh(self, snapshot: PodSnapshot) -> None:
        self.reads += 1
        if self._is_away():
            raise ClusterUnreachable("get pods: no response")


def run(cluster: Away, timeout: float | None = None) -> TaskRun:
    coroutine = run_task(
        cluster,
        lambda _: manifest(),
        task="app.train",
        namespace=NAMESPACE,
        backend=backend("connector", POLICY),
        limits=Limits(retries=0),
        policy=POLICY,
        timeout=timeout,
    )
    return asyncio.run(coroutine)


@pytest.mark.parametrize("plan", ["registry.example.com: 429 for 8m", "registry.example.com: 404 for 2m"])
def test_a_pull_that_succeeds_while_nothing_is_heard_ends_well(plan: str) -> None:
    cluster = Away(plan, 60, 3600)
    done = run(cluster)
    assert done.succeeded and len(done.attempts) == 1
    assert 0 < cluster.reads < 3600 / 10


def test_a_task_that_is_done_in_time_does_not_time_out_because_nobody_could_see_it() -> None:
    assert run(Away("body: 5m", 60, 3600), timeout=1200).succeeded


def test_a_pull_that_still_fails_is_charged_when_it_is_seen_again() -> None:
    cluster = Away("registry.example.com: 404", 60, 3600)
    done = run(cluster)
    assert not done.succeeded and done.attempts[0].charged is ErrorKind.USER
    assert timedelta(seconds=3600) <= done.attempts[0].duration <= timedelta(seconds=3630)


def test_a_task_that_does_not_end_times_out_when_it_is_seen_again() -> None:
    done = run(Away("body: 40h", 60, 3600), timeout=1200)
    assert done.final is not None and done.final.code == "TimeoutExpired"
    assert done.attempts[0].duration >= timedelta(seconds=3600)


def test_a_view_that_is_current_costs_no_reads() -> None:
    for plan in ("registry.example.com: 404", "body: exit 3", "body: 3s"):
        cluster: Any = Away(plan, 10**8, 10**8)
        run(cluster)
        assert cluster.reads == 0
