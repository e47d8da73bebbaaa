"""Whatever happens between a cluster and its watch, the store ends with the objects of the cluster."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
from hypothesis import given
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
RESPONSES = st.tuples(st.just("response"), st.tuples(NAMES, st.booleans())) | st.tuples(st.just("late"), st.just(""))
FAULTS = st.sampled_from(["", "", "", "cut", "cut", "gone", "expire", "garbage", "refuse"])
ROUNDS = st.tuples(st.just("round"), st.tuples(st.lists(FAULTS, max_size=2), st.integers(0, 2000)))
BETWEEN = st.tuples(st.just("between"), st.lists(CHANGES | RESPONSES, min_size=1, max_size=4))
STEPS = st.lists(CHANGES | CHANGES | ROUNDS | ROUNDS | BETWEEN | RESPONSES, min_size=12, max_size=40)
OPTIONS = WatchOptions(page_size=2)


class Client:
    """A connection's client, as far as messages name it."""

    class configuration:  # noqa: N801
        host = "https://model"


def make_pod(name: str, version: int, uid: str, changes: int) -> dict[str, Any]:
    return pod(name=name, version=version, uid=uid, metadata={"annotations": {"changes": str(changes)}})


class Run:
    """One server, one reflector, one store, and responses to other requests that are still in flight."""

    def __init__(self) -> None:
        self.server = Model(make_pod)
        self.time = datetime(2026, 3, 1, tzinfo=timezone.utc)
        self.store = PodStore(lambda: self.time, changed=self.changed)
        self.reflector = Reflector(
            Connection(Client()),
            self.server,
            PODS,
            self.store,
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
        """What was wrong at any moment; collected, since a reflector survives what its store raises."""

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
            server.faults, server.cut_at = list(how[0]), how[1]
            self.reflector.once()
        elif what == "response":  # to a create, if it does not exist, or to a get; it may arrive late
            name, late = how
            state = PODS.one(msgspec.json.encode(server.objects.get(name) or server.put(name)))
            if late:
                self.late.append(state)
            else:
                self.store.offer(state)
        elif self.late:
            self.store.offer(self.late.pop(0))
        self.check_versions()

    def changed(self, key: tuple[str, str]) -> None:
        """A state is never older than the one before, and a pod that exists is never gone."""
        snapshot = self.store.get_cached(*key)
        metadata: Any = snapshot.pod.metadata
        if int(metadata.resource_version) < self.newest.get(metadata.uid, 0):
            self.wrong.append(f"{key[1]} goes back from {self.newest[metadata.uid]} to {metadata.resource_version}")
        self.newest[metadata.uid] = int(metadata.resource_version)
        if snapshot.gone:
            current = self.server.objects.get(key[1])
            if current is not None and current["metadata"]["uid"] == metadata.uid:
                self.wrong.append(f"{key[1]} exists, and is gone in the store")

    def check_versions(self) -> None:
        """Every change has a greater version."""
        assert not self.wrong
        for name in "abc":
            snapshot = self.store.get_cached(NS, name)
            if snapshot is None:
                continue
            state = (snapshot.pod, snapshot.events, snapshot.memory, snapshot.gone)
            before = self.last.get(name)
            if before is not None:
                assert snapshot.version >= before[0]
                assert (snapshot.version > before[0]) == (state != before[1])
            self.last[name] = (snapshot.version, state)

    def settle(self) -> None:
        """Let the server work correctly for a while."""
        self.server.faults, self.server.between, self.server.cut_at = [], [], 500
        while self.late:
            self.step("late", "")
        for _ in range(3):
            self.reflector.once()
        self.check_versions()


@given(STEPS)
def test_the_cache_ends_with_the_pods_of_the_cluster(steps: list[tuple[str, Any]]) -> None:
    run = Run()
    for what, how in steps:
        run.step(what, how)
    run.settle()
    cached = [snapshot.pod.metadata for snapshot in run.store.list_cached()]
    existing = {
        name: (item["metadata"]["uid"], item["metadata"]["resourceVersion"], item["metadata"]["annotations"])
        for name, item in run.server.objects.items()
    }
    assert {each.name: (each.uid, each.resource_version, each.annotations) for each in cached} == existing
    assert run.reflector.error is None


@given(STEPS)
def test_the_cache_ends_with_the_events_of_the_cluster(steps: list[tuple[str, Any]]) -> None:
    """The pods exist throughout; their events are created, changed and deleted."""
    store = PodStore(lambda: datetime(2026, 3, 1, tzinfo=timezone.utc))
    for about in ("p", "q"):
        store.put(PODS.one(msgspec.json.encode(pod(name=about))), listed=False)

    def make(name: str, version: int, uid: str, changes: int) -> dict[str, Any]:
        item = event(
            "Failed", f"{name} {changes}", about="p" if name in "ab" else "q", name=name, version=version, count=changes
        )
        item["metadata"]["uid"] = uid
        return item

    server = Model(make)
    reflector = Reflector(
        Connection(Client()),
        server,
        EVENTS,
        store.events,
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
            server.faults, server.cut_at = list(how[0]), how[1]
            reflector.once()
    server.faults, server.cut_at = [], 500
    for _ in range(3):
        reflector.once()
    for about, names in (("p", "ab"), ("q", "c")):
        messages = {event.message for event in store.get_cached(NS, about).events}
        assert messages == {item["message"] for name, item in server.objects.items() if name in names}


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 9))
def test_a_deleted_pod_is_kept_for_its_time_and_no_longer(ages: list[int], most: int) -> None:
    from flytekitplugins_podtriage.kube.informer.pod_entry import Limits

    time = [datetime(2026, 3, 1, tzinfo=timezone.utc)]
    store = PodStore(lambda: time[0], Limits(gone=most, gone_for=30.0))
    deleted: list[tuple[str, datetime]] = []
    for number, age in enumerate(ages):
        item = PODS.one(msgspec.json.encode(pod(name=f"p{number}", version=number + 1)))
        store.put(item, listed=False)
        store.delete(f"uid-p{number}", item)
        deleted.append((f"p{number}", time[0]))
        time[0] += timedelta(seconds=age)
        store.advance("1000")
    kept = {name for name, at in deleted[-most:] if (time[0] - at).total_seconds() <= 30}
    assert {name for name, _ in deleted if store.get_cached(NS, name) is not None} == kept
    assert not list(store.list_cached())
