"""Creating pods: when ``create`` replies, and what is left if the process dies at any moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from flytekitplugins_podtriage.connector import idl
from flytekitplugins_podtriage.connector.hook import TriageHook
from flytekitplugins_podtriage.connector.output_prefix import CREATED, INTENT, STOPPED, OutputPrefix, PrefixError
from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy
from tests.connector.faulty_cluster import NAMESPACE, FaultyCluster
from tests.connector.world import World, run

Make = Callable[..., World]


class Steps:
    """Counts the calls of the store and the API server, and kills the process before or after one of them.

    Args:
        last: the number of the call at which it is killed, from 0; None: it is not.
        after: whether that call is carried out.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: int | None = None, *, after: bool = False) -> None:
        self.calls: list[str] = []
        self.ended = 0
        """How many of the calls have ended; those of one attempt are made one after the other."""
        self._last = last
        self._after = after
        self._lock = threading.Lock()
        for name in ("read", "write"):
            monkeypatch.setattr(OutputPrefix, name, self._stepping(getattr(OutputPrefix, name), name))

    def _stepping(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def step(prefix: OutputPrefix, file: str, *data: bytes) -> Any:
            carried_out = self.begin(f"{name} {file}")
            result = function(prefix, file, *data) if carried_out else None
            self.ended += 1
            if not carried_out or self.dead:
                raise PrefixError("the process was killed")
            return result

        return step

    @property
    def dead(self) -> bool:
        return self._last is not None and len(self.calls) > self._last

    def begin(self, call: str) -> bool:
        """Note a call; return whether it is carried out."""
        with self._lock:
            dead_before = self.dead
            self.calls.append(call)
            return not dead_before and (not self.dead or self._after)


class SteppingCluster(FaultyCluster):
    """A cluster whose calls are steps too."""

    steps: Steps

    async def _fail(self, call: str) -> None:
        await super()._fail(call)
        if call == "create":
            self.steps.ended += 1
            if not self.steps.begin(call):
                raise ClusterBusy("the process was killed")


# When create replies


def test_create_replies_once_the_intent_is_stored(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster(create="hang")
        here = world(cluster=cluster)
        here.connector = here.replica(reply_wait=60)
        await asyncio.wait_for(here.ask_to_create(), 30)
        assert (here.prefix() / INTENT).exists() and not (here.prefix() / CREATED).exists()
        await here.connector.close()

    run(test())


def test_create_replies_while_the_cluster_is_being_opened(world: Make) -> None:
    async def test() -> None:
        here = world()

        async def opened() -> Any:
            await asyncio.Event().wait()

        from flytekitplugins_podtriage.connector.service import PodTriageConnector

        connector = PodTriageConnector(opened, TriageHook(settings=here.settings), reply_wait=60)
        await asyncio.wait_for(here.ask_to_create(connector=connector), 30)
        assert (here.prefix() / INTENT).exists()
        await connector.close()

    run(test())


def test_create_replies_once_the_pod_exists_if_the_intent_cannot_be_stored(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: OutputPrefix, name: str, data: bytes) -> None:
        raise PrefixError("read-only")

    async def test() -> None:
        here = world("body: 40m")
        here.connector = here.replica(reply_wait=60)
        monkeypatch.setattr(OutputPrefix, "write", write)
        meta = await asyncio.wait_for(here.ask_to_create(), 30)
        assert here.pods() == [meta.pod]

    run(test())


def test_create_replies_while_the_store_hangs_and_goes_on_later(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    write = OutputPrefix.write

    def hang(self: OutputPrefix, name: str, data: bytes) -> None:
        released.wait(30)
        write(self, name, data)

    async def test() -> None:
        here = world("body: 40m")
        here.connector = here.replica(reply_wait=0)
        monkeypatch.setattr(OutputPrefix, "write", hang)
        meta = await here.ask_to_create()
        assert (await here.get(meta)).phase == idl.QUEUED and here.pods() == []
        released.set()
        await here.settle_down()
        assert here.pods() == [meta.pod]

    run(test())


def test_delete_replies_once_the_mark_is_stored(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster("body: 40m", delete="hang")
        here = world(cluster=cluster)
        here.connector = here.replica(reply_wait=60)
        meta = await here.create()
        await asyncio.wait_for(here.connector.delete(resource_meta=meta), 30)
        assert (here.prefix() / STOPPED).exists()
        await here.connector.close()

    run(test())


def test_a_first_create_makes_no_call_that_it_does_not_need(world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        cluster = SteppingCluster("body: 40m")
        cluster.steps = Steps(monkeypatch)
        here = world(cluster=cluster)
        await here.create()
        assert cluster.steps.calls == [
            "write podtriage-intent.json",
            "read podtriage-created",
            "read podtriage-stopped",
            "read podtriage-verdict.json",
            "create",
            "write podtriage-created",
            "read podtriage-stopped",
            "read podtriage-verdict.json",
        ]

    run(test())


# Crashes


CRASHES = [
    (last, after, then)
    for last in range(8)
    for after in (False, True)
    for then in ("create again", "get", "delete")
    # As long as create has not replied, FlytePropeller repeats it, and calls nothing else.
    if then == "create again" or (last, after) != (0, False)
]


@pytest.mark.parametrize(("last", "after", "then"), CRASHES)
def test_a_process_that_dies_at_any_step_leaves_one_pod_or_none_if_it_was_aborted(
    world: Make, monkeypatch: pytest.MonkeyPatch, last: int, after: bool, then: str
) -> None:
    async def test() -> None:
        cluster = SteppingCluster("body: 40m")
        here = world(cluster=cluster)
        with monkeypatch.context() as patch:
            cluster.steps = Steps(patch, last, after=after)
            dead = here.replica(reply_wait=0)
            meta = await here.ask_to_create(connector=dead)
            while cluster.steps.ended <= last:  # noqa: ASYNC110
                await asyncio.sleep(0)
            await dead.close()
        cluster.steps = Steps(monkeypatch)
        other = here.connector
        if then == "create again":
            await here.create()
        elif then == "delete":
            await other.delete(resource_meta=meta)
            await here.settle_down()
            await other.garbage_collector.collect(cluster)
            assert here.pods() == []
        response = await here.get(meta)
        await here.settle_down()
        if then == "delete":
            assert here.pods() == []
            return
        assert here.pods() == [meta.pod] and here.error_document() is None
        assert response.phase in (idl.QUEUED, idl.INITIALIZING, idl.RUNNING)

    run(test())


def test_a_create_that_is_repeated_elsewhere_does_not_undo_that_the_pod_was_created(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster("body: 40m")
        here = world(cluster=cluster)
        meta = await here.create()
        await here.create(connector=here.replica())  # writes the intent once more
        await cluster.real.delete(NAMESPACE, meta.pod, grace=0)
        calls = cluster.calls.count("create")
        fresh = FaultyCluster()  # a cluster that never saw the pod
        await here.create(connector=here.replica(fresh))
        assert cluster.calls.count("create") == calls and "create" not in fresh.calls

    run(test())


def test_two_replicas_that_create_an_attempt_at_the_same_time_create_one_pod(world: Make) -> None:
    async def test() -> None:
        here = world("body: 40m")
        replicas = [here.replica() for _ in range(3)]
        metas = await asyncio.gather(*(here.create(connector=replica) for replica in replicas))
        assert here.pods() == [metas[0].pod]
        await asyncio.gather(*(here.settle_down(replica) for replica in replicas))
        for meta, replica in zip(metas, replicas, strict=True):
            assert (await here.get(meta, replica)).phase == idl.QUEUED

    run(test())


def test_an_attempt_that_is_aborted_before_its_pod_is_there_gets_none(world: Make) -> None:
    async def test() -> None:
        cluster = FaultyCluster("body: 40m", create=ClusterBusy("no answer"))
        turn = asyncio.Event()

        async def wait(_: float) -> None:
            await turn.wait()

        here = world(cluster=cluster)
        slow = here.replica(sleep=wait)
        meta = await here.create(connector=slow)
        await here.connector.delete(resource_meta=meta)  # FlytePropeller calls another replica
        await here.settle_down()
        del cluster.failing["create"]
        turn.set()
        await here.settle_down(slow)
        assert here.pods() == []

    run(test())
