"""One list and one watch: what is asked for, what is told to the store, and how long is waited after what."""

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
from tests.kube.model import answer, line, page, status

LIVED = 400.0
"""How long a watch of these tests lasts, in seconds, if nothing else is said."""


@attrs.define
class Watch:
    """A watch to come: what it brings, and how it ends."""

    pieces: Sequence[bytes] = ()
    error: Exception | None = None
    lasts: float = LIVED


class Script:
    """A source that answers what it is told to, one after the other."""

    def __init__(self) -> None:
        self.to_come: list[Response | Watch | Exception] = []
        self.asked: list[dict[str, str]] = []
        self.time = 0.0

    def list(self, operation: Operation, query: Mapping[str, str]) -> Response:
        self.asked.append(dict(query))
        found = self.to_come.pop(0)
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Response), "a list is asked for, and a watch is to come"
        return found

    @contextmanager
    def watch(self, operation: Operation, query: Mapping[str, str], idle: float) -> Iterator[Stream]:
        self.asked.append(dict(query))
        found = self.to_come.pop(0)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, Response):
            yield Stream(found.status, found.headers, iter([found.body]), lambda: None)
            return
        yield Stream(200, {}, self._pieces(found), lambda: None)

    def _pieces(self, told: Watch) -> Iterator[bytes]:
        yield from told.pieces
        self.time += told.lasts
        if told.error is not None:
            raise told.error

    @property
    def lists(self) -> int:
        """How many lists were begun."""
        return sum("watch" not in query and "continue" not in query for query in self.asked)


class Client:
    class configuration:  # noqa: N801
        host = "https://model:6443"


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def cache() -> PodStore:
    return PodStore(lambda: datetime(2026, 3, 1, tzinfo=timezone.utc))


@pytest.fixture
def watch(script: Script, cache: PodStore) -> Reflector[Any]:
    """A watch whose luck is always the same: a quarter of what chance may add."""
    return Reflector(
        Connection(Client(), name="the cluster"),
        script,
        PODS,
        cache,
        "pods",
        NS,
        clock=lambda: script.time,
        chance=lambda: 0.25,
    )


@pytest.fixture
def play(script: Script, watch: Reflector[Any]) -> Callable[..., list[float]]:
    """Return what has the watch meet these answers, and returns its waits."""

    def run(*to_come: Response | Watch | Exception) -> list[float]:
        script.to_come = list(to_come)
        waits = []
        while script.to_come:
            waits.append(watch.once())
        return waits

    return run


def there(cache: PodStore) -> list[Any]:
    """Return the names and versions of the pods that are there."""
    return sorted(
        (snapshot.pod.metadata.name, snapshot.pod.metadata.resource_version) for snapshot in cache.list_cached()
    )


def error(code: int, message: str = "no", **more: Any) -> Watch:
    """Return a watch that ends with an error inside the stream."""
    return Watch([line("ERROR", status(code, message, **more))])


GONE = answer(410, status(410, "too old resource version: 1 (2)", reason="Expired"))
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


# What is asked for


