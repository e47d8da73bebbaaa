"""One attempt whose pod a recorded story tells of, and the connector that is asked about it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any

from flytekitplugins_podtriage import ErrorKind, Verdict
from flytekitplugins_podtriage.connector.attempt_record import read_record
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.output_prefix import OutputPrefix
from flytekitplugins_podtriage.connector.resource_meta import PodMeta
from flytekitplugins_podtriage.connector.service import PodTriageConnector
from flytekitplugins_podtriage.core.absent_pods import triage_snapshot
from flytekitplugins_podtriage.core.freshness import Freshness
from flytekitplugins_podtriage.core.pod_cluster import PodCluster
from flytekitplugins_podtriage.flyte.settings import Settings
from tests.connector.story_server import StoryCluster, StoryServer
from tests.connector.world import OVER
from tests.recordings import timelines

SETTINGS = Settings(user_patience=40.0, system_patience=90.0, keep_finished=0.0)
PATIENCES = (40.0, 90.0)
WAITING = (
    "pull-429-recovers-after-grace@1.34.4",
    "pull-429-recovers-early@1.31.0",
    "pull-404-manifest-unknown@1.31.0",
    "pull-429-hub-manifest@1.31.0",
    "config-appears-later@1.34.4",
    "sandbox-ip-exhausted-frees@1.31.0",
    "crashloop-onfailure@1.34.4",
    "delete-in-backoff@1.31.0",
    "node-unreachable-running@1.34.4",
)
"""Stories of each kind in which something is waited for."""

Ending = tuple[Any, ...]


class Run:
    """One attempt, whose pod a story tells of, and the connector that is asked about it."""

    def __init__(self, name: str, folder: str) -> None:
        prefix = f"{folder}/n0/data/0"
        self.server = StoryServer(timelines()[name], prefix)
        self.here = StoryCluster(self.server)
        self.hook = TriageHook(settings=SETTINGS)
        self.meta = PodMeta(namespace=self.server.namespace, pod=self.server.pod, prefix=prefix)

        async def open_cluster() -> PodCluster:
            return self.here.cluster

        self.connector = PodTriageConnector(open_cluster, self.hook, clock=self.here.monotonic)
        self.connector.garbage_collector.start = lambda: None  # type: ignore[method-assign]

    async def poll(self, at: float, *, watched: bool = True) -> Verdict | None:
        """Ask about the attempt at a moment; return the verdict if it has ended."""
        self.server.now = at
        if watched:
            self.here.read_watches()
        response = await (await self.connector.get(self.meta)).to_flyte_idl()
        if response.phase in OVER:
            record = read_record(OutputPrefix(self.meta.prefix))
            assert record is not None and record.verdict is not None
            return record.verdict
        return None

    async def close(self) -> None:
        await self.connector.close()
        await self.here.cluster.close()

    def truth(self, at: float) -> Verdict:
        """Return what a view gives that was never interrupted."""
        now = self.server.time(at)
        snapshot = self.server.truth(at)
        return triage_snapshot(snapshot, self.hook.policy(self.meta.attempt), now, Freshness.current(now)).verdict

    def is_right(self, verdict: Verdict, at: float, unseen_since: float) -> bool:
        """Return whether a view that was never interrupted gives this ending too."""
        if of(verdict) == of(self.truth(at)):
            return True
        # A pod that was deleted while nobody could see it: how it ended before nobody knows.
        went = self.server.truth(at).gone and not self.server.truth(unseen_since).gone
        return went and verdict.kind is ErrorKind.SYSTEM and verdict.code == "PodGone"


def of(verdict: Verdict) -> Ending:
    return (verdict.phase, verdict.kind, verdict.category) if verdict.phase.terminal else ("not over",)


def play(name: str, test: Callable[[Run], Awaitable[None]]) -> None:
    """Make a run of a story, and close it after the test."""

    async def whole(folder: str) -> None:
        run = Run(name, folder)
        try:
            await test(run)
        finally:
            await run.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(whole(folder))


def steps_of(name: str) -> list[float]:
    """Return the moments at which something changes in a story."""
    return StoryServer(timelines()[name], "").steps
