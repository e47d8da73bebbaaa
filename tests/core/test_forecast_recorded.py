"""Recorded pods are charged at the moment that their forecast names, and not before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs

from flytekitplugins_podtriage import Charge, Policy, forecast, triage
from flytekitplugins_podtriage.core import wire
from flytekitplugins_podtriage.core.decode import read_events, read_pod
from tests.core.charge_search import BACK_OFF, BACKENDS, STOCK, TICK, backed_off, check, times_of
from tests.core.test_timelines import steps
from tests.recordings import moment, rows, timelines

ANCIENT = datetime(2, 1, 1, tzinfo=timezone.utc)


def _policies(config: dict[str, Any]) -> Iterator[Policy]:
    for backend in BACKENDS:
        yield attrs.evolve(
            Policy.for_backend(backend), **{key.removesuffix("_s"): value for key, value in config.items()}
        )


def _is_deleted(state: wire.Pod) -> bool:
    return state.metadata is not None and state.metadata.deletion_timestamp is not None


def _holds(state: wire.Pod, policy: Policy, charge: Charge, now: datetime, events: Sequence[wire.Event] = ()) -> bool:
    """Whether a backend charges at the forecast's moment and not just before it."""
    if charge.at is None:
        far = (now, now + timedelta(hours=12), now + timedelta(days=400))
        return not any(triage(state, events=events, policy=policy, now=at).failing for at in far)
    verdict = triage(state, events=events, policy=policy, now=charge.at)
    fields = (verdict.kind, verdict.code, verdict.message, verdict.rule)
    if not verdict.failing or fields != (charge.kind, charge.code, charge.message, charge.rule):
        return False
    return charge.at == now or not triage(state, events=events, policy=policy, now=charge.at - TICK).failing


def test_every_vector_is_charged_at_the_forecast_moment_and_not_before() -> None:
    """A forecast from an hour before the pod's first change says whether the Go code charges it at the vector's time."""
    wrong = []
    charged = dict.fromkeys(BACKENDS, 0)
    for row in rows("vectors.jsonl.gz"):
        state, now = read_pod(row["pod"]), moment(row["now"])
        early = max(min({now, *times_of(row["pod"])}), ANCIENT) - timedelta(hours=1)
        for policy in _policies(row["config"]):
            charge = forecast(state, backend=policy.name, policy=policy, now=early)
            if charge.note.startswith("the pull has just failed") or charge.rule == "stock-deleted":
                continue
            if not _holds(state, policy, charge, early):
                wrong.append((row["id"], policy.name, "moment"))
            if policy.dialect is not None:
                failing = row["expect"][policy.name]["phase"] in ("RetryableFailure", "PermanentFailure")
                charged[policy.name] += failing
                if failing != (charge.at is not None and charge.at <= now):
                    wrong.append((row["id"], policy.name, "Go"))
    assert wrong == []
    assert min(charged[backend] for backend in STOCK) > 1000


def test_the_search_agrees_with_the_forecasts_of_the_vectors() -> None:
    for row in rows("vectors.jsonl.gz")[::29]:
        for policy in _policies(row["config"]):
            if policy.dialect is None or not _is_deleted(read_pod(row["pod"])):
                check(row["pod"], policy, moment(row["now"]))


def test_every_state_of_a_story_is_charged_at_the_forecast_moment_and_not_before() -> None:
    wrong = []
    for name, row in timelines().items():
        for now, document, recorded in list(steps(row))[::3]:
            state, events = read_pod(document), tuple(read_events(recorded))
            for policy in _policies({}):
                charge = forecast(state, backend=policy.name, now=now, events=events)
                if charge.note.startswith("the pull has just failed"):
                    later = read_pod(backed_off(document))
                    assert charge.at is not None
                    if charge.at < now + BACK_OFF or not triage(later, policy=policy, now=charge.at).failing:
                        wrong.append((name, now, policy.name))
                elif charge.rule == "stock-deleted":
                    if charge.at != now or not _is_deleted(state):
                        wrong.append((name, now, policy.name))
                elif not _holds(state, policy, charge, now, events):
                    wrong.append((name, now, policy.name))
    assert wrong == []


def test_the_stories_that_stock_flyte_charges_are_forecast_before_it_does() -> None:
    """While the pod does not change any more, the forecast from its last change is when the recorder saw the charge."""
    row = timelines()["pull-429-hub-manifest@1.34.4"]
    policy = Policy.for_backend("flyte-1.16")
    states = list(steps(row))
    first = next(at for at, document, _ in states if triage(document, policy=policy, now=at).failing)
    before = [(at, document) for at, document, _ in states if at < first]
    at, document = next(
        (at, document) for at, document in reversed(before) if "ImagePullBackOff" in str(document["status"])
    )
    charge = forecast(document, backend="flyte-1.16", now=at)
    assert charge.at is not None
    assert charge.at <= first