def test_a_list_in_pages_and_then_a_watch_from_its_version_on(play: Any, script: Script, cache: PodStore) -> None:
    play(
        page([pod(name="a", version=3), pod(name="b", version=4)], 7, "next/page"),
        page([pod(name="c", version=5)], 7),
        Watch(),
    )
    assert script.asked == [
        {"limit": "500"},
        {"limit": "500", "continue": "next/page"},
        {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": "7", "timeoutSeconds": "375"},
    ]
    assert there(cache) == [("a", "3"), ("b", "4"), ("c", "5")]


def test_a_watch_that_the_server_ends_is_taken_up_at_once_where_it_was(
    play: Any, script: Script, cache: PodStore
) -> None:
    told = Watch([line("ADDED", pod(name="a", version=8)), line("BOOKMARK", {"metadata": {"resourceVersion": "20"}})])
    assert play(page([], 7), Watch([line("ADDED", pod(name="a", version=8))]), told, Watch()) == [0.0, 0.0, 0.0]
    assert [query.get("resourceVersion") for query in script.asked] == [None, "7", "8", "20"]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
def test_lines_may_come_in_any_pieces(play: Any, cache: PodStore, size: int) -> None:
    body = (
        line("ADDED", pod(name="a", version=8))
        + b"\n"
        + line("MODIFIED", pod(name="a", version=9))
        + line("ADDED", pod(name="b", version=10))
    )
    play(page([], 7), Watch([body[at : at + size] for at in range(0, len(body), size)]))
    assert there(cache) == [("a", "9"), ("b", "10")]


def test_a_line_that_a_cut_has_halved_is_not_taken_in(play: Any, script: Script, cache: PodStore) -> None:
    half = line("MODIFIED", pod(name="a", version=9))[:-2]
    play(
        page([pod(name="a", version=3)], 7),
        Watch([line("ADDED", pod(name="b", version=8)) + half], TransportError("cut")),
        Watch(),
    )
    assert there(cache) == [("a", "3"), ("b", "8")]
    assert script.asked[-1]["resourceVersion"] == "8"


def test_what_the_watch_tells_is_what_is_seen(play: Any, cache: PodStore) -> None:
    play(
        page([pod(name="a", version=3), pod(name="b", version=4)], 7),
        Watch([line("MODIFIED", pod(name="a", version=8)), line("DELETED", pod(name="b", version=9))]),
    )
    assert there(cache) == [("a", "8")]
    gone = cache.get_cached(NS, "b")
    assert gone.gone and gone.pod.metadata.resource_version == "9"


# A new list


@pytest.mark.parametrize(
    "how", [GONE, error(410, reason="Expired"), error(410, reason="Gone"), error(0, reason="Expired")]
)
def test_only_a_version_that_is_forgotten_takes_a_new_list_and_that_at_once(
    play: Any, script: Script, cache: PodStore, how: Any
) -> None:
    waits = play(
        page([pod(name="a", version=3), pod(name="b", version=4)], 7),
        how,
        page([pod(name="b", version=4), pod(name="c", version=9)], 12),
        Watch(),
    )
    assert waits == [0.0, 0.0]
    assert script.asked[-1]["resourceVersion"] == "12"
    assert there(cache) == [("b", "4"), ("c", "9")]
    assert cache.get_cached(NS, "a").gone, "what vanished meanwhile is told as gone"


def test_a_version_that_is_forgotten_again_and_again_is_not_asked_for_in_a_hurry(play: Any) -> None:
    waits = play(*(each for _ in range(8) for each in (page([], 7), GONE)))
    assert waits == [0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 37.5, 37.5]


def test_pages_that_have_expired_are_asked_for_anew_in_one_piece(play: Any, script: Script, cache: PodStore) -> None:
    expired = answer(410, status(410, "The provided continue parameter is too old", reason="Expired"))
    play(page([pod(name="a", version=3)], 7, "next"), expired, page([pod(name="b", version=8)], 9), Watch())
    assert script.asked[2] == {}
    assert there(cache) == [("b", "8")]


def test_after_an_etcd_was_restored_its_word_counts_though_it_counts_from_lower(play: Any, cache: PodStore) -> None:
    play(
        page([pod(name="a", version=300), pod(name="b", version=310)], 400),
        *[answer(504, LAG)] * 6,
        page([pod(name="a", version=20)], 30),
        Watch(),
    )
    assert there(cache) == [("a", "20")]


@pytest.mark.parametrize(
    ("lag", "wait"),
    [
        (answer(504, LAG), 1.0),
        (answer(504, status(504, "Timeout: Too large resource version: 9, current: 8")), 1.0),
        (Watch([line("ERROR", LAG)]), 1.0),
        (answer(504, status(504, "Timeout: request did not complete")), 2.0),
        (answer(500, status(500, "Timeout: Too large resource version: 9, current: 8")), 2.0),
    ],
)
def test_a_server_that_does_not_know_the_version_yet_is_asked_again_after_a_second(
    play: Any, script: Script, lag: Any, wait: float
) -> None:
    assert play(page([], 7), CUT, lag, Watch()) == [1.0, wait, 0.0]
    assert script.lists == 1


def test_a_server_that_lags_is_given_a_second_each_time_and_any_other_longer_and_longer(
    play: Any, script: Script
) -> None:
    assert play(page([], 7), *[answer(504, LAG)] * 5, Watch()) == [1.0] * 5 + [0.0]
    assert play(*[answer(504, status(504, "no"))] * 4, Watch()) == [1.0, 2.0, 4.0, 8.0, 0.0]
    assert script.lists == 1


# Waits


def test_an_api_server_that_is_away_is_asked_less_and_less_often(
    play: Any, script: Script, watch: Reflector[Any]
) -> None:
    refused = TransportError("connection refused")
    waits = play(refused, *[refused] * 7, page([], 7), Watch())
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 37.5, 37.5, 0.0]
    assert script.lists == 9


def test_after_a_step_forward_the_waits_begin_anew(play: Any) -> None:
    good = Watch([line("ADDED", pod(name="a", version=8))], TransportError("cut"))
    assert play(page([], 7), CUT, CUT, good, CUT) == [1.0, 2.0, 1.0, 2.0]


def test_after_a_long_watch_without_news_the_waits_begin_anew_too(play: Any) -> None:
    assert play(page([], 7), CUT, CUT, Watch(lasts=31.0), CUT) == [1.0, 2.0, 0.0, 1.0]


