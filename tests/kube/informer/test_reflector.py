"""The reflector lists in pages, watches from the version of its list, and stores what they bring."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import TransportError
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from flytekitplugins_podtriage.kube.informer.watch_events import PODS
from tests.builders import NAMESPACE as NS
from tests.builders import pod
from tests.kube.informer.scripted_source import GONE, Client, Script, Watch, pods_of
from tests.kube.model import line, page


def test_a_list_in_pages_and_a_watch_from_its_version(play: Any, script: Script, store: PodStore) -> None:
    play(
        page([pod(name="a", version=3), pod(name="b", version=4)], 7, "next/page"),
        page([pod(name="c", version=5)], 7),
        Watch(),
    )
    assert script.queries == [
        {"limit": "500"},
        {"limit": "500", "continue": "next/page"},
        {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": "7", "timeoutSeconds": "375"},
    ]
    assert pods_of(store) == [("a", "3"), ("b", "4"), ("c", "5")]


def test_a_watch_that_the_server_ends_resumes_at_once(play: Any, script: Script, store: PodStore) -> None:
    second = Watch([line("ADDED", pod(name="a", version=8)), line("BOOKMARK", {"metadata": {"resourceVersion": "20"}})])
    assert play(page([], 7), Watch([line("ADDED", pod(name="a", version=8))]), second, Watch()) == [0.0, 0.0, 0.0]
    assert [query.get("resourceVersion") for query in script.queries] == [None, "7", "8", "20"]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
def test_lines_may_arrive_in_any_chunks(play: Any, store: PodStore, size: int) -> None:
    body = (
        line("ADDED", pod(name="a", version=8))
        + b"\n"
        + line("MODIFIED", pod(name="a", version=9))
        + line("ADDED", pod(name="b", version=10))
    )
    play(page([], 7), Watch([body[at : at + size] for at in range(0, len(body), size)]))
    assert pods_of(store) == [("a", "9"), ("b", "10")]


def test_an_incomplete_line_is_ignored(play: Any, script: Script, store: PodStore) -> None:
    half = line("MODIFIED", pod(name="a", version=9))[:-2]
    play(
        page([pod(name="a", version=3)], 7),
        Watch([line("ADDED", pod(name="b", version=8)) + half], TransportError("cut")),
        Watch(),
    )
    assert pods_of(store) == [("a", "3"), ("b", "8")]
    assert script.queries[-1]["resourceVersion"] == "8"


def test_the_watch_updates_the_store(play: Any, store: PodStore) -> None:
    play(
        page([pod(name="a", version=3), pod(name="b", version=4)], 7),
        Watch([line("MODIFIED", pod(name="a", version=8)), line("DELETED", pod(name="b", version=9))]),
    )
    assert pods_of(store) == [("a", "8")]
    gone = store.get_cached(NS, "b")
    assert gone.gone and gone.pod.metadata.resource_version == "9"


def test_on_listed_is_called_once(script: Script, store: PodStore) -> None:
    called: list[bool] = []
    reflector = Reflector(
        Connection(Client()), script, PODS, store, "pods", on_listed=lambda: called.append(reflector.listed.is_set())
    )
    script.upcoming = [page([pod(name="a")], 7, "next"), page([], 7), Watch(), GONE, page([], 9), Watch()]
    while script.upcoming:
        reflector.once()
    assert called == [True]


def test_a_stopped_reflector_sends_no_request(script: Script, watch: Reflector[Any]) -> None:
    watch.stop()
    watch.run()
    assert script.queries == []
