"""No attempt ends because time passed while the API server was away; it ends as it should soon after its return.

The acceptance is about every step of every recorded story: those are the slow tests.
"""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytekitplugins_podtriage.kube.informer.backoff import WatchOptions
from tests.connector.story_run import WAITING, Run, play, steps_of
from tests.connector.story_server import FAULTS
from tests.recordings import timelines

pytestmark = pytest.mark.usefixtures("watches_in_rounds")

AWAY = 1000.0
"""How long the server is away, in seconds: longer than each patience."""
POLLS = (0.5, 5.0, 20.0, 38.0, 42.0, 60.0, 88.0, 92.0, 130.0, 300.0, 600.0, 990.0)
"""When FlytePropeller asks, in seconds since the server is away."""
RECONNECTED = 2 * WatchOptions().max_wait
"""How many seconds after the server's return the watches have begun again at the latest."""
BACK = (1.0, 5.0, RECONNECTED, 15.0, 20.0, 25.0, 30.0)
"""When FlytePropeller asks, in seconds since the server's return."""


async def away(run: Run, fault: str, step: int) -> None:
    """Let the server be away from a step of the story on."""
    began = run.server.steps[step]
    for at in sorted({run.server.steps[0], began}):
        if await run.poll(at) is not None:
            return  # over before
    run.server.break_down(fault)
    for since in POLLS:
        verdict = await run.poll(began + since)
        if verdict is not None:
            assert run.is_right(verdict, began + since, began), (since, verdict, run.truth(began + since))
            return
    run.server.break_down("")
    for since in BACK:
        at = began + AWAY + since
        verdict = await run.poll(at, watched=since >= RECONNECTED)
        if verdict is not None:
            assert run.is_right(verdict, at, began), (since, verdict, run.truth(at))
            return
    assert not run.truth(at).phase.terminal, (run.truth(at), "but it has not ended within 30 s")


@pytest.mark.parametrize("fault", FAULTS)
@settings(max_examples=15)
@given(st.sampled_from(WAITING) | st.sampled_from(sorted(timelines())), st.floats(0, 1, exclude_max=True))
def test_no_attempt_ends_on_an_outdated_view(fault: str, name: str, part: float) -> None:
    step = int(part * len(steps_of(name)))
    play(name, functools.partial(away, fault=fault, step=step))


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", timelines())
def test_no_attempt_ends_on_an_outdated_view_at_any_step(name: str, fault: str) -> None:
    for step in range(len(steps_of(name))):
        play(name, functools.partial(away, fault=fault, step=step))