def test_a_watch_that_ends_as_it_begins_counts_as_a_failure(play: Any) -> None:
    news = [line("ADDED", pod(name="a", version=8))]
    assert play(page([], 7), Watch(lasts=0.1), Watch(lasts=0.1), Watch(news, lasts=0.1)) == [1.0, 2.0, 1.0]
    assert play(Watch(lasts=1.1)) == [0.0]


def test_a_watch_of_which_nothing_comes_is_taken_up_anew_without_a_wait(play: Any, watch: Reflector[Any]) -> None:
    assert play(page([], 7), Watch([], TransportTimeout("read timed out"), lasts=90.0), Watch()) == [0.0, 0.0]
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
def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    play: Any, script: Script, code: int, headers: dict[str, str], details: dict[str, Any], wait: float
) -> None:
    busy = answer(code, status(code, "busy", details=details), **headers)
    assert play(busy, page([], 7), busy, Watch()) == [wait, pytest.approx(max(wait, 2.0) if wait == 1.0 else wait), 0.0]
    assert script.lists == 2


# What it tells of itself


@pytest.mark.parametrize(
    ("to_come", "kind", "words"),
    [
        ([TransportError("connection refused")], TransportError, "connection refused"),
        ([page([], 7), CUT], TransportError, "connection broken"),
        (
            [answer(403, status(403, 'pods is forbidden: User "ann" cannot list resource "pods"', reason="Forbidden"))],
            Forbidden,
            f"may not list pods in namespace '{NS}' (403)",
        ),
        (
            [page([], 7), answer(403, status(403, "pods is forbidden", reason="Forbidden"))],
            Forbidden,
            f"may not watch pods in namespace '{NS}' (403)",
        ),
        ([answer(401, status(401, "Unauthorized", reason="Unauthorized"))], ClusterDenied, "not logged in (401)"),
        ([answer(404, b"404 page not found")], ClusterError, "HTTP 404"),
        ([answer(400, status(400, "unable to parse requirement"))], ClusterError, "unable to parse requirement"),
        ([answer(302, b"")], ClusterError, "is it the address of an API server?"),
        ([answer(200, b"<html>log in</html>")], ClusterBusy, "is not a list"),
        ([answer(200, {"kind": "Pod", "metadata": {}})], ClusterBusy, "is not a list"),
        ([answer(500, b"\xff etcdserver: leader changed")], ClusterBusy, "leader changed"),
    ],
)
def test_what_it_meets_is_kept_and_told_until_it_is_over(
    play: Any, watch: Reflector[Any], caplog: pytest.LogCaptureFixture, to_come: Any, kind: Any, words: str
) -> None:
    assert watch.error is None
    assert play(*to_come)[-1] > 0
    assert type(watch.error) is kind
    assert words in str(watch.error) and "\n" not in str(watch.error)
    assert [str(watch.error)] == [record.getMessage().removeprefix("podtriage: ") for record in caplog.records]
    # A watch that was refused for three times is begun anew with a list; these were refused once.
    play(*([] if watch.listed.is_set() else [page([], 7)]), Watch())
    assert watch.error is None


def test_rights_that_are_missing_are_asked_for_seldom(play: Any) -> None:
    no = answer(403, status(403, "no", reason="Forbidden"))
    assert play(no, no, page([], 7), no, Watch()) == [37.5, 37.5, 37.5, 0.0]


def test_the_same_trouble_is_logged_once(play: Any, caplog: pytest.LogCaptureFixture) -> None:
    play(*[TransportError("connection refused")] * 5, page([], 7), CUT, CUT)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    play(Watch([line("ADDED", pod(name="a", version=8))]), CUT)
    assert len(caplog.records) == 2, "it was over, and is new again"


def test_errors_of_another_kind_are_logged_and_special_cases_of_a_logged_kind_are_not(
    play: Any, caplog: pytest.LogCaptureFixture
) -> None:
    busy = answer(503, status(503, "busy"))
    no = answer(403, status(403, "no", reason="Forbidden"))
    play(TransportTimeout("timed out"), busy, TransportError("connection refused"), TransportTimeout("timed out"), no)
    messages = [record.getMessage() for record in caplog.records]
    assert ["timed out" in messages[0], "503" in messages[1], "may not list" in messages[2]] == [True] * 3
    assert len(messages) == 3


def test_whether_it_is_up_to_date(play: Any, script: Script, watch: Reflector[Any]) -> None:
    assert not watch.fresh(30.0)
    play(page([pod(name="a")], 7, "next"), TransportError("cut"))
    assert not watch.fresh(30.0), "half a list is none"
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


