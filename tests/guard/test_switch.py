"""The switch: what its ConfigMap says, and what holds while nobody knows."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from flytekitplugins_podtriage.guard.switch import _AWAY, _TIMEOUTS, PERIOD, Switch
from flytekitplugins_podtriage.kube.client.connection import Connection
from tests.kube.scripted import TIMEOUT, Scripted

PATH = "/api/v1/namespaces/flyte/configmaps/podtriage-guard-switch"


def config_map(**data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "podtriage-guard-switch"}, "data": data}


def status(code: int, reason: str) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason}


@pytest.fixture
def switch(scripted: Connection) -> Switch:
    return Switch(scripted, "flyte", "podtriage-guard-switch")


def test_until_it_was_read_nothing_is_acted_upon(switch: Switch) -> None:
    assert switch.reason == "the switch has not been read yet"


@pytest.mark.parametrize("data", [{}, {"mode": "enforce"}, {"other": "observe"}, {"mode": " enforce\n"}])
def test_the_settings_decide_while_it_does_not_say_observe(
    switch: Switch, script: Scripted, data: dict[str, str]
) -> None:
    script.reply("GET", PATH, 200, config_map(**data))
    assert switch.read() == ""


def test_an_object_without_data_and_one_that_is_not_there_leave_it_to_the_settings(
    switch: Switch, script: Scripted
) -> None:
    script.reply("GET", PATH, 200, {"kind": "ConfigMap", "metadata": {}})
    script.reply("GET", PATH, 404, status(404, "NotFound"))
    assert (switch.read(), switch.read()) == ("", "")


@pytest.mark.parametrize("mode", ["observe", "observe\n"])
def test_observe_stops_all_acts(switch: Switch, script: Scripted, mode: str) -> None:
    script.reply("GET", PATH, 200, config_map(mode=mode))
    assert switch.read() == "ConfigMap flyte/podtriage-guard-switch says `observe`"


@pytest.mark.parametrize("mode", ["off", "Observe", "", "x" * 5000])
def test_a_word_that_is_neither_stops_them_too_and_is_named(switch: Switch, script: Scripted, mode: str) -> None:
    script.reply("GET", PATH, 200, config_map(mode=mode))
    reason = switch.read()
    assert "invalid mode" in reason and reason.endswith("allowed: observe, enforce") and len(reason) < 200


def test_without_the_permission_to_read_it_nothing_is_acted_upon(switch: Switch, script: Scripted) -> None:
    script.reply("GET", PATH, 403, status(403, "Forbidden"))
    reason = switch.read()
    assert "it cannot be known whether" in reason and "get configmaps" in reason


@pytest.mark.parametrize("before", ["observe", "enforce"])
def test_one_answer_that_is_lost_changes_nothing(switch: Switch, script: Scripted, before: str) -> None:
    script.reply("GET", PATH, 200, config_map(mode=before))
    script.reply("GET", PATH, 500, status(500, "InternalError"))
    script.reply("GET", PATH, 200, b"garbage")
    assert switch.read() == switch.read() == switch.read()


def test_after_many_without_an_answer_nothing_is_acted_upon_until_there_is_one(
    switch: Switch, script: Scripted
) -> None:
    script.reply("GET", PATH, 200, config_map())
    for _ in range(_AWAY):
        script.reply("GET", PATH, 500, status(500, "InternalError"))
    script.reply("GET", PATH, 200, config_map())
    assert [bool(switch.read()) for _ in range(_AWAY + 2)] == [False] * _AWAY + [True, False]


def test_it_is_in_time() -> None:
    assert PERIOD + _TIMEOUTS.connect + _TIMEOUTS.read < 5


async def test_changes_are_handed_on_once_each(switch: Switch, script: Scripted) -> None:
    for data in ({}, {}, {"mode": "observe"}, {"mode": "observe"}, {"mode": "enforce"}):
        script.reply("GET", PATH, 200, config_map(**data))
    changes: list[str] = []
    done = asyncio.Event()

    def changed(reason: str) -> None:
        changes.append(reason)
        if len(changes) == 3:
            done.set()

    following = asyncio.create_task(switch.follow(changed, period=0.0))
    await asyncio.wait_for(done.wait(), TIMEOUT)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    assert changes == ["", "ConfigMap flyte/podtriage-guard-switch says `observe`", ""]
