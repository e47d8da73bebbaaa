"""The reflector: what it requests, what it stores, and how long it waits after what."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import attrs
import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterDenied, ClusterError
from flytekitplugins_podtriage.kube.client.connection import Connection
from flytekitplugins_podtriage.kube.client.errors import Forbidden, TransportError, TransportTimeout
from flytekitplugins_podtriage.kube.client.http import Response, Stream
from flytekitplugins_podtriage.kube.client.operation import Operation
from flytekitplugins_podtriage.kube.informer import ndjson as lines_module
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from flytekitplugins_podtriage.kube.informer.watch_events import PODS
from tests.builders import NAMESPACE as NS
from tests.builders import pod
from tests.kube.model import line, page, response, status

DURATION = 400.0
"""How long a watch of these tests duration by default, in seconds."""


@attrs.define
class Watch:
    """An upcoming watch: what it sends, and how it ends."""

    chunks: Sequence[bytes] = ()
    error: Exception | None = None
    duration: float = DURATION


class Script:
    """A source with scripted responses, one after the other."""

    def __init__(self) -> None:
        self.upcoming: list[Response | Watch | Exception] = []
        self.queries: list[dict[str, str]] = []
        self.time = 0.0

    def list(self, operation: Operation, query: Mapping[str, str]) -> Response:
        self.queries.append(dict(query))
        response = self.upcoming.pop(0)
        if isinstance(response, Exception):
            raise response
        assert isinstance(response, Response), "a list is requested, but a watch is scripted"
        return response

    @contextmanager
    def watch(self, operation: Operation, query: Mapping[str, str], idle: float) -> Iterator[Stream]:
        self.queries.append(dict(query))
        response = self.upcoming.pop(0)
        if isinstance(response, Exception):
            raise response
        if isinstance(response, Response):
            yield Stream(response.status, response.headers, iter([response.body]), lambda: None)
            return
        yield Stream(200, {}, self._chunks(response), lambda: None)

    def _chunks(self, watch: Watch) -> Iterator[bytes]:
        yield from watch.chunks
        self.time += watch.duration
        if watch.error is not None:
            raise watch.error

    @property
    def lists(self) -> int:
        """How many lists were started."""
        return sum("watch" not in query and "continue" not in query for query in self.queries)


class Client:
    class configuration:  # noqa: N801
        host = "https://model:6443"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def store() -> PodStore:
    return PodStore(lambda: datetime(2026, 3, 1, tzinfo=timezone.utc))


@pytest.fixture
def watch(script: Script, store: PodStore) -> Reflector[Any]:
    """A reflector whose random part is always a quarter."""
    return Reflector(
        Connection(Client(), name="the cluster"),
        script,
        PODS,
        store,
        "pods",
        NS,
        clock=lambda: script.time,
        chance=lambda: 0.25,
    )


@pytest.fixture
def play(script: Script, watch: Reflector[Any]) -> Callable[..., list[float]]:
    """Return a function that runs the reflector against these responses, and returns its waits."""

    def run(*upcoming: Response | Watch | Exception) -> list[float]:
        script.upcoming = list(upcoming)
        waits = []
        while script.upcoming:
            waits.append(watch.once())
        return waits

    return run


def pods_of(store: PodStore) -> list[Any]:
    """Return the names and versions of the pods that exist."""
    return sorted(
        (snapshot.pod.metadata.name, snapshot.pod.metadata.resource_version) for snapshot in store.list_cached()
    )


def error(code: int, message: str = "no", **more: Any) -> Watch:
    """Return a watch that ends with an error inside the stream."""
    return Watch([line("ERROR", status(code, message, **more))])


GONE = response(410, status(410, "too old resource version: 1 (2)", reason="Expired"))
LAG = status(
    504,
    "Timeout: Too large resource version: 9, current: 8",
    reason="Timeout",
    details={
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    },
)
CUT = Watch([], TransportError("connection broken"))


# Requests


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


# New lists


@pytest.mark.parametrize(
    "how", [GONE, error(410, reason="Expired"), error(410, reason="Gone"), error(0, reason="Expired")]
)
def test_an_expired_version_requires_a_new_list_at_once(play: Any, script: Script, store: PodStore, how: Any) -> None:
    waits = play(
        page([pod(name="a", version=3), pod(name="b", version=4)], 7),
        how,
        page([pod(name="b", version=4), pod(name="c", version=9)], 12),
        Watch(),
    )
    assert waits == [0.0, 0.0]
    assert script.queries[-1]["resourceVersion"] == "12"
    assert pods_of(store) == [("b", "4"), ("c", "9")]
    assert store.get_cached(NS, "a").gone, "it vanished in the meantime"


def test_versions_that_keep_expiring_back_off(play: Any) -> None:
    waits = play(*(each for _ in range(8) for each in (page([], 7), GONE)))
    assert waits == [0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 37.5, 37.5]


def test_expired_pages_are_requested_again_in_one_piece(play: Any, script: Script, store: PodStore) -> None:
    expired = response(410, status(410, "The provided continue parameter is too old", reason="Expired"))
    play(page([pod(name="a", version=3)], 7, "next"), expired, page([pod(name="b", version=8)], 9), Watch())
    assert script.queries[2] == {}
    assert pods_of(store) == [("b", "8")]


def test_a_restored_etcd_wins_with_lower_versions(play: Any, store: PodStore) -> None:
    play(
        page([pod(name="a", version=300), pod(name="b", version=310)], 400),
        *[response(504, LAG)] * 6,
        page([pod(name="a", version=20)], 30),
        Watch(),
    )
    assert pods_of(store) == [("a", "20")]


@pytest.mark.parametrize(
    ("lag", "wait"),
    [
        (response(504, LAG), 1.0),
        (response(504, status(504, "Timeout: Too large resource version: 9, current: 8")), 1.0),
        (Watch([line("ERROR", LAG)]), 1.0),
        (response(504, status(504, "Timeout: request did not complete")), 2.0),
        (response(500, status(500, "Timeout: Too large resource version: 9, current: 8")), 2.0),
    ],
)
def test_a_lagging_server_is_retried_after_a_second(play: Any, script: Script, lag: Any, wait: float) -> None:
    assert play(page([], 7), CUT, lag, Watch()) == [1.0, wait, 0.0]
    assert script.lists == 1


def test_only_other_errors_than_lag_back_off(play: Any, script: Script) -> None:
    assert play(page([], 7), *[response(504, LAG)] * 5, Watch()) == [1.0] * 5 + [0.0]
    assert play(*[response(504, status(504, "no"))] * 4, Watch()) == [1.0, 2.0, 4.0, 8.0, 0.0]
    assert script.lists == 1


# Waits


def test_an_unreachable_api_server_backs_off(play: Any, script: Script, watch: Reflector[Any]) -> None:
    refused = TransportError("connection refused")
    waits = play(refused, *[refused] * 7, page([], 7), Watch())
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 37.5, 37.5, 0.0]
    assert script.lists == 9


def test_progress_resets_the_back_off(play: Any) -> None:
    good = Watch([line("ADDED", pod(name="a", version=8))], TransportError("cut"))
    assert play(page([], 7), CUT, CUT, good, CUT) == [1.0, 2.0, 1.0, 2.0]


def test_a_long_idle_watch_resets_the_back_off(play: Any) -> None:
    assert play(page([], 7), CUT, CUT, Watch(duration=31.0), CUT) == [1.0, 2.0, 0.0, 1.0]


def test_a_watch_that_ends_immediately_counts_as_a_failure(play: Any) -> None:
    lines = [line("ADDED", pod(name="a", version=8))]
    assert play(page([], 7), Watch(duration=0.1), Watch(duration=0.1), Watch(lines, duration=0.1)) == [1.0, 2.0, 1.0]
    assert play(Watch(duration=1.1)) == [0.0]


def test_an_idle_timeout_resumes_without_a_wait(play: Any, watch: Reflector[Any]) -> None:
    assert play(page([], 7), Watch([], TransportTimeout("read timed out"), duration=90.0), Watch()) == [0.0, 0.0]
    assert watch.error is None


@pytest.mark.parametrize(
    ("headers", "details", "wait"),
    [
        ({"Retry-After": "3"}, {}, 3.0),
        ({}, {"retryAfterSeconds": 2}, 2.0),
        ({"Retry-After": "999"}, {}, 10.0),
        ({}, {}, 1.0),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_determines_the_wait(
    play: Any, script: Script, code: int, headers: dict[str, str], details: dict[str, Any], wait: float
) -> None:
    busy = response(code, status(code, "busy", details=details), **headers)
    assert play(busy, page([], 7), busy, Watch()) == [wait, pytest.approx(max(wait, 2.0) if wait == 1.0 else wait), 0.0]
    assert script.lists == 2


# Errors


@pytest.mark.parametrize(
    ("upcoming", "kind", "words"),
    [
        ([TransportError("connection refused")], TransportError, "connection refused"),
        ([page([], 7), CUT], TransportError, "connection broken"),
        (
            [
                response(
                    403, status(403, 'pods is forbidden: User "ann" cannot list resource "pods"', reason="Forbidden")
                )
            ],
            Forbidden,
            f"may not list pods in namespace '{NS}' (403)",
        ),
        (
            [page([], 7), response(403, status(403, "pods is forbidden", reason="Forbidden"))],
            Forbidden,
            f"may not watch pods in namespace '{NS}' (403)",
        ),
        ([response(401, status(401, "Unauthorized", reason="Unauthorized"))], ClusterDenied, "not logged in (401)"),
        ([response(404, b"404 page not found")], ClusterError, "HTTP 404"),
        ([response(400, status(400, "unable to parse requirement"))], ClusterError, "unable to parse requirement"),
        ([response(302, b"")], ClusterError, "is it the address of an API server?"),
        ([response(200, b"<html>log in</html>")], ClusterBusy, "is not a list"),
        ([response(200, {"kind": "Pod", "metadata": {}})], ClusterBusy, "is not a list"),
        ([response(500, b"\xff etcdserver: leader changed")], ClusterBusy, "leader changed"),
    ],
)
def test_an_error_is_kept_and_logged_until_it_is_over(
    play: Any, watch: Reflector[Any], caplog: pytest.LogCaptureFixture, upcoming: Any, kind: Any, words: str
) -> None:
    assert watch.error is None
    assert play(*upcoming)[-1] > 0
    assert type(watch.error) is kind
    assert words in str(watch.error) and "\n" not in str(watch.error)
    assert [str(watch.error)] == [record.getMessage().removeprefix("podtriage: ") for record in caplog.records]
    # Three failures lead to a new list; these were one.
    play(*([] if watch.listed.is_set() else [page([], 7)]), Watch())
    assert watch.error is None


def test_missing_permissions_are_retried_seldom(play: Any) -> None:
    no = response(403, status(403, "no", reason="Forbidden"))
    assert play(no, no, page([], 7), no, Watch()) == [37.5, 37.5, 37.5, 0.0]


def test_repeated_errors_are_logged_once(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    play(*[TransportError("connection refused")] * 5, page([], 7), CUT, CUT)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    play(Watch([line("ADDED", pod(name="a", version=8))]), CUT)
    assert len(caplog.records) == 2, "it was over in between"


def test_errors_of_another_kind_are_logged_and_special_cases_of_a_logged_kind_are_not(
    play: Any, caplog: pytest.LogCaptureFixture
) -> None:
    busy = response(503, status(503, "busy"))
    no = response(403, status(403, "no", reason="Forbidden"))
    play(TransportTimeout("timed out"), busy, TransportError("connection refused"), TransportTimeout("timed out"), no)
    messages = [record.getMessage() for record in caplog.records]
    assert ["timed out" in messages[0], "503" in messages[1], "may not list" in messages[2]] == [True] * 3
    assert len(messages) == 3


def test_freshness(play: Any, script: Script, watch: Reflector[Any]) -> None:
    assert not watch.fresh(30.0)
    play(page([pod(name="a")], 7, "next"), TransportError("cut"))
    assert not watch.fresh(30.0), "an incomplete list does not count"
    play(page([], 7), Watch())
    assert watch.fresh(30.0)
    play(CUT)
    script.time += 29.0
    assert watch.fresh(30.0)
    play(TransportError("connection refused"))
    script.time += 2.0
    assert not watch.fresh(30.0)
    play(Watch())
    assert watch.fresh(30.0)


# Malformed responses


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>502 Bad Gateway</html>\n",
        b'{"type":"ADDED","obj\n',
        b'{"type":"ADDED","object":{"kind":"\xff"}}\n',
        b"[1, 2]\n",
        b"7\n",
        b"{}\n",
    ],
)
def test_after_garbage_the_watch_resumes_and_then_lists_again(
    play: Any, script: Script, store: PodStore, watch: Reflector[Any], garbage: bytes
) -> None:
    waits = play(
        page([], 7), Watch([line("ADDED", pod(name="a", version=8)), garbage, line("ADDED", pod(name="b", version=9))])
    )
    assert waits == [1.0] and pods_of(store) == [("a", "8")]
    assert "not a stream of watch events" in str(watch.error)
    assert play(Watch([garbage])) == [2.0]
    assert script.queries[-1]["resourceVersion"] == "8"
    play(page([pod(name="c", version=9)], 10), Watch())
    assert script.lists == 2 and pods_of(store) == [("c", "9")]


def test_an_endless_line_is_an_error(play: Any, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module.lines, "__defaults__", (1000,))
    assert play(page([], 7), Watch([b'{"type":"ADDED","object":{"x":"', *[b"x" * 100] * 20])) == [1.0]


UNDECODABLE = [
    {"spec": {"containers": "none"}},
    {"status": {"conditions": {"type": "Ready"}}},
    {"status": {"containerStatuses": [{"restartCount": "many"}]}},
]


@pytest.mark.parametrize("changes", UNDECODABLE)
def test_an_undecodable_pod_is_ignored_and_not_gone(
    play: Any,
    script: Script,
    store: PodStore,
    watch: Reflector[Any],
    changes: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def bad(name: str, version: int) -> dict[str, Any]:
        return {**pod(name=name, version=version), **changes}

    play(
        page([pod(name="a", version=3), bad("x", 4)], 7),
        Watch([line("MODIFIED", bad("a", 8)), line("ADDED", pod(name="b", version=9))]),
    )
    assert pods_of(store) == [("a", "3"), ("b", "9")]
    play(GONE, page([bad("a", 8), pod(name="b", version=9)], 12), Watch())
    assert pods_of(store) == [("a", "3"), ("b", "9")], "undecodable objects exist all the same"
    play(Watch([line("DELETED", bad("a", 13))]))
    assert pods_of(store) == [("b", "9")]
    assert script.lists == 2 and watch.error is None
    assert [f"pods: {NS}/x cannot be decoded" in record.getMessage() for record in caplog.records] == [True]


def test_an_unknown_event_type_is_ignored(play: Any, store: PodStore) -> None:
    assert play(
        page([pod(name="a", version=3)], 7),
        Watch([line("RENAMED", pod(name="a", version=8)), line("ADDED", pod(name="b", version=9))]),
    ) == [0.0]
    assert pods_of(store) == [("a", "3"), ("b", "9")]


def test_objects_without_a_uid_are_ignored(play: Any, store: PodStore) -> None:
    item = {"metadata": {"name": "x", "namespace": NS}}
    play(page([item, {}], 7), Watch([line("ADDED", item), line("DELETED", {}), line("BOOKMARK", {})]))
    assert pods_of(store) == []


def test_a_list_without_a_version_is_watched_from_any_version(play: Any, script: Script) -> None:
    play(response(200, {"kind": "PodList", "items": None}), Watch())
    assert script.queries[-1]["resourceVersion"] == "0"


@pytest.mark.parametrize("code", [500, 400])
def test_a_persistent_error_leads_to_a_new_list(play: Any, script: Script, code: int) -> None:
    error = response(code, status(code, "etcd event received with PrevKv=nil"))
    play(page([], 7), *[error] * 4, page([], 9), Watch())
    assert script.lists == 2
    assert script.queries[-1]["resourceVersion"] == "9"


def test_a_store_that_raises_gets_a_new_list(
    play: Any, script: Script, watch: Reflector[Any], store: PodStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        monkeypatch.undo()
        raise KeyError("a bug")

    play(page([], 7), Watch())
    monkeypatch.setattr(store, "put", fail)
    assert play(Watch([line("ADDED", pod(name="a", version=8)), line("ADDED", pod(name="b", version=9))])) == [1.0]
    assert "KeyError" in str(watch.error)
    play(page([pod(name="a", version=8), pod(name="b", version=9)], 10), Watch())
    assert pods_of(store) == [("a", "8"), ("b", "9")] and watch.error is None


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
