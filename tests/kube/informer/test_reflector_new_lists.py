"""The reflector lists anew when its version has expired or an error persists, and not because a server lags."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.kube.client.errors import TransportTimeout
from flytekitplugins_podtriage.kube.informer.pod_store import PodStore
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from tests.builders import NAMESPACE as NS
from tests.builders import pod
from tests.kube.informer.scripted_source import CUT, GONE, LAG, Script, Watch, error, pods_of
from tests.kube.model import line, page, response, status


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
    assert waits == [0.0, 2.0, 4.0, 6.25, 6.25, 6.25, 6.25, 6.25]


def test_expired_pages_are_requested_again_in_one_piece(play: Any, script: Script, store: PodStore) -> None:
    expired = response(410, status(410, "The provided continue parameter is too old", reason="Expired"))
    play(page([pod(name="a", version=3)], 7, "next"), expired, page([pod(name="b", version=8)], 9), Watch())
    assert script.queries[2] == {}
    assert pods_of(store) == [("b", "8")]


OLDER = page([pod(name="a", version=20)], 30)


@pytest.mark.parametrize("paged", [False, True])
def test_a_list_of_an_older_state_is_refused(
    play: Any, script: Script, watch: Reflector[Any], store: PodStore, paged: bool
) -> None:
    older = page([pod(name="a", version=20)], 30, "next" if paged else "")
    play(page([pod(name="a", version=300), pod(name="b", version=310)], 400), GONE, older)
    assert pods_of(store) == [("a", "300"), ("b", "310")]
    assert "resource version 30, but 400 was reached before" in str(watch.error) and not watch.live
    play(page([pod(name="b", version=310)], 500), Watch())
    assert pods_of(store) == [("b", "310")] and watch.error is None


def test_a_list_of_an_older_state_than_the_watch_has_reached_is_refused(play: Any, store: PodStore) -> None:
    reported = Watch([line("MODIFIED", pod(name="a", version=450))])
    play(page([pod(name="a", version=300)], 400), reported, GONE, page([pod(name="a", version=300)], 420))
    assert pods_of(store) == [("a", "450")]


def test_a_restored_etcd_wins_with_lower_versions_after_an_hour(play: Any, script: Script, store: PodStore) -> None:
    lag = [response(504, LAG)] * 6
    play(page([pod(name="a", version=300), pod(name="b", version=310)], 400), *lag, OLDER)
    for minute in (30, 59, 60):
        assert pods_of(store) == [("a", "300"), ("b", "310")]
        script.time = 60.0 * minute
        play(OLDER, *([Watch()] if minute == 60 else ()))
    assert pods_of(store) == [("a", "20")]


def test_watches_on_which_nothing_arrives_lead_to_a_new_list(play: Any, script: Script) -> None:
    silent = Watch([], TransportTimeout("read timed out"), duration=90.0)
    heard = Watch([line("BOOKMARK", pod(version=8))], TransportTimeout("read timed out"), duration=150.0)
    assert play(page([], 7), silent, heard, silent, silent, page([], 9), silent, Watch()) == [0.0] * 6
    assert script.lists == 2


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
    assert play(*[response(504, status(504, "no"))] * 4, Watch()) == [1.0, 2.0, 4.0, 6.25, 0.0]
    assert script.lists == 1


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
