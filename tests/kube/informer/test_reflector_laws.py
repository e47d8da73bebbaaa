"""Whatever happens between a cluster and its watch, the cache ends with what there is in the cluster."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from flytekitplugins_podtriage.kube.informer.watch_events import EVENTS, PODS
from tests.builders import NAMESPACE as NS
from tests.builders import event, pod
from tests.kube.model import Model

NAMES = st.sampled_from("abc")
CHANGES = st.tuples(st.sampled_from(["put", "put", "delete"]), NAMES) | st.tuples(st.just("compact"), st.just(""))
ANSWERS = st.tuples(st.just("answer"), st.tuples(NAMES, st.booleans())) | st.tuples(st.just("late"), st.just(""))
TROUBLE = st.sampled_from(["", "", "", "cut", "cut", "gone", "expire", "garbage", "refuse"])
ROUNDS = st.tuples(st.just("round"), st.tuples(st.lists(TROUBLE, max_size=2), st.integers(0, 2000)))
BETWEEN = st.tuples(st.just("between"), st.lists(CHANGES | ANSWERS, min_size=1, max_size=4))
STEPS = st.lists(CHANGES | CHANGES | ROUNDS | ROUNDS | BETWEEN | ANSWERS, min_size=12, max_size=40)
OPTIONS = WatchOptions(page_size=2)


class Client:
    """A :class:`Cluster`'s client, as far as messages name it."""

    class configuration:  # noqa: N801
        host = "https://model"


def make_pod(name: str, version: int, uid: str, changes: int) -> dict[str, Any]:
    return pod(name=name, version=version, uid=uid, metadata={"annotations": {"changes": str(changes)}})


class Run:
    """One server, one watch, one cache, and answers to requests beside the watch that are still under way."""

    def __init__(self) -> None:
        self.server = Model(make_pod)
        self.time = datetime(2026, 3, 1, tzinfo=timezone.utc)
        self.cache = PodStore(lambda: self.time, changed=self.changed)
        self.watch = Reflector(
            Connection(Client()),
            self.server,
            PODS,
            self.cache,
            "pods",
            NS,
            options=OPTIONS,
            clock=lambda: 0.0,
            chance=lambda: 0.0,
        )
        self.late: list[wire.Pod] = []
        self.last: dict[str, tuple[Any, ...]] = {}
        self.newest: dict[str, int] = {}
        self.wrong: list[str] = []
        """What was seen at any moment that should not; a watch survives what its store raises."""

    def steps(self, steps: list[tuple[str, Any]]) -> None:
        for what, how in steps:
            self.step(what, how)

    def step(self, what: str, how: Any) -> None:
        server = self.server
        if what == "put":
            server.put(how)
        elif what == "delete":
            server.delete(how)
        elif what == "compact":
            server.compact()
        elif what == "between":
            server.between.append(lambda: self.steps(how))
        elif what == "round":
            server.trouble, server.cut_at = list(how[0]), how[1]
            self.watch.once()
        elif what == "answer":  # to a create, if it is not there, or to a get; it may be under way for a while
            name, late = how
            read = PODS.one(msgspec.json.encode(server.objects.get(name) or server.put(name)))
            if late:
                self.late.append(read)
            else:
                self.cache.offer(read)
        elif self.late:
            self.cache.offer(self.late.pop(0))
        self.check_versions()

    def changed(self, key: tuple[str, str]) -> None:
        """Whatever is seen is never older than what was seen before, and a pod that is there is never seen to be gone."""
        seen = self.cache.get_cached(*key)
        metadata: Any = seen.pod.metadata
        if int(metadata.resource_version) < self.newest.get(metadata.uid, 0):
            self.wrong.append(f"{key[1]} goes back from {self.newest[metadata.uid]} to {metadata.resource_version}")
        self.newest[metadata.uid] = int(metadata.resource_version)
        if seen.gone:
            there = self.server.objects.get(key[1])
            if there is not None and there["metadata"]["uid"] == metadata.uid:
                self.wrong.append(f"{key[1]} is there, and said to be gone")

    def check_versions(self) -> None:
        """Every change of what is seen has a greater number."""
        assert not self.wrong
        for name in "abc":
            seen = self.cache.get_cached(NS, name)
            if seen is None:
                continue
            now = (seen.pod, seen.events, seen.memory, seen.gone)
            before = self.last.get(name)
            if before is not None:
                assert seen.version >= before[0]
                assert (seen.version > before[0]) == (now != before[1])
            self.last[name] = (seen.version, now)

    def settle(self) -> None:
        """Let the server be good for a while."""
        self.server.trouble, self.server.between, self.server.cut_at = [], [], 500
        while self.late:
            self.step("late", "")
        for _ in range(3):
            self.watch.once()
        self.check_versions()


