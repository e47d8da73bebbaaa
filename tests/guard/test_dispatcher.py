"""Requests are made a few at a time, the most urgent first, and not while the API server wants to be left alone."""

from __future__ import annotations

import asyncio
import logging

import pytest

from flytekitplugins_podtriage.guard.dispatcher import Dispatcher


class Jobs:
    """Jobs that wait until they are told to end."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._begins: dict[str, asyncio.Event] = {}

    def submit(self, name: str, urgency: float) -> None:
        begin, end = self._begins[name], self._ends[name] = asyncio.Event(), asyncio.Event()

        async def job() -> None:
            self.begun.append(name)
            begin.set()
            await end.wait()

        self.dispatcher.submit((urgency,), job)

    async def until_begun(self, name: str) -> None:
        await asyncio.wait_for(self._begins[name].wait(), 10)

    async def end(self, name: str) -> None:
        self._ends[name].set()
        for _ in range(5):
            await asyncio.sleep(0)


async def test_the_most_urgent_comes_first() -> None:
    jobs = Jobs(Dispatcher(2))
    for name, urgency in (("a", 5), ("b", 5), ("c", 3), ("d", 1), ("e", 3)):
        jobs.submit(name, urgency)
    await asyncio.sleep(0)
    assert jobs.begun == ["a", "b"]
    assert (jobs.dispatcher.running, jobs.dispatcher.queued) == (2, 3)
    await jobs.end("b")
    await jobs.end("a")
    assert jobs.begun == ["a", "b", "d", "c"], "of equal urgency the first"
    for name in "cde":
        await jobs.end(name)
    assert (jobs.dispatcher.running, jobs.dispatcher.queued) == (0, 0)


async def test_nothing_begins_during_a_pause() -> None:
    jobs = Jobs(Dispatcher(2))
    jobs.dispatcher.pause(0.05)
    jobs.dispatcher.pause(0.01)
    jobs.submit("a", 1)
    await asyncio.sleep(0)
    assert jobs.begun == []
    began = asyncio.get_running_loop().time()
    await jobs.until_begun("a")
    assert asyncio.get_running_loop().time() - began > 0.03
    await jobs.end("a")


async def test_a_job_that_fails_does_not_keep_others_from_running(caplog: pytest.LogCaptureFixture) -> None:
    dispatcher = Dispatcher(1)
    jobs = Jobs(dispatcher)

    async def broken() -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        dispatcher.submit((0,), broken)
        jobs.submit("a", 1)
        await jobs.until_begun("a")
    assert "ZeroDivisionError" in caplog.text
    await jobs.end("a")


async def test_closing_waits_for_what_runs_and_begins_nothing_more() -> None:
    jobs = Jobs(Dispatcher(1))
    jobs.submit("a", 1)
    jobs.submit("b", 1)
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(jobs.dispatcher.close(5.0))
    await asyncio.sleep(0)
    await jobs.end("a")
    assert await closing
    assert jobs.begun == ["a"]


async def test_closing_gives_up_on_what_hangs() -> None:
    jobs = Jobs(Dispatcher(1))
    jobs.submit("a", 1)
    await asyncio.sleep(0)
    assert not await jobs.dispatcher.close(0.01)
