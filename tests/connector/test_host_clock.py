"""The clock of the connector's host ends no patience: it may jump, be wrong, or stand still while the host sleeps."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flytekitplugins_podtriage
from tests.connector.story_run import PATIENCES, WAITING, Run, play, steps_of
from tests.recordings import timelines

pytestmark = pytest.mark.usefixtures("watches_in_rounds")

HOUR = 3600.0
AFTER = (1.0, 5.0, 20.0, 38.0, 45.0, 60.0, 88.0, 97.0, 130.0)
"""When FlytePropeller asks, in seconds since the jump."""
JUMPS = {"forward": HOUR, "back": -HOUR}


async def jump(run: Run, how: str, step: int) -> None:
    """Let the host's clock jump at a step of the story, while the API server is well."""
    began = run.server.steps[step]
    for at in sorted({run.server.steps[0], began}):
        if await run.poll(at) is not None:
            return
    run.here.wall_ahead += JUMPS[how]
    for since in AFTER:
        at = began + since
        verdict = await run.poll(at)
        if verdict is not None:
            assert run.is_right(verdict, at, at), (since, verdict, run.truth(at))
            return
        overdue = run.truth(at - 6.0).phase.terminal  # time for one more question
        assert not overdue or since < 6.0, (run.truth(at), "but it has not ended", since)


@pytest.mark.parametrize("how", JUMPS)
@settings(max_examples=10)
@given(st.sampled_from(WAITING) | st.sampled_from(sorted(timelines())), st.floats(0, 1, exclude_max=True))
def test_a_jump_of_the_clock_ends_nothing(how: str, name: str, part: float) -> None:
    play(name, functools.partial(jump, how=how, step=int(part * len(steps_of(name)))))


@pytest.mark.slow
@pytest.mark.parametrize("how", JUMPS)
@pytest.mark.parametrize("name", timelines())
def test_a_jump_of_the_clock_ends_nothing_at_any_step(name: str, how: str) -> None:
    for step in range(len(steps_of(name))):
        play(name, functools.partial(jump, how=how, step=step))


@pytest.mark.parametrize("name", ["pull-429-recovers-after-grace@1.34.4", "pull-404-manifest-unknown@1.31.0"])
def test_a_host_that_slept_for_an_hour_ends_nothing_before_it_has_looked(name: str) -> None:
    async def sleep(run: Run) -> None:
        assert await run.poll(run.server.steps[0]) is None
        assert await run.poll(20.0) is None
        run.here.slept += HOUR
        at = 20.0 + HOUR
        # It does not know yet that time has passed.
        assert await run.poll(at, watched=False) is None
        verdict = await run.poll(at + 1)
        assert verdict is not None and run.is_right(verdict, at + 1, 20.0)

    play(name, sleep)


@pytest.mark.parametrize("wrong", [-HOUR, HOUR])
@pytest.mark.parametrize("name", ["pull-429-hub-manifest@1.31.0", "pull-404-manifest-unknown@1.31.0"])
def test_a_clock_that_is_wrong_all_the_time_ends_nothing_early_or_late(name: str, wrong: float) -> None:
    async def wait(run: Run) -> None:
        run.here.wall_ahead = wrong
        ended = None
        at = run.server.steps[0]
        while ended is None:
            ended = await run.poll(at)
            at += 1.0
        assert run.is_right(ended, at, at)
        assert any(patience <= at <= patience + 25.0 for patience in PATIENCES), at

    play(name, wait)


def test_nothing_that_decides_reads_the_host_s_clock() -> None:
    """What has to know the time of a cluster asks the cluster."""
    package = Path(flytekitplugins_podtriage.__file__).parent
    allowed = {("connector/hook.py", "now"), ("kube/client/server_clock.py", "time")}  # documented defaults
    read = set()
    for room in ("connector", "kube", "local"):
        for path in (package / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    name = (node.value.id, node.attr)
                    if name in {("datetime", "now"), ("datetime", "utcnow"), ("time", "time")}:
                        read.add((path.relative_to(package).as_posix(), node.attr))
    assert read <= allowed, read - allowed