@settings(max_examples=250, deadline=None)
@given(STEPS)
def test_the_cache_ends_with_the_pods_of_the_cluster(steps: list[tuple[str, Any]]) -> None:
    run = Run()
    for what, how in steps:
        run.step(what, how)
    run.settle()
    seen = {snapshot.pod.metadata.name: snapshot.pod.metadata for snapshot in run.cache.list_cached()}
    there = {
        name: (found["metadata"]["uid"], found["metadata"]["resourceVersion"], found["metadata"]["annotations"])
        for name, found in run.server.objects.items()
    }
    assert {name: (each.uid, each.resource_version, each.annotations) for name, each in seen.items()} == there
    assert run.watch.error is None


@settings(max_examples=250, deadline=None)
@given(STEPS)
def test_the_cache_ends_with_the_events_of_the_cluster(steps: list[tuple[str, Any]]) -> None:
    """The pods are known throughout; their events come, change and go."""
    cache = PodStore(lambda: datetime(2026, 3, 1, tzinfo=timezone.utc))
    for about in ("p", "q"):
        cache.put(PODS.one(msgspec.json.encode(pod(name=about))), listed=False)

    def make(name: str, version: int, uid: str, changes: int) -> dict[str, Any]:
        found = event(
            "Failed", f"{name} {changes}", about="p" if name in "ab" else "q", name=name, version=version, count=changes
        )
        found["metadata"]["uid"] = uid
        return found

    server = Model(make)
    watch = Reflector(
        Connection(Client()),
        server,
        EVENTS,
        cache.events,
        "events",
        NS,
        options=OPTIONS,
        clock=lambda: 0.0,
        chance=lambda: 0.0,
    )
    for what, how in steps:
        if what in ("put", "delete"):
            getattr(server, what)(how)
        elif what == "compact":
            server.compact()
        elif what == "round":
            server.trouble, server.cut_at = list(how[0]), how[1]
            watch.once()
    server.trouble, server.cut_at = [], 500
    for _ in range(3):
        watch.once()
    for about, names in (("p", "ab"), ("q", "c")):
        told = {one.message for one in cache.get_cached(NS, about).events}
        assert told == {found["message"] for name, found in server.objects.items() if name in names}


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 9))
def test_a_pod_that_is_gone_is_kept_for_its_time_and_no_longer(ages: list[int], most: int) -> None:
    from flytekitplugins_podtriage.kube.informer.pod_entry import Limits

    time = [datetime(2026, 3, 1, tzinfo=timezone.utc)]
    cache = PodStore(lambda: time[0], Limits(gone=most, gone_for=30.0))
    left: list[tuple[str, datetime]] = []
    for number, age in enumerate(ages):
        found = PODS.one(msgspec.json.encode(pod(name=f"p{number}", version=number + 1)))
        cache.put(found, listed=False)
        cache.delete(f"uid-p{number}", found)
        left.append((f"p{number}", time[0]))
        time[0] += timedelta(seconds=age)
        cache.advance("1000")
    kept = {name for name, at in left[-most:] if (time[0] - at).total_seconds() <= 30}
    assert {name for name, _ in left if cache.get_cached(NS, name) is not None} == kept
    assert not list(cache.list_cached())