# What no API server should write


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
def test_after_garbage_the_watch_goes_on_where_it_was_and_then_begins_anew(
    play: Any, script: Script, cache: PodStore, watch: Reflector[Any], garbage: bytes
) -> None:
    waits = play(
        page([], 7), Watch([line("ADDED", pod(name="a", version=8)), garbage, line("ADDED", pod(name="b", version=9))])
    )
    assert waits == [1.0] and there(cache) == [("a", "8")]
    assert "not a stream of watch events" in str(watch.error)
    assert play(Watch([garbage])) == [2.0]
    assert script.asked[-1]["resourceVersion"] == "8"
    play(page([pod(name="c", version=9)], 10), Watch())
    assert script.lists == 2 and there(cache) == [("c", "9")]


def test_a_line_without_an_end_is_given_up(play: Any, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module.lines, "__defaults__", (1000,))
    assert play(page([], 7), Watch([b'{"type":"ADDED","object":{"x":"', *[b"x" * 100] * 20])) == [1.0]


UNREADABLE = [
    {"spec": {"containers": "none"}},
    {"status": {"conditions": {"type": "Ready"}}},
    {"status": {"containerStatuses": [{"restartCount": "many"}]}},
]


@pytest.mark.parametrize("odd", UNREADABLE)
def test_a_pod_of_another_form_is_passed_by_and_not_said_to_be_gone(
    play: Any,
    script: Script,
    cache: PodStore,
    watch: Reflector[Any],
    odd: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def bad(name: str, version: int) -> dict[str, Any]:
        return {**pod(name=name, version=version), **odd}

    play(
        page([pod(name="a", version=3), bad("x", 4)], 7),
        Watch([line("MODIFIED", bad("a", 8)), line("ADDED", pod(name="b", version=9))]),
    )
    assert there(cache) == [("a", "3"), ("b", "9")]
    play(GONE, page([bad("a", 8), pod(name="b", version=9)], 12), Watch())
    assert there(cache) == [("a", "3"), ("b", "9")], "what cannot be read is there all the same"
    play(Watch([line("DELETED", bad("a", 13))]))
    assert there(cache) == [("b", "9")]
    assert script.lists == 2 and watch.error is None
    assert [f"pods: {NS}/x cannot be decoded" in record.getMessage() for record in caplog.records] == [True]


def test_a_kind_of_change_that_is_not_known_yet_changes_nothing(play: Any, cache: PodStore) -> None:
    assert play(
        page([pod(name="a", version=3)], 7),
        Watch([line("RENAMED", pod(name="a", version=8)), line("ADDED", pod(name="b", version=9))]),
    ) == [0.0]
    assert there(cache) == [("a", "3"), ("b", "9")]


def test_objects_without_a_uid_are_none(play: Any, cache: PodStore) -> None:
    nothing = {"metadata": {"name": "x", "namespace": NS}}
    play(page([nothing, {}], 7), Watch([line("ADDED", nothing), line("DELETED", {}), line("BOOKMARK", {})]))
    assert there(cache) == []


def test_a_list_without_a_version_is_watched_from_anywhere(play: Any, script: Script) -> None:
    play(answer(200, {"kind": "PodList", "items": None}), Watch())
    assert script.asked[-1]["resourceVersion"] == "0"


@pytest.mark.parametrize("code", [500, 400])
def test_a_refusal_that_stands_takes_a_new_list_in_the_end(play: Any, script: Script, code: int) -> None:
    refusal = answer(code, status(code, "etcd event received with PrevKv=nil"))
    play(page([], 7), *[refusal] * 4, page([], 9), Watch())
    assert script.lists == 2
    assert script.asked[-1]["resourceVersion"] == "9"


def test_a_store_that_raises_is_told_everything_anew(
    play: Any, script: Script, watch: Reflector[Any], cache: PodStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        monkeypatch.undo()
        raise KeyError("a bug")

    play(page([], 7), Watch())
    monkeypatch.setattr(cache, "put", fail)
    assert play(Watch([line("ADDED", pod(name="a", version=8)), line("ADDED", pod(name="b", version=9))])) == [1.0]
    assert "KeyError" in str(watch.error)
    play(page([pod(name="a", version=8), pod(name="b", version=9)], 10), Watch())
    assert there(cache) == [("a", "8"), ("b", "9")] and watch.error is None


def test_who_waits_for_the_first_list_is_called_once(script: Script, cache: PodStore) -> None:
    called: list[bool] = []
    begun = Reflector(
        Connection(Client()), script, PODS, cache, "pods", on_listed=lambda: called.append(begun.listed.is_set())
    )
    script.to_come = [page([pod(name="a")], 7, "next"), page([], 7), Watch(), GONE, page([], 9), Watch()]
    while script.to_come:
        begun.once()
    assert called == [True]


def test_a_watch_that_is_stopped_before_it_has_begun_asks_nothing(script: Script, watch: Reflector[Any]) -> None:
    watch.stop()
    watch.run()
    assert script.asked == []
