"""A forecast is the same whenever and however it is asked for, and so is the verdict until its recheck."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from flytekitplugins_podtriage import Policy, forecast, triage
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from tests.builders import NOW
from tests.core.charge_search import BACKENDS
from tests.core.strategies import EVENTS, PODS

MOMENTS = st.integers(-4000, 8000).map(lambda seconds: NOW + timedelta(seconds=seconds))
TIGHT = [
    *(Policy.for_backend(backend) for backend in BACKENDS),
    *(attrs.evolve(Policy.for_backend(backend), pod_pending_timeout=400) for backend in BACKENDS),
]


@given(PODS, EVENTS, st.sampled_from(TIGHT), MOMENTS)
def test_the_same_question_has_the_same_answer(
    document: dict[str, Any], events: list[Any], policy: Policy, now: datetime
) -> None:
    first = forecast(document, backend=policy.name, policy=policy, events=events, now=now)
    state, decoded = read_pod(document), tuple(read_events(events))
    assert forecast(state, backend=policy.name, policy=policy, events=decoded, now=now) == first
    assert (first.at is None) == (first.kind is None) == (first.code is None) == (first.message is None)
    assert first.at is None or first.at >= now


@given(PODS, st.sampled_from(TIGHT), MOMENTS, MOMENTS)
def test_a_later_forecast_gives_the_same_moment_or_charges_now(
    document: dict[str, Any], policy: Policy, one: datetime, other: datetime
) -> None:
    now, later = sorted((one, other))
    first = forecast(document, backend=policy.name, policy=policy, now=now)
    second = forecast(document, backend=policy.name, policy=policy, now=later)
    if first.note.startswith("the pull has just failed"):
        # It is about the next back-off, whenever it is asked for.
        assert second.at is not None
        assert first.at is not None
        assert first.at <= max(second.at, later)
    elif first.at is None:
        assert second.at is None
    elif first.at > later:
        assert second == first
    else:
        assert second.at == later


@given(PODS, EVENTS, st.sampled_from(TIGHT), MOMENTS, st.floats(0, 1, exclude_max=True))
def test_a_verdict_does_not_change_before_its_recheck(
    document: dict[str, Any], events: list[Any], policy: Policy, now: datetime, part: float
) -> None:
    """Which is what a forecast relies on: time alone changes nothing before ``recheck_at``, or ever without one."""
    state, decoded = read_pod(document), tuple(read_events(events))
    verdict = triage(state, events=decoded, policy=policy, now=now)
    if verdict.phase.terminal:
        return
    until = verdict.recheck_at or now + timedelta(days=300)
    assert until > now
    between = triage(state, events=decoded, policy=policy, now=now + (until - now) * part)
    assert attrs.evolve(between, recheck_at=None) == attrs.evolve(verdict, recheck_at=None)
