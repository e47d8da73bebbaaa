"""The reflector waits after a failure, and longer after each further one until there is progress."""

from __future__ import annotations

from typing import Any

import pytest

from flytekitplugins_podtriage.kube.client.errors import TransportError, TransportTimeout
from flytekitplugins_podtriage.kube.informer.reflector import Reflector
from tests.builders import pod
from tests.kube.informer.scripted_source import CUT, Script, Watch
from tests.kube.model import line, page, response, status


def test_an_unreachable_api_server_backs_off(play: Any, script: Script, watch: Reflector[Any]) -> None:
    refused = TransportError("connection refused")
    waits = play(refused, *[refused] * 7, page([], 7), Watch())
    assert waits == [1.0, 2.0, 4.0, 6.25, 6.25, 6.25, 6.25, 6.25, 0.0]
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
