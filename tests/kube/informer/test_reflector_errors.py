"""The reflector keeps an error, and logs it once, until it is over."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from flytekitplugins_podtriage.core.pod_cluster import ClusterBusy, ClusterDenied, ClusterError
from flytekitplugins_podtriage.kube.client.errors import Forbidden, TransportError, TransportTimeout
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from tests.builders import NAMESPACE as NS
from tests.builders import pod
from tests.kube.informer.scripted_source import CUT, Script, Watch
from tests.kube.model import line, page, response, status


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
    assert play(*[no] * 8) == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 37.5, 37.5]


def test_permissions_that_were_there_are_tried_again_soon(play: Any) -> None:
    """kube-apiserver answers 403 after its start until it has read the roles."""
    no = response(403, status(403, "no", reason="Forbidden"))
    refused = TransportError("connection refused")
    waits = play(page([], 7), CUT, *[refused] * 8, no, no, page([], 9), Watch())
    assert waits[-3:] == [6.25, 6.25, 0.0]


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
